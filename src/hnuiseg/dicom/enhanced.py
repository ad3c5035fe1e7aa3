"""Multi-frame images taken apart: one header a frame, as if each frame were a file.

Read are Enhanced CT, and CT and PET that were converted from single slices ("Legacy
Converted"), which keep every attribute of the slices they were made of. Other multi-frame
images are refused by name: Enhanced PET states its corrections and units in other attributes
than those from which SUV is computed here. Source: DICOM PS3.3 A.38, A.70, A.71, C.7.6.16.
"""

from collections.abc import Iterator

import pydicom
from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
)

from hnuiseg.dicom.attributes import UNREADABLE, named, number, text
from hnuiseg.dicom.headers import TAGS
from hnuiseg.errors import InputRefused

_READ = {
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
}
_MOST_FRAMES = 20_000  # a dynamic whole-body scan has fewer

# Functional groups (PS3.3 C.7.6.16.2, C.8.15.3), and what single slices call their content.
_GROUPS = {
    "PixelMeasuresSequence": {"PixelSpacing": "PixelSpacing"},
    "PlanePositionSequence": {"ImagePositionPatient": "ImagePositionPatient"},
    "PlaneOrientationSequence": {"ImageOrientationPatient": "ImageOrientationPatient"},
    "PixelValueTransformationSequence": {
        "RescaleSlope": "RescaleSlope",
        "RescaleIntercept": "RescaleIntercept",
        "RescaleType": "RescaleType",
    },
    "CTImageFrameTypeSequence": {"FrameType": "ImageType"},
    "PETFrameTypeSequence": {"FrameType": "ImageType"},
}
_UNASSIGNED = (  # attributes of the single slices as they were, PS3.3 C.7.6.16.2.25
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
)
_FUNCTIONAL = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def why_not_read(header: pydicom.Dataset) -> str | None:
    """Why a multi-frame image isn't taken apart, or None where it is."""
    uid = UID(text(header, "SOPClassUID"), config.IGNORE)
    if uid not in _READ:
        return f"{uid.name}, which isn't read"
    total = text(header, "InConcatenationTotalNumber")
    if total not in ("", "1"):
        return "a part of a concatenation, which isn't read"
    try:
        return _lacking(header)
    except InputRefused as refusal:
        return f"a multi-frame image with damaged attributes: {refusal.came}"
    except UNREADABLE as error:
        return f"a multi-frame image with damaged functional groups ({type(error).__name__})"


def _lacking(header: pydicom.Dataset) -> str | None:
    count = number(header, "NumberOfFrames") or 0
    found = len(header.get(_FUNCTIONAL[1]) or ())
    if not 0 < count <= _MOST_FRAMES or count != found:
        return (
            f"a multi-frame image of {count:g} frames in {named('NumberOfFrames')}, but "
            f"{found} in {named(_FUNCTIONAL[1])}"
        )
    for frame in frames(header):
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            if not text(frame, keyword):
                return f"a multi-frame image with frames that have no {named(keyword)}"
    return None


def frames(header: pydicom.Dataset) -> tuple[pydicom.Dataset, ...]:
    """The header of each frame, in stored order, with the attributes of single slices.

    What a frame says of itself goes before what all share, and both before the image.
    """
    base = _copy(header)
    without_frames(base)
    if "NumberOfFrames" in base:
        del base["NumberOfFrames"]
    for group in _items(header, _FUNCTIONAL[0]):
        _take(base, group)
    return tuple(_frame(base, own) for own in header[_FUNCTIONAL[1]].value)


def without_frames(header: pydicom.Dataset) -> None:
    """Leave out what a multi-frame image that isn't read says of its frames."""
    for keyword in _FUNCTIONAL:
        if keyword in header:
            del header[keyword]


def _frame(base: pydicom.Dataset, own: pydicom.Dataset) -> pydicom.Dataset:
    frame = _copy(base)
    _take(frame, own)
    return frame


def _copy(header: pydicom.Dataset) -> pydicom.Dataset:
    """Another data set with the same elements; copy.copy would share their table."""
    copied = pydicom.Dataset(dict(header.items()))
    copied.file_meta = header.file_meta
    return copied


def _take(target: pydicom.Dataset, group: pydicom.Dataset) -> None:
    for keyword in _UNASSIGNED:
        for item in _items(group, keyword):
            for tag in set(item.keys()).intersection(TAGS):  # copied into thousands of frames
                target[tag] = item[tag]
    for keyword, names in _GROUPS.items():
        for item in _items(group, keyword):
            for name, classic in names.items():
                if name in item:  # setattr would change the element that all frames share
                    target.add_new(Tag(classic), dictionary_VR(classic), item[name].value)


def _items(group: pydicom.Dataset, keyword: str) -> Iterator[pydicom.Dataset]:
    yield from group.get(keyword) or ()
