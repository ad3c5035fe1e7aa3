"""The part of a header that reading a study needs, quickly and within bounds.

A header holds a hundred elements and more, of which some fifty are ever looked at. The others
are skipped on the way, and of those kept, equal bytes are turned into a value once a folder.
"""

from collections.abc import Hashable
from typing import BinaryIO

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag, Tag

from hnuiseg.dicom import bounded
from hnuiseg.dicom.attributes import UNREADABLE

# Every top-level attribute that anything looks at in the headers of a scan; a test holds that.
KEPT = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Modality"),
    *("SeriesDescription", "FrameOfReferenceUID", "PositionReferenceIndicator"),
    *("ImageType", "NumberOfFrames", "Manufacturer"),
    # patient and study
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
    # place and pixels
    *("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"),
    *("SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType"),
    # what SUV needs
    *("Units", "SUVType", "CorrectedImage", "DecayCorrection", "PatientWeight", "PatientSize"),
    *("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime"),
    *("TimezoneOffsetFromUTC", "ActualFrameDuration", "FrameReferenceTime"),
    "RadiopharmaceuticalInformationSequence",
    # multi-frame images and registrations
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("RegistrationSequence", "InConcatenationTotalNumber"),
)

# Private elements for SUV, in any of the first sixteen blocks: GE scan time, Philips factors.
_PRIVATE = {0x0009: (0x0D,), 0x7053: (0x00, 0x09)}


def _kept() -> list[BaseTag]:
    tags = [Tag(keyword) for keyword in KEPT]
    for group, elements in _PRIVATE.items():
        for block in range(0x10, 0x20):
            tags.append(Tag(group, block))
            tags += [Tag(group, block << 8 | element) for element in elements]
    return tags


TAGS = _kept()

_CHARSET = Tag("SpecificCharacterSet")

Element = DataElement | RawDataElement


class Known(dict[Hashable, Element]):
    """Values by their bytes.

    `held` counts items of sequences, and values beyond one an element, of all headers.
    """

    held = 0


def read_header(file: BinaryIO, *, bare: bool) -> tuple[pydicom.Dataset, int | None]:
    """The kept elements up to Pixel Data, and the offset of its element in the file.

    The offset is None where the file is deflated, and means nothing where there are no
    pixels. `bare`: without preamble. InputRefused beyond a limit of `hnuiseg.limits`; else raises
    what pydicom raises on damaged files.
    """
    return bounded.read_header(file, TAGS, force=bare)


def converted(header: pydicom.Dataset, known: Known, charset: Hashable = None) -> pydicom.Dataset:
    """The header with every element's bytes turned into a value, so that no later access warns.

    What has the same bytes in many headers becomes one value that they share. What can't
    be converted stays as bytes, and is refused where it is needed.
    """
    elements = dict(header.items())
    own = elements.get(_CHARSET)  # items of a sequence inherit it
    charset = charset if own is None else str(own.value)
    for tag, raw in elements.items():
        if not isinstance(raw, RawDataElement) or tag.is_private:
            elements[tag] = _converted(header, tag, raw, known, charset)
            continue
        key = (int(tag), raw.VR, raw.value, raw.is_implicit_VR, raw.is_little_endian, charset)
        if key not in known:
            known[key] = _converted(header, tag, raw, known, charset)
        elements[tag] = known[key]
    made = pydicom.Dataset(elements)
    if hasattr(header, "file_meta"):
        made.file_meta = header.file_meta
    return made


def _converted(
    header: pydicom.Dataset, tag: BaseTag, raw: Element, known: Known, charset: Hashable
) -> Element:
    try:
        element = header[tag]
    except UNREADABLE:
        return raw
    if element.VR != "SQ":
        if isinstance(raw, RawDataElement) and raw.value:
            known.held += raw.value.count(b"\\")
        return element
    known.held += len(element.value)
    items = [converted(item, known, charset) for item in element.value]
    return DataElement(tag, "SQ", pydicom.Sequence(items))
