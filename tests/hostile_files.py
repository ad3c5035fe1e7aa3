"""Small valid files of every kind that is read, ways to spoil them, and what must then hold."""

import contextlib
import gzip
import itertools
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import FileDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from hnuiseg.dicom import (
    Made,
    Structure,
    binary_seg,
    dicom_bytes,
    drawn_on,
    map_roi_names,
    read_drawing,
    read_registration,
    read_rtstruct,
    read_seg,
    read_series,
    roi_name_rules,
    scan_folder,
    suv_factor,
)
from hnuiseg.errors import HnuisegError, InputRefused
from hnuiseg.files import read_image
from hnuiseg.limits import check_grid
from hnuiseg.models import model_bytes, read_model
from hnuiseg.volume import Grid
from pretend import CREATED, FRAME, reference, structures_file
from small_model import small_model
from small_registration import PET_FRAME, euler, registration
from tiny_series import save, tiny_headers

GRID = Grid.axial((4, 8, 9), (3.0, 1.0, 1.5), (-10.0, -20.0, 30.0), FRAME)
MADE = Made(CREATED, "a test", "hnuiseg 0.1.0", "none")
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)

Read = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: one that is right, its name, and the reading of it, with its checks."""

    name: str
    file: str
    content: bytes
    read: Read
    packing: str = ""  # gzip or deflate: what is inside is spoilt, too


def outcome(read: Read, path: Path) -> str:
    """ "read" or "refused"; whatever else happens is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # libraries about what they read
        try:
            read(path)
        except HnuisegError as refusal:
            said = str(refusal)
            assert "\n" not in said, said
            assert str(path.parent) not in said, said
            return "refused"
    return "read"


def spoilt(kind: Kind, seed: int) -> bytes:
    """The file with one to three of its parts changed; the same for the same seed."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.name.encode())])
    content = kind.content
    inside = bool(kind.packing) and rng.random() < 0.6
    start = _packed_from(content) if kind.packing == "deflate" else 0
    if inside:
        content = _unpacked(kind, start)
    for _ in range(int(rng.integers(1, 4))):
        content = _changed(content, rng)
    if not inside:
        return content
    if kind.packing == "gzip":
        return gzip.compress(content, mtime=0)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return kind.content[:start] + packer.compress(content) + packer.flush()


def _changed(content: bytes, rng: np.random.Generator) -> bytes:  # noqa: PLR0911
    if not content:
        return b"\0"
    size = len(content)
    # headers lie at the beginning: half of the changes go there
    reach = size if rng.random() < 0.5 else min(size, 1200)
    at, much = int(rng.integers(reach)), int(rng.integers(1, 40))
    match int(rng.integers(8)):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + content[at + much :]
        case 2:
            return content[: at + much] + content[at:]
        case 3:
            return content[:at] + rng.bytes(much) + content[at + much :]
        case 4:
            width = int(rng.choice([1, 2, 4]))
            number = int(rng.choice(_NUMBERS)) & ((1 << 8 * width) - 1)
            order = "little" if rng.random() < 0.8 else "big"
            return content[:at] + number.to_bytes(width, order) + content[at + width :]  # type: ignore[arg-type]
        case 5:
            digits = [k for k in range(size) if content[k] in b"0123456789"]
            if not digits:
                return content
            where = int(rng.choice(digits))
            new = (b"9", b"-", b"e", b"0", b"99999999", b".", b"nan", b"1e30")[int(rng.integers(8))]
            return content[:where] + new + content[where + (len(new) if size > where else 1) :]
        case 6:
            other = int(rng.integers(size))
            return content[:at] + content[other : other + much] + content[at + much :]
        case _:
            flipped = bytearray(content)
            flipped[at] ^= 1 << int(rng.integers(8))
            return bytes(flipped)


def _packed_from(content: bytes) -> int:
    length = struct.unpack_from("<L", content, 140)[0]
    return 144 + int(length)


def _unpacked(kind: Kind, start: int) -> bytes:
    if kind.packing == "gzip":
        return gzip.decompress(kind.content)
    return zlib.decompress(kind.content[start:], -zlib.MAX_WBITS)


def kinds(folder: Path) -> list[Kind]:
    """Every kind, always the same bytes. A new `folder` gets a folder a kind, of what goes with
    the file to be spoilt: its neighbours, or its values.
    """
    count = itertools.count(1)

    def uid() -> pydicom.uid.UID:
        return pydicom.uid.UID(f"1.2.826.0.1.3680043.8.498.9.1{next(count):04d}")

    with patch("tiny_series.generate_uid", uid), patch("small_registration.generate_uid", uid):
        return [*_series(folder), *_objects(), *_images(folder), *_others()]


def _read_stack(path: Path) -> None:
    """Read the whole folder: the spoilt slice among its neighbours. One refusal refuses all."""
    found = scan_folder(path.parent)
    refusals = [unread.reason for unread in found.unread]
    for series in found.series:
        try:
            stored = read_series(series)
            check_grid(stored.grid, "a series")
            assert stored.array.shape == stored.grid.shape
            assert np.isfinite(stored.array).all()
            if series.modality == "PT":
                assert all(0 < f < 1e9 for f in suv_factor(stored.headers).factors)
        except InputRefused as refusal:
            refusals.append(str(refusal))
    if refusals:
        raise InputRefused(refusals[0], "whole files", "export them again")


def _series(folder: Path) -> list[Kind]:
    made = []
    for modality, name in (("CT", "ct"), ("PT", "pet")):
        slices = tiny_headers(modality)
        place = save(slices, folder / name)
        made.append(Kind(name, "2.dcm", (place / "2.dcm").read_bytes(), _read_stack))
    for syntax, name in (
        (DeflatedExplicitVRLittleEndian, "deflated"),
        (ImplicitVRLittleEndian, "implicit"),
        (RLELossless, "rle"),
        (JPEGLSLossless, "jpeg-ls"),
        (JPEG2000Lossless, "jpeg-2000"),
    ):
        slices = tiny_headers(plane=(40, 36))  # openjpeg writes none of fewer pixels
        for s in slices:
            if syntax.is_compressed and not syntax.is_deflated:
                s.compress(syntax, generate_instance_uid=False)
            else:
                s.file_meta.TransferSyntaxUID = syntax
        place = folder / name
        place.mkdir()
        for k, s in enumerate(slices):
            s.save_as(place / f"{k}.dcm", enforce_file_format=True)
        packing = "deflate" if syntax.is_deflated else ""
        made.append(Kind(name, "2.dcm", (place / "2.dcm").read_bytes(), _read_stack, packing))
    multi = _enhanced(tiny_headers())
    made.append(Kind("enhanced", "e.dcm", dicom_bytes(multi), _read_stack))
    return made


def _structures() -> list[Structure]:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[1:3, 2:6, 3:7] = True
    mask[1, 3:5, 4:6] = False
    return [Structure("GTVp", 1, mask, (255, 0, 0)), Structure("GTVn", 2, mask, (0, 0, 255))]


def _objects() -> list[Kind]:
    drawing = structures_file(GRID, reference(GRID), *_structures())
    segmented = dicom_bytes(binary_seg(_structures(), GRID, reference(GRID), MADE))
    way = euler((0.0, 0.1, 0.2), (3.0, 4.0, 5.0))
    registered = dicom_bytes(registration({PET_FRAME: way}))
    transform = sitk.Euler3DTransform()
    transform.SetTranslation((1.0, 2.0, -3.0))

    def read_rt(path: Path) -> None:
        for mask in read_rtstruct(path, GRID).masks.values():
            assert mask.shape == GRID.shape

    def read_segments(path: Path) -> None:
        seg = read_seg(path)
        check_grid(seg.grid, "a segmentation")
        for segment in seg.segments:
            assert segment.array.shape == seg.grid.shape
            assert 0 <= segment.array.min() <= segment.array.max() <= 1

    def read_any_drawing(path: Path) -> None:
        _, dataset = read_drawing(path)
        drawn_on(dataset)

    def read_joins(path: Path) -> None:
        read_registration(path)

    return [
        Kind("rtstruct", "rt.dcm", drawing, read_rt),
        Kind("seg", "seg.dcm", segmented, read_segments),
        Kind("drawing", "rt.dcm", drawing, read_any_drawing),
        Kind("registration", "reg.dcm", registered, read_joins),
        Kind("transform", "t.tfm", _transform_text(transform), read_joins),
    ]


def _images(folder: Path) -> list[Kind]:
    values = np.random.default_rng(7).normal(0, 400, (4, 5, 6)).astype(np.float32)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.5, 2.0, 3.0))
    image.SetOrigin((-20.0, 30.0, 40.0))
    made = []
    for name, file, packed in (
        ("nrrd", "a.nrrd", False),
        ("nrrd-gzip", "b.nrrd", True),
        ("nhdr", "c.nhdr", False),
        ("mha", "d.mha", False),
        ("mha-zlib", "e.mha", True),
        ("mhd", "f.mhd", False),
    ):
        place = folder / name
        place.mkdir()
        sitk.WriteImage(image, str(place / file), packed)
        made.append(Kind(name, file, (place / file).read_bytes(), _read_volume))
    for name, file in (("nifti", "g.nii"), ("nifti-gzip", "h.nii.gz")):
        nifti = nibabel.Nifti1Image(values, np.diag([2.0, 3.0, 4.0, 1.0]))
        nifti.set_sform(nifti.affine, code=1)
        content = nifti.to_bytes()
        if file.endswith(".gz"):
            content = gzip.compress(content, mtime=0)
        made.append(Kind(name, file, content, _read_volume, "gzip" if ".gz" in file else ""))
    return made


def _read_volume(path: Path) -> None:
    for unit in ("HU", "label"):
        with contextlib.suppress(InputRefused):
            volume = read_image(path, unit)
            check_grid(volume.grid, "an image")
            assert np.isfinite(volume.array).all()
    read_image(path, "HU")


def _others() -> list[Kind]:
    model = small_model()
    content = model_bytes(model.card, model.settings, model.weights)

    def read_any_model(path: Path) -> None:
        read = read_model(path)
        assert all(np.isfinite(w).all() for w in read.weights.values() if w.dtype.kind == "f")

    def read_patterns(path: Path) -> None:
        map_roi_names(("GTVp", "a" * 64 + "!", "GTV nodes (2)"), roi_name_rules(path))

    shipped = Path(roi_name_rules.__code__.co_filename).with_name("roi_names.toml").read_bytes()
    return [
        Kind("model", "m.safetensors", content, read_any_model),
        Kind("patterns", "p.toml", shipped, read_patterns),
    ]


def _transform_text(transform: sitk.Transform) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.tfm"
        sitk.WriteTransform(transform, str(path))
        return path.read_bytes()


def _enhanced(slices: list[FileDataset]) -> pydicom.Dataset:
    """Enhanced CT with each frame's place and scale in its functional groups."""
    image = slices[0]
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    image.NumberOfFrames = len(slices)
    image.PixelData = b"".join(s.PixelData for s in slices)
    image.SharedFunctionalGroupsSequence = [
        _item(
            PixelMeasuresSequence=[_item(PixelSpacing=image.PixelSpacing)],
            PlaneOrientationSequence=[_item(ImageOrientationPatient=image.ImageOrientationPatient)],
        )
    ]
    image.PerFrameFunctionalGroupsSequence = [
        _item(
            PlanePositionSequence=[_item(ImagePositionPatient=s.ImagePositionPatient)],
            PixelValueTransformationSequence=[
                _item(RescaleSlope=s.RescaleSlope, RescaleIntercept=-1000, RescaleType="HU")
            ],
        )
        for s in slices
    ]
    return image


def _item(**attributes: object) -> pydicom.Dataset:
    made = pydicom.Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made
