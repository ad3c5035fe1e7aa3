"""What is in a folder: every DICOM series in it, by headers alone."""

import filecmp
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom import config
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

from hnuiseg.dicom.attributes import UNREADABLE_FILE, named, text, words
from hnuiseg.dicom.bounded import read_data_set
from hnuiseg.dicom.enhanced import frames, why_not_read, without_frames
from hnuiseg.dicom.headers import Known, converted, read_header
from hnuiseg.errors import InputRefused
from hnuiseg.limits import MOST_ITEMS_A_FOLDER

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


@dataclass(frozen=True, slots=True)
class PixelPlace:
    """Where the pixels of one slice lie."""

    offset: int | None = None  # of Pixel Data's element in its file; None: not known
    frame: int | None = None  # from 0, where the file holds several
    stamp: tuple[int, int] | None = None  # size and time of change (ns) when the header was read


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: comparing headers is slow and unasked
class SeriesHeaders:
    """The headers of one series, without pixels, in the order of their paths.

    One header a slice: the frames of a multi-frame image have one each, and share its path.
    Headers hold what `hnuiseg.dicom.headers.KEPT` names, and nothing else.
    """

    headers: tuple[pydicom.Dataset, ...]
    paths: tuple[Path, ...]  # of the files, in the same order
    split_off: str | None = None  # why these were parted from others of their series
    places: tuple[PixelPlace, ...] = ()  # where the pixels are, in the same order; () unknown

    @property
    def names(self) -> tuple[str, ...]:
        """The slices for messages: base names, with the frame where a file holds several."""
        if not self.places:
            return tuple(p.name for p in self.paths)
        return tuple(
            p.name if place.frame is None else f"frame {place.frame + 1} of {p.name}"
            for p, place in zip(self.paths, self.places, strict=True)
        )

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
        if self.sop_class_uid in _ENHANCED and _is_whole(self):
            return why_not_read(self.headers[0]) or "a multi-frame image"
        if _is_multi_frame(self.headers[0]):
            return "a multi-frame image of a class that has one frame"
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
    known = Known()
    kept: dict[str, _Image] = {}
    clashing: list[_Image] = []
    for done, path in enumerate(paths, start=1):
        image = _image(path, known)
        if known.held > MOST_ITEMS_A_FOLDER:
            raise InputRefused(
                f"the headers of folder {folder.name!r} hold more than {MOST_ITEMS_A_FOLDER} items "
                "and values",
                "up to so many",
                "give a folder with one study",
            )
        if isinstance(image, Unread):
            unread.append(image)
        elif image is not None:
            instance = text(image.header, "SOPInstanceUID")
            if instance not in kept:
                kept[instance] = image
            elif _same(kept[instance].path, path):
                first = kept[instance].path.name
                said = f"a second copy of the image in {first}"
                unread.append(Unread(path.name, Why.COPY, said))
            else:  # two images under one UID: the series they claim is refused, not mended
                clashing.append(image)
        if progress is not None:
            progress(done, len(paths))
    images = [slice_ for image in (*kept.values(), *clashing) for slice_ in _frames(image)]
    return Scan(tuple(_series(images)), tuple(unread))


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


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """One slice, or one file that isn't taken apart."""

    header: pydicom.Dataset
    path: Path
    place: PixelPlace


def _image(path: Path, known: Known) -> _Image | Unread | None:
    """The image in a file, or why there is none; None for a DICOMDIR."""
    try:
        with path.open("rb") as file:
            start = file.read(132)
            if not start:
                return Unread(path.name, Why.DAMAGED, "an empty file")
            # A data set without preamble begins with group 0008, as very old exports do.
            bare = start[:2] == b"\x08\x00" and start[2:4] in (b"\0\0", b"\5\0", b"\x08\0")
            if start[128:] != b"DICM" and not bare:
                return Unread(path.name, Why.NOT_DICOM, "not DICOM")
            file.seek(0)
            status = os.fstat(file.fileno())
            parsed = _parsed(file, bare, known)
    except OSError as error:
        return Unread(path.name, Why.CLOSED, f"can't be opened: {error.strerror}")
    if isinstance(parsed, str):
        return Unread(path.name, Why.DAMAGED, parsed)
    if parsed is None:
        return None
    header, offset = parsed
    return _Image(header, path, PixelPlace(offset, None, (status.st_size, status.st_mtime_ns)))


def _parsed(
    file: BinaryIO, bare: bool, known: Known
) -> tuple[pydicom.Dataset, int | None] | str | None:
    try:
        # The standard's limits on text are often overstepped; values are checked where used.
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header, offset = read_header(file, bare=bare)
            if text(header.file_meta, "MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
                return None
            text(header.file_meta, "TransferSyntaxUID")
            if text(header, "SOPClassUID") not in _ENHANCED:
                without_frames(header)  # thousands, in a segmentation
            header = converted(header, known)
            absent = [k for k in _IDENTIFYING if not text(header, k)]
    except InputRefused as refusal:
        return f"damaged header: {refusal.came}"
    except RecursionError:
        return "damaged header (sequences within sequences without end)"
    except UNREADABLE_FILE as error:
        return f"damaged header ({type(error).__name__})"
    if absent:
        return f"no {named(absent[0])}: no image, or cut off within its header"
    return header, offset


def _frames(image: _Image) -> list[_Image]:
    """A multi-frame image taken apart; where that can't be, the image as it is."""
    uid = text(image.header, "SOPClassUID")
    if uid not in _ENHANCED or why_not_read(image.header) is not None:
        return [image]
    return [
        _Image(header, image.path, replace(image.place, frame=k))
        for k, header in enumerate(frames(image.header))
    ]


def _is_whole(series: SeriesHeaders) -> bool:
    return not series.places or series.places[0].frame is None


def _same(a: Path, b: Path) -> bool:
    """Whether two files hold one image: equal headers are not enough, pixels may differ."""
    try:
        if filecmp.cmp(a, b, shallow=False):
            return True
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one, other = (read_data_set(path, force=True) for path in (a, b))
            syntaxes = {text(d.file_meta, "TransferSyntaxUID") for d in (one, other)}
            return len(syntaxes) == 1 and bool(one == other)
    except (InputRefused, *UNREADABLE_FILE):
        return False


def _series(images: Sequence[_Image]) -> Iterator[SeriesHeaders]:
    by_series: dict[tuple[str, str], list[_Image]] = defaultdict(list)
    for image in images:
        key = (text(image.header, "StudyInstanceUID"), text(image.header, "SeriesInstanceUID"))
        by_series[key].append(image)
    for _, members in sorted(by_series.items(), key=lambda item: item[0]):
        yield from _parts(members)


def _parts(members: list[_Image]) -> Iterator[SeriesHeaders]:
    """A series, parted where it holds more than one kind of image; stacks come first."""
    kinds: dict[tuple[str, str], list[_Image]] = defaultdict(list)
    for image in members:
        oddity = "multi-frame" if _is_multi_frame(image.header) else _not_a_stack(image.header)
        kinds[oddity or "", text(image.header, "SOPClassUID")].append(image)
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
    derived = [m for m in group if words(m.header, "ImageType")[:1] == ("DERIVED",)]
    originals = [m for m in group if words(m.header, "ImageType")[:1] != ("DERIVED",)]
    return (originals, derived) if originals else (derived, [])


def _without_foreign(group: list[_Image]) -> tuple[list[_Image], list[_Image]]:
    """Parts whose Image Type and whose shape or orientation both differ from the largest's.

    Image Type alone parts nothing: scanners vary it within one stack ("AXIAL", "AXIAL\\ADD").
    """
    by_type: dict[str, list[_Image]] = defaultdict(list)
    for image in group:
        by_type[text(image.header, "ImageType")].append(image)
    largest = max(by_type.values(), key=len)
    looks = {_look(image.header) for image in largest}
    stack: list[_Image] = []
    foreign: list[_Image] = []
    for part in by_type.values():
        same = any(_look(image.header) in looks for image in part)
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
    ordered = sorted(group, key=lambda image: (image.path, image.place.frame or 0))
    return SeriesHeaders(
        tuple(image.header for image in ordered),
        tuple(image.path for image in ordered),
        split_off,
        tuple(image.place for image in ordered),
    )
