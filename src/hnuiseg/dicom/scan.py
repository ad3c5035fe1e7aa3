"""What is in a folder: every DICOM series in it, by headers alone."""

import filecmp
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pydicom
from pydicom import config
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    MediaStorageDirectoryStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)

from hnuiseg.dicom.attributes import UNREADABLE, named, text, words
from hnuiseg.errors import InputRefused

_SINGLE_FRAME = {CTImageStorage, PositronEmissionTomographyImageStorage, MRImageStorage}
_ENHANCED = {
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
}
_IDENTIFYING = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID")
_SORTING = (  # what the scan and the properties of a series look at besides
    "StudyInstanceUID",
    "Modality",
    "SeriesDescription",
    "FrameOfReferenceUID",
    "CorrectedImage",
    "ImageType",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "ImageOrientationPatient",
)
# Image Type (0008,0008) of what is no stack of slices; vendors' words beside the standard's
_LOCALIZER = {"LOCALIZER", "SCOUT", "TOPOGRAM"}
_RENDERED = {"MIP", "MAXIMUM INTENSITY PROJECTION", "PROJECTION IMAGE", "VRT", "SCREEN SAVE"}


class Why(Enum):
    """What kind of reason a file or folder was left out for."""

    NOT_DICOM = "not DICOM"
    COPY = "a second copy"
    DAMAGED = "damaged, empty or cut off"
    CLOSED = "can't be opened"


@dataclass(frozen=True, slots=True)
class Unread:
    """A file or folder that was left out, and why."""

    name: str  # base name only: folders carry patients' names
    why: Why
    reason: str  # the same in words, with particulars


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: comparing headers is slow and unasked
class SeriesHeaders:
    """The headers of one series, without pixels, in the order of their paths."""

    headers: tuple[pydicom.Dataset, ...]
    paths: tuple[Path, ...]  # of the files, in the same order
    split_off: str | None = None  # why these were parted from others of their series

    @property
    def uid(self) -> str:
        """Series Instance UID (0020,000E). Parts of a split series share it."""
        return text(self.headers[0], "SeriesInstanceUID")

    @property
    def study_uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return text(self.headers[0], "StudyInstanceUID")

    @property
    def modality(self) -> str:
        """Modality (0008,0060): "CT", "PT", "RTSTRUCT", …"""
        return text(self.headers[0], "Modality")

    @property
    def description(self) -> str:
        """Series Description (0008,103E); empty where there is none."""
        return text(self.headers[0], "SeriesDescription")

    @property
    def frame_of_reference(self) -> str:
        """Frame of Reference UID (0020,0052) of the first file; empty where there is none."""
        return text(self.headers[0], "FrameOfReferenceUID")

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID (0008,0016)."""
        return text(self.headers[0], "SOPClassUID")

    @property
    def is_image(self) -> bool:
        """Whether this is CT, PET or MR image storage, enhanced or not."""
        return self.sop_class_uid in _SINGLE_FRAME | _ENHANCED

    @property
    def corrected_image(self) -> tuple[str, ...]:
        """Corrected Image (0028,0051): "ATTN", "DECY", …; empty where it isn't said."""
        return words(self.headers[0], "CorrectedImage")

    @property
    def excluded_because(self) -> str | None:
        """Why this is no stack of slices to segment, or None."""
        if self.split_off is not None:
            return self.split_off
        if not self.is_image:
            return f"no CT, PET or MR image but {UID(self.sop_class_uid, config.IGNORE).name}"
        if self.sop_class_uid in _ENHANCED or _is_multi_frame(self.headers[0]):
            return "an enhanced multi-frame image, which isn't read"
        return _not_a_stack(self.headers[0])


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What a folder holds; the order of series doesn't depend on file names."""

    series: tuple[SeriesHeaders, ...]  # by Study and Series Instance UID
    unread: tuple[Unread, ...]  # by path


def scan_folder(folder: Path, progress: Callable[[int, int], None] | None = None) -> Scan:
    """Every series under a folder, or the one in a single file.

    Folders are walked to the bottom, through links, too, whatever files are called; DICOMDIR
    is passed over. Only headers are read. An empty folder gives an empty scan. `progress` is
    called with the number of files done and the number of files.

    Raises InputRefused where there is no such folder or file, or it or a folder below may not
    be read.
    """
    if not folder.exists():
        raise InputRefused(
            f"no folder or file {folder.name!r}",
            "a folder of DICOM files, or one DICOM file",
            "check the path",
        )
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise InputRefused(
            f"folder {folder.name!r} may not be read", "a readable folder", "check its permissions"
        )
    unread: list[Unread] = []
    paths = sorted(_files(folder, unread))
    kept: dict[str, tuple[pydicom.Dataset, Path]] = {}
    clashing: list[tuple[pydicom.Dataset, Path]] = []
    for done, path in enumerate(paths, start=1):
        header = _header(path)
        if isinstance(header, Unread):
            unread.append(header)
        elif header is not None:
            instance = text(header, "SOPInstanceUID")
            if instance not in kept:
                kept[instance] = (header, path)
            elif _same(kept[instance], (header, path)):
                first = kept[instance][1].name
                said = f"a second copy of the image in {first}"
                unread.append(Unread(path.name, Why.COPY, said))
            else:  # two images under one UID: the series they claim is refused, not mended
                clashing.append((header, path))
        if progress is not None:
            progress(done, len(paths))
    return Scan(tuple(_series([*kept.values(), *clashing])), tuple(unread))


def _files(folder: Path, unread: list[Unread]) -> Iterator[Path]:
    """Every file under a folder, through links, too; links to nothing are noted."""
    if folder.is_file():
        yield folder
        return
    entered = set()
    for root, folders, names in os.walk(folder, onerror=_refuse_closed, followlinks=True):
        place = os.path.realpath(root)
        if place in entered:  # a link back up would never end
            folders.clear()
            continue
        entered.add(place)
        for name in names:
            path = Path(root) / name
            if path.is_file():  # no socket or pipe
                yield path
            elif path.is_symlink():
                unread.append(Unread(name, Why.CLOSED, "a link to nothing"))


def _refuse_closed(error: OSError) -> None:
    """A folder below that can't be entered might hold the PET, so it isn't passed over."""
    raise InputRefused(
        f"folder {Path(error.filename).name!r} may not be read",
        "a folder whose every part is readable",
        "check its permissions, or move it out of the study",
    ) from error


def _header(path: Path) -> pydicom.Dataset | Unread | None:
    """The header, or why there is none; None for a DICOMDIR."""
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        return Unread(path.name, Why.CLOSED, f"can't be opened: {error.strerror}")
    if not start:
        return Unread(path.name, Why.DAMAGED, "an empty file")
    # A data set without preamble begins with group 0008, as very old exports do.
    bare = start[:2] == b"\x08\x00" and start[2:4] in (b"\x00\x00", b"\x05\x00", b"\x08\x00")
    if start[128:] != b"DICM" and not bare:
        return Unread(path.name, Why.NOT_DICOM, "not DICOM")
    parsed = _parsed(path, bare)
    return Unread(path.name, Why.DAMAGED, parsed) if isinstance(parsed, str) else parsed


def _parsed(path: Path, bare: bool) -> pydicom.Dataset | str | None:
    try:
        # The standard's limits on text are often overstepped; values are checked where used.
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, stop_before_pixels=True, force=bare)
            _convert(header.file_meta)
            _convert(header)
            absent = [k for k in _IDENTIFYING if not text(header, k)]
            for keyword in _SORTING:
                text(header, keyword)
            if text(header.file_meta, "MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
                return None
    except InputRefused as refusal:
        return f"damaged header: {refusal.came}"
    except (InvalidDicomError, *UNREADABLE) as error:
        return f"damaged header ({type(error).__name__})"
    if absent:
        return f"no {named(absent[0])}: no image, or cut off within its header"
    return header


def _same(a: "_Image", b: "_Image") -> bool:
    """Whether two files hold one image: equal headers are not enough, pixels may differ."""
    try:
        return bool(a[0] == b[0]) and (
            filecmp.cmp(a[1], b[1], shallow=False) or _stored(a[1]) == _stored(b[1])
        )
    except (OSError, InvalidDicomError, *UNREADABLE):
        return False


def _stored(path: Path) -> tuple[str, bytes]:
    """Transfer syntax and Pixel Data as they lie in the file."""
    whole = pydicom.dcmread(path, force=True)
    return text(whole.file_meta, "TransferSyntaxUID"), bytes(whole.get("PixelData", b""))


def _convert(header: pydicom.Dataset) -> None:
    """Turn every element's bytes into values now, so that no later access warns."""
    for tag in list(header.keys()):
        try:
            element = header[tag]
        except UNREADABLE:
            continue  # stays as bytes; refused where it is needed
        if element.VR == "SQ":
            for item in element.value:
                _convert(item)


_Image = tuple[pydicom.Dataset, Path]


def _series(images: Sequence[_Image]) -> Iterator[SeriesHeaders]:
    by_series: dict[tuple[str, str], list[_Image]] = defaultdict(list)
    for header, path in images:
        key = (text(header, "StudyInstanceUID"), text(header, "SeriesInstanceUID"))
        by_series[key].append((header, path))
    for _, members in sorted(by_series.items(), key=lambda item: item[0]):
        yield from _parts(members)


def _parts(members: list[_Image]) -> Iterator[SeriesHeaders]:
    """A series, parted where it holds more than one kind of image; stacks come first."""
    kinds: dict[tuple[str, str], list[_Image]] = defaultdict(list)
    for header, path in members:
        oddity = "multi-frame" if _is_multi_frame(header) else _not_a_stack(header) or ""
        kinds[oddity, text(header, "SOPClassUID")].append((header, path))
    for (oddity, _), group in sorted(kinds.items(), key=lambda item: item[0]):
        if oddity:
            yield _headers(group)
            continue
        stack, derived = _without_derived(group)
        stack, foreign = _without_foreign(stack)
        yield _headers(stack)
        if derived:
            yield _headers(derived, "derived images beside the originals of their series")
        if foreign:
            why = (
                "images of other shape or orientation and Image Type than the rest of their series"
            )
            yield _headers(foreign, why)


def _without_derived(group: list[_Image]) -> tuple[list[_Image], list[_Image]]:
    """Originals and derived images apart; a series of derived images alone is a stack."""
    derived = [m for m in group if words(m[0], "ImageType")[:1] == ("DERIVED",)]
    originals = [m for m in group if words(m[0], "ImageType")[:1] != ("DERIVED",)]
    return (originals, derived) if originals else (derived, [])


def _without_foreign(group: list[_Image]) -> tuple[list[_Image], list[_Image]]:
    """Parts whose Image Type and whose shape or orientation both differ from the largest's.

    Image Type alone parts nothing: scanners vary it within one stack ("AXIAL", "AXIAL\\ADD").
    """
    by_type: dict[str, list[_Image]] = defaultdict(list)
    for header, path in group:
        by_type[text(header, "ImageType")].append((header, path))
    largest = max(by_type.values(), key=len)
    looks = {_look(header) for header, _ in largest}
    stack: list[_Image] = []
    foreign: list[_Image] = []
    for part in by_type.values():
        same = any(_look(header) in looks for header, _ in part)
        (stack if same else foreign).extend(part)
    return stack, foreign


def _look(header: pydicom.Dataset) -> tuple[str, ...]:
    """Shape and rounded orientation."""
    orientation = words(header, "ImageOrientationPatient")
    try:
        rounded = tuple(f"{float(v) + 0.0:.2f}".replace("-0.00", "0.00") for v in orientation)
    except ValueError:
        rounded = orientation
    return (text(header, "Rows"), text(header, "Columns"), *rounded)


def _is_multi_frame(header: pydicom.Dataset) -> bool:
    return text(header, "NumberOfFrames") not in ("", "0", "1")


def _not_a_stack(header: pydicom.Dataset) -> str | None:
    kinds = {w.upper() for w in words(header, "ImageType")}
    if kinds & _LOCALIZER:
        return "a localizer"
    if kinds & _RENDERED:
        return "a projection or rendering, not slices"
    return None


def _headers(group: list[_Image], split_off: str | None = None) -> SeriesHeaders:
    ordered = sorted(group, key=lambda image: image[1])
    return SeriesHeaders(tuple(h for h, _ in ordered), tuple(p for _, p in ordered), split_off)
