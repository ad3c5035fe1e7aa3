"""NIfTI, NRRD and MetaImage files to `Volume` and back; writing that can't half happen.

NIfTI stores RAS positions; only this file turns them to LPS and back. Orientation is never
assumed: a header without it is refused. Headers are read, and held to `hnuiseg.limits`, before
any value is: what a file claims costs nothing until it is found to be there.
"""

import contextlib
import gzip
import math
import os
import secrets
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from hnuiseg.errors import HnuisegError, InputRefused, OutputFailed
from hnuiseg.limits import check_grid
from hnuiseg.text_headers import META, NRRD, Damaged, described, values
from hnuiseg.volume import Grid, Unit, Volume

_NIFTI = (".nii", ".nii.gz")
IMAGE_ENDINGS = (*_NIFTI, *NRRD, *META)
_ALLOWED = "a .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd file"
_SCANNER = 1  # NIfTI code of "scanner anatomical coordinates"
_SHEAR = 1e-3  # cosine between two axes, float32 headers give 1e-7
_FORMS_APART_MM = 1.0  # qform and sform name two places beyond this
_MOST_OFFSET = 1 << 24  # of a NIfTI's values; extensions with a whole DICOM header have 1 MiB
_CHUNK_BYTES = 1 << 22
_SPATIAL_UNITS = {1: "metres", 3: "micrometres"}  # NIfTI codes other than 0 (not said), 2 (mm)


def read_image(path: Path, unit: Unit) -> Volume:
    """The image of one file, (z, y, x), in the unit that the caller says it has.

    Values are float32 after the header's scaling; labels (`unit="label"`) uint8. InputRefused
    for what is no image, is cut short, isn't three-dimensional (a fourth axis of length 1 is
    dropped), has one slice, holds NaN or infinity, is sheared, or doesn't say where it lies.
    """
    name = path.name
    if not path.exists():
        raise InputRefused(f"there is no file {name}", _ALLOWED, "check the path")
    if path.is_dir():
        raise InputRefused(
            f"{name} is a folder", _ALLOWED, "name one file, or give a DICOM folder as STUDY"
        )
    kind = name.lower()
    if kind.endswith(_NIFTI):
        array, grid = _read_nifti(path)
    elif kind.endswith(NRRD + META):
        array, grid = _read_text(path)
    else:
        raise InputRefused(
            f"{name} has no ending of a known image format", _ALLOWED, "convert it to .nii.gz"
        )
    return Volume(_values(array, unit, name), grid, unit)


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a volume as NIfTI, gzipped where the name ends in .gz; the same bytes each time.

    Labels and masks are stored as uint8, everything else as float32. Qform and sform are both
    set, to scanner coordinates. OutputFailed where it can't be written; the file appears whole
    or not at all.
    """
    import nibabel

    array = volume.array
    if volume.unit == "label" or array.dtype == np.bool_:
        if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 255:
            raise HnuisegError(
                f"labels from {array.min()} to {array.max()}",
                "labels from 0 to 255",
                "report this as a fault of hnuiseg",
            )
        stored = array.astype(np.uint8)
    else:
        stored = array.astype(np.float32)
    affine = _affine_ras(volume.grid)
    image = nibabel.Nifti1Image(stored.transpose(2, 1, 0), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=_SCANNER)
    image.set_qform(affine, code=_SCANNER)
    content = image.to_bytes()
    if path.name.endswith(".gz"):
        # level 1: five times faster than 9 on float maps, whose noise hardly compresses;
        # mtime 0: the time of writing must not change the bytes
        content = gzip.compress(content, compresslevel=1, mtime=0)
    atomic_write(path, content)


def atomic_write(path: Path, content: bytes) -> None:
    """Write beside the place, flush to disk, rename: readers see the old file or the new one.

    OutputFailed where the system refuses; what was at `path` is then untouched.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            # not tempfile: its files are 0600, and outputs should follow the user's umask
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:  # Ctrl-C included: leave nothing half-written
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise OutputFailed(
            f"{path.name} can't be written ({error.strerror or error})",
            "a folder with room that may be written to",
            "free some space or name another folder",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the rename itself last; some network file systems don't offer this."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read_nifti(path: Path) -> tuple[Shaped[np.ndarray, "z y x"], Grid]:
    from nibabel.arrayproxy import ArrayProxy
    from nibabel.spatialimages import HeaderDataError

    name = path.name
    try:
        header = _nifti_header(path)
        _mend_qform(header, name)
        shape = tuple(int(n) for n in header.get_data_shape())
        _check_shape(shape, name)
        _check_nifti_place(header, shape, name)
        _check_kind(header.get_data_dtype(), name)
        affine = header.get_best_affine()
        steps_ras = affine[:3, :3].T[::-1]  # rows: a step in z, y, x
        to_lps = np.array([-1.0, -1.0, 1.0])
        grid = _grid(shape[2::-1], steps_ras * to_lps, affine[:3, 3] * to_lps, name)
        _check_size(path, header, shape)
        # not nibabel.load: it parses extensions, DICOM and XML among them, that nothing asks for
        values = np.asanyarray(ArrayProxy(str(path), header))
    except (
        HeaderDataError,
        LookupError,
        ArithmeticError,
        EOFError,
        OSError,
        ValueError,
        zlib.error,
    ) as error:
        raise _unreadable(name) from error
    return values.reshape(values.shape[:3]).transpose(2, 1, 0), grid


def _nifti_header(path: Path) -> Any:
    """The header alone; ValueError where the file begins otherwise than a single NIfTI."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as file:
        block = file.read(Nifti2Header.template_dtype.itemsize)
    sizes = {int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")}
    kind = Nifti1Header if 348 in sizes else Nifti2Header if 540 in sizes else None
    if kind is None or len(block) < kind.template_dtype.itemsize:
        raise ValueError("no NIfTI")
    header = kind(block[: kind.template_dtype.itemsize], check=False)
    if bytes(header["magic"].tobytes())[:3] != (b"n+1" if kind is Nifti1Header else b"n+2"):
        raise ValueError("no single file")
    if not 1 <= int(header["dim"][0]) <= 7:
        raise ValueError("no axes")
    return header


def _mend_qform(header: Any, name: str) -> None:
    """Sign and sizes of a qform where they aren't what they must be, as far as that is certain.

    nifti1.h: "if qfac = 0, then take qfac = 1". Of sizes below 0 it says nothing: nibabel drops
    the sign, ITK mirrors. So the sform must say which, and `_check_nifti_place` hold them together.
    """
    if not int(header["qform_code"]):
        return
    sizes = header["pixdim"]
    if sizes[0] == 0:
        sizes[0] = 1
    if (sizes[1:4] < 0).any():
        if not int(header["sform_code"]):
            raise InputRefused(
                f"{name} has voxels of {' x '.join(f'{s:.4g}' for s in sizes[1:4])} mm, which "
                "some tools mirror and others don't",
                "sizes above 0, or an sform beside the qform",
                "convert it again from its source",
            )
        sizes[1:4] = abs(sizes[1:4])


def _check_size(path: Path, header: Any, shape: tuple[int, ...]) -> None:
    """ValueError where the file is shorter than its header says; for gzip, longer too."""
    offset = float(header["vox_offset"])  # 0 too is refused: ITK reads from 348, nibabel from 0
    least = header.sizeof_hdr + 4
    if not (least <= offset <= _MOST_OFFSET and offset == int(offset)):
        raise ValueError("values within the header, or far off")
    needed = int(offset) + math.prod(shape) * int(header.get_data_dtype().itemsize)
    if path.name.lower().endswith(".gz"):
        _check_gzip(path, needed)
    elif path.stat().st_size < needed:
        raise ValueError("cut short")


def _check_gzip(path: Path, needed: int) -> None:
    """Read on to the checksum, which nibabel stops short of; but no further than was promised."""
    with gzip.open(path) as file:
        found = 0
        while chunk := file.read(_CHUNK_BYTES):
            found += len(chunk)
            if found > needed + _CHUNK_BYTES:
                raise ValueError("unpacks to more than its header says")
    if found < needed:
        raise ValueError("cut short")


def _check_nifti_place(header: object, shape: tuple[int, ...], name: str) -> None:
    """Refuse a header that doesn't say where the image lies, or says two things."""
    sform, sform_code = header.get_sform(coded=True)  # type: ignore[attr-defined]
    qform, qform_code = header.get_qform(coded=True)  # type: ignore[attr-defined]
    if not sform_code and not qform_code:
        raise InputRefused(
            f"{name} doesn't say where the image lies (sform and qform codes are 0)",
            "a NIfTI with orientation and position",
            "convert it again from its source with a tool that keeps them",
        )
    unit = int(header["xyzt_units"]) & 7  # type: ignore[index]
    if unit in _SPATIAL_UNITS:
        raise InputRefused(
            f"{name} gives positions in {_SPATIAL_UNITS[unit]}",
            "positions in mm",
            "convert it to mm",
        )
    if sform_code and qform_code:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape[:3]])).reshape(3, -1)
        apart = (sform - qform)[:3, :3] @ corners + (sform - qform)[:3, 3:]
        gap = float(np.linalg.norm(apart, axis=0).max())
        if not gap <= _FORMS_APART_MM:
            raise InputRefused(
                f"sform and qform of {name} place the image {gap:.1f} mm apart",
                f"agreement within {_FORMS_APART_MM:g} mm",
                "convert it again from its source, or make the two agree",
            )


def _read_text(path: Path) -> tuple[Shaped[np.ndarray, "z y x"], Grid]:
    name = path.name
    try:
        image = described(path)
        _check_shape(image.shape, name)
        if image.steps is None or image.origin is None:
            raise InputRefused(
                f"{name} doesn't say where the image lies (no orientation or origin)",
                "an image with orientation and position",
                "convert it again from its source with a tool that keeps them",
            )
        if image.values_a_voxel != 1:
            raise _not_scalar(name, f"{image.values_a_voxel} values a voxel")
        grid = _grid(image.shape[2::-1], image.steps[::-1], image.origin, name)
        array = values(image)
    except (Damaged, OSError) as error:
        raise _unreadable(name, str(error) if isinstance(error, Damaged) else "") from error
    return array.reshape(array.shape[-3:]), grid


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    three = shape[:3]
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise InputRefused(
            f"{name} has {len(shape)} axes of {' x '.join(map(str, shape))}",
            "one three-dimensional image",
            "save the volume alone",
        )
    if min(three) < 2:
        thin = "is empty" if min(three) < 1 else "is one slice"
        raise InputRefused(
            f"{name} {thin} ({' x '.join(map(str, three))} voxels)",
            "at least two voxels along every axis",
            "give the whole volume",
        )


def _check_kind(dtype: np.dtype, name: str) -> None:
    if dtype.kind not in "biuf":
        raise _not_scalar(name, "colours or complex numbers")


def _values(
    array: Shaped[np.ndarray, "z y x"], unit: Unit, name: str
) -> Shaped[np.ndarray, "z y x"]:
    if array.dtype.kind == "f":
        unsound = int(np.count_nonzero(~np.isfinite(array)))
        if unsound:
            raise InputRefused(
                f"{name} has {unsound} voxels that are NaN or infinite",
                "finite values",
                "replace them by what was measured, or by air (CT) or 0 (PET)",
            )
    if unit != "label":
        with np.errstate(over="ignore"):
            single = np.ascontiguousarray(array, dtype=np.float32)
        if array.dtype.kind == "f" and not np.isfinite(single).all():
            raise InputRefused(
                f"{name} has values beyond what single precision holds",
                "values up to 3.4e38",
                "check its scale",
            )
        return single
    labels = np.ascontiguousarray(array, dtype=np.uint8) if _fits_bytes(array) else None
    if labels is None:
        raise InputRefused(
            f"{name} has values that are no labels ({array.min():g} to {array.max():g})",
            "whole numbers from 0 to 255",
            "give a label map",
        )
    return labels


def _fits_bytes(array: Shaped[np.ndarray, "z y x"]) -> bool:
    if array.dtype.kind == "f" and bool((array != np.round(array)).any()):
        return False
    return bool(array.min() >= 0 and array.max() <= 255)


def _grid(
    shape: tuple[int, ...],
    steps: Float[np.ndarray, "3 3"],
    origin: Float[np.ndarray, "3"],
    name: str,
) -> Grid:
    lengths = np.linalg.norm(steps, axis=1)
    if not (np.isfinite(steps).all() and np.isfinite(origin).all() and lengths.min() > 0):
        raise InputRefused(
            f"{name} has voxels without size or without a place",
            "positive spacing and finite positions",
            "convert it again from its source",
        )
    unit = steps / lengths[:, None]
    shear = float(np.abs(unit @ unit.T - np.eye(3)).max())
    if shear > _SHEAR:
        degrees = float(np.degrees(np.arcsin(min(1.0, shear))))
        raise InputRefused(
            f"{name} is sheared: two of its axes are {degrees:.1f} degrees off a right angle",
            "axes at right angles",
            "resample it to a regular grid first",
        )
    grid = Grid.from_steps((shape[0], shape[1], shape[2]), steps, origin)
    check_grid(grid, name)
    return grid


def _affine_ras(grid: Grid) -> Float[np.ndarray, "4 4"]:
    affine = np.eye(4)
    affine[:3, :3] = grid.steps[::-1].T
    affine[:3, 3] = grid.origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _unreadable(name: str, what: str = "") -> InputRefused:
    return InputRefused(
        f"{name} can't be read ({what})" if what else f"{name} is not an image, or is cut short",
        _ALLOWED,
        "copy or export the file again",
    )


def _not_scalar(name: str, came: str) -> InputRefused:
    return InputRefused(f"{name} holds {came}", "one number a voxel", "save the volume alone")
