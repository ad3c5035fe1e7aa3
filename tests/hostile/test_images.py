"""Forms of NIfTI, NRRD and MetaImage that other tools write: read as others read them, or refused.

ITK is the judge, nibabel of what ITK can't read or reads against the standard.
"""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from hnuiseg.errors import InputRefused
from hnuiseg.files import read_image
from hnuiseg.limits import MOST_TEXT_BYTES
from hnuiseg.volume import Grid

RAW = bytes(range(24))
PACKED = gzip.compress(RAW)
TURN = np.array(sitk.VersorTransform((0.2, 0.3, 0.93), 0.4).GetMatrix()).reshape(3, 3)
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN * (2.0, 3.0, 4.0)
AFFINE[:3, 3] = (10.0, -20.0, 30.0)
TIMED = {
    "directions": "(2,0,0,0) (0,3,0,0) (0,0,4,0) (0,0,0,2.5)",
    "origin": "(1,2,3,7)",
    "sizes": "2 3 4 1",
}
RAS = "right-anterior-superior"


def nrrd(
    more: str = "",
    *,
    magic: str = "NRRD0004",
    space: str = "left-posterior-superior",
    sizes: str = "2 3 4",
    directions: str = "(2,0,0) (0,3,0) (0,0,4)",
    origin: str = "(1,2,3)",
    encoding: str = "raw",
) -> bytes:
    """The header alone."""
    return (
        f"{magic}\ntype: uchar\ndimension: {len(sizes.split())}\nspace: {space}\nsizes: {sizes}\n"
        f"space directions: {directions}\nencoding: {encoding}\nspace origin: {origin}\n{more}\n"
    ).encode()


def meta(
    more: str = "", *, data: str = "LOCAL", kind: str = "UCHAR", spacing: str = "ElementSpacing"
) -> bytes:
    """The header alone."""
    return (
        "ObjectType = Image\nNDims = 3\nTransformMatrix = 0 1 0 -1 0 0 0 0 1\nOffset = 1 2 3\n"
        f"{spacing} = 2 3 4\nDimSize = 2 3 4\nElementType = MET_{kind}\n{more}"
        f"ElementDataFile = {data}\n"
    ).encode()


def as_itk_reads(path: Path) -> None:
    theirs = sitk.ReadImage(str(path))
    ours = read_image(path, "HU")
    array = sitk.GetArrayFromImage(theirs)
    np.testing.assert_array_equal(ours.array, array.reshape(array.shape[-3:]))
    axes = theirs.GetDimension()
    turn = np.array(theirs.GetDirection()).reshape(axes, axes)[:3, :3]
    steps = (turn * theirs.GetSpacing()[:3]).T[::-1]
    grid = Grid.from_steps(ours.grid.shape, steps, np.array(theirs.GetOrigin()[:3]))
    assert ours.grid.same_place(grid, 1e-4)


def refusal(path: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        read_image(path, "HU")
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    return line


@pytest.mark.parametrize(
    "content",
    [
        nrrd("key:=value\na:=b: c\nspace origin:=(9,9,9)\na:b:=c\ntype:=x: y\nk:=a: 1\nk:=a: 2\n")
        + RAW,
        nrrd("".join(f"Segment{k}_Tags:={'x' * 400}\n" for k in range(2000))) + RAW,
        nrrd(magic="NRRD00.01") + RAW,
        nrrd('space units: "millimeter" "millimetre" "mm"\n') + RAW,
        nrrd(space="LPST", **TIMED) + RAW,
        nrrd('space units: "mm" "mm" "mm" "s"\n', space="left-posterior-superior-time", **TIMED)
        + RAW,
        nrrd(space="LPST", **{**TIMED, "directions": "(0,2,0,0) (3,0,0,0) (0,0,4,0) none"}) + RAW,
        nrrd(encoding="gzip") + PACKED + bytes(100),
        nrrd(encoding="gzip") + PACKED + b"anything else",
        nrrd(encoding="gzip") + PACKED + PACKED,
        nrrd(encoding="gzip") + gzip.compress(RAW[:10]) + gzip.compress(RAW[10:]),
    ],
    ids=[
        *("keys", "800 KB of keys", "NRRD00.01", "millimetres", "LPST", "LPST units", "LPST none"),
        *("gzip and zeros", "gzip and more", "gzip and another", "two members"),
    ],
)
def test_an_nrrd_is_read_as_itk_reads_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(content)
    as_itk_reads(path)


@pytest.mark.parametrize("space", ["RAST", f"{RAS}-time", "LAST", "left-anterior-superior-time"])
def test_time_beside_ras_leaves_the_place(space: str, tmp_path: Path) -> None:
    """ITK turns no axis of a space with time, against its definition: it judges the three."""
    timed, plain = tmp_path / "timed.nrrd", tmp_path / "plain.nrrd"
    timed.write_bytes(nrrd(space=space, **TIMED) + RAW)
    spatial = space.removesuffix("-time") if "-" in space else space[:3]
    plain.write_bytes(nrrd(space=spatial) + RAW)
    as_itk_reads(plain)
    assert read_image(timed, "HU").grid == read_image(plain, "HU").grid


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (nrrd(encoding="ascii") + b"1 " * 24, "encoding 'ascii'"),
        (nrrd(encoding="txt") + b"1 " * 24, "encoding 'txt'"),
        (nrrd(encoding="hex") + b"01" * 24, "encoding 'hex'"),
        (nrrd("line skip: 2\ndata file: a.raw\n"), "line skip 2"),
        (nrrd('space units: "cm" "cm" "cm"\n') + RAW, 'positions in \'"cm" '),
        (nrrd("space units: cm cm cm\n") + RAW, "positions in 'cm cm cm'"),
        (nrrd('space units:"cm" "cm" "cm"\n') + RAW, "a line that is no field"),
        (nrrd("type: x:=y\n") + RAW, "'type' twice"),
        (nrrd("x" * 9000 + ": y\n" + "x" * 9000 + ": z\n") + RAW, " twice"),
        (nrrd(space="x" * 9000) + RAW, "doesn't say where the image lies"),
        (
            nrrd(space="LPST", **{**TIMED, "directions": "(2,0,0,1) (0,3,0,0) (0,0,4,0) none"})
            + RAW,
            "axes that mix space and time",
        ),
        (
            nrrd(space="LPST", **{**TIMED, "directions": "(2,0,0,0) (0,3,0,0) (0,0,4,0) (1,0,0,1)"})
            + RAW,
            "axes that mix space and time",
        ),
        (nrrd(space="LPST", **{**TIMED, "sizes": "2 3 2 2"}) + RAW, "4 axes of 2 x 3 x 2 x 2"),
        (nrrd(encoding="gzip") + gzip.compress(RAW + b"\0"), "is cut short"),
        (nrrd(encoding="gzip") + PACKED[:-1], "is cut short"),
        (nrrd(encoding="gzip") + PACKED[:12], "is cut short"),
        (nrrd(encoding="gzip"), "is cut short"),
        (nrrd(encoding="gzip") + gzip.compress(RAW[:10]) + RAW[10:], "is cut short"),
        (nrrd(encoding="gzip") + PACKED[:-8] + b"1234" + PACKED[-4:] + PACKED, "is cut short"),
        (nrrd("a:=" + "x" * MOST_TEXT_BYTES + "\n") + RAW, "is cut short"),
    ],
)
def test_another_nrrd_is_refused_by_name(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"one\ntwo\n" + RAW)
    path = tmp_path / "a.nrrd"
    path.write_bytes(content)
    assert said in refusal(path)


SLOPE, SHIFT = "ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset"


@pytest.mark.parametrize(
    "content",
    [
        meta(kind="LONG") + np.arange(-4, 20, dtype="<i4").tobytes(),
        meta(kind="ULONG") + np.arange(24, dtype="<u4").tobytes(),
        meta("HeaderSize = 8\n", data="a.raw"),
        meta(f"{SLOPE} = 1.0\n{SHIFT} = 0.0\n") + RAW,
        meta(f"{SLOPE} = 1\n") + RAW,
        meta(f"{SHIFT} = -0e0\n") + RAW,
        meta("Comment = a\nComment = b\nModality = MET_MOD_CT\nModality = MET_MOD_MR\n") + RAW,
        meta("DimSize = 2 3 4\nPosition = 1 2 3\n") + RAW,
        meta(spacing="ElementSize") + RAW,
    ],
    ids=[
        *("MET_LONG", "MET_ULONG", "a header before", "a scale of 1", "a slope of 1", "no shift"),
        *("remarks twice", "the same twice", "ElementSize"),
    ],
)
def test_a_metaimage_is_read_as_itk_reads_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"8 bytes:" + RAW)
    path = tmp_path / "a.mhd"
    path.write_bytes(content)
    as_itk_reads(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (meta(f"{SLOPE} = 2\n") + RAW, "a scale of its values"),
        (meta(f"{SLOPE} = 1\n{SHIFT} = -1024\n") + RAW, "a scale of its values"),
        (meta("DimSize = 4 3 2\n") + RAW, "'DimSize' twice"),
        (meta("Position = 1 2 4\n") + RAW, "two places"),
        (meta(spacing="Comment") + RAW, "no spacing: neither ElementSpacing nor ElementSize"),
        (meta("HeaderSize = 8\n") + RAW, "a header of 8 bytes before its values"),
        (meta("HeaderSize = -2\n", data="a.raw"), "a header of -2 bytes"),
        (meta("HeaderSize = 8\nCompressedData = True\n", data="a.raw"), "before packed values"),
        (meta("BinaryData = False\n") + RAW, "values in text"),
        (meta("CompressedData = True\n") + zlib.compress(RAW)[:-1], "is cut short"),
        (meta("CompressedData = True\n") + zlib.compress(RAW + b"\0"), "is cut short"),
        (meta(kind="x" * 9000) + RAW, "values of type 'MET_xxx"),
    ],
)
def test_another_metaimage_is_refused_by_name(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"8 bytes:" + RAW)
    path = tmp_path / "a.mhd"
    path.write_bytes(content)
    assert said in refusal(path)


@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
def test_a_dot_before_a_name_is_this_folder(ending: str, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "d.raw").write_bytes(RAW)
    (tmp_path / "d.raw").write_bytes(RAW)
    path = folder / f"a{ending}"

    def write(named: str) -> None:
        path.write_bytes(nrrd(f"data file: {named}\n") if ending == ".nhdr" else meta(data=named))

    write("./d.raw")
    as_itk_reads(path)
    for named in ("../d.raw", "./../d.raw", ".//../d.raw", f"{tmp_path}/d.raw", "./", "./LIST"):
        write(named)
        assert "can't be read (its values in" in refusal(path)


def nifti(
    path: Path, pixdim: Sequence[float] = (), *, sform: int = 0, second: bool = False
) -> Path:
    """A qform, and an sform where it has a code; then `pixdim`'s first, whatever they are."""
    kind = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    image = kind(np.arange(24, dtype=np.int16).reshape(2, 3, 4), AFFINE)
    image.set_qform(AFFINE, code=1)
    image.set_sform(AFFINE if sform else None, code=sform)
    content = bytearray(image.to_bytes())
    size = image.header.sizeof_hdr
    header = image.header_class(bytes(content[:size]), check=False)
    header["pixdim"][: len(pixdim)] = pixdim
    content[:size] = header.binaryblock
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def as_nibabel_reads(path: Path) -> None:
    theirs, ours = nibabel.load(path), read_image(path, "HU")
    np.testing.assert_array_equal(ours.array, np.asarray(theirs.dataobj).transpose(2, 1, 0))
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ theirs.affine
    grid = Grid.from_steps(ours.grid.shape, affine[:3, :3].T[::-1], affine[:3, 3])
    assert ours.grid.same_place(grid, 1e-4)


@pytest.mark.parametrize("sform", [0, 1])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_sign_of_zero_is_plus(sform: int, ending: str, tmp_path: Path) -> None:
    path = nifti(tmp_path / f"a{ending}", [0], sform=sform)
    as_nibabel_reads(path)
    as_itk_reads(path)
    # ITK reads no NIfTI-2
    as_nibabel_reads(nifti(tmp_path / f"b{ending}", [0], sform=sform, second=True))


@pytest.mark.parametrize("sizes", [[1, -2, 3, 4], [1, 2, 3, -4], [1, -2, -3, -4]])
def test_sizes_below_zero_are_read_where_the_sform_says_the_place(
    sizes: list[float], tmp_path: Path
) -> None:
    """ITK mirrors such axes, nibabel doesn't; from the qform alone nobody knows left from right."""
    as_nibabel_reads(nifti(tmp_path / "a.nii", sizes, sform=1))
    assert "which some tools mirror and others don't" in refusal(nifti(tmp_path / "b.nii", sizes))
    assert "place the image" in refusal(nifti(tmp_path / "c.nii", [-1, *sizes[1:]], sform=1))


@pytest.mark.parametrize("pixdim", [[0.5], [-3.0], [np.nan], [1, 0, 3, 4], [1, np.nan, 3, 4]])
def test_other_qforms_are_refused(pixdim: list[float], tmp_path: Path) -> None:
    """Nibabel mends these too, by guessing."""
    refusal(nifti(tmp_path / "a.nii", pixdim))


@pytest.mark.parametrize("second", [False, True])
def test_values_that_begin_at_0_are_refused(second: bool, tmp_path: Path) -> None:
    """ITK reads from 348, nibabel from 0, and the standard asks for 352 or more."""
    header = nifti(tmp_path / "a.nii", second=second)
    content = bytearray(header.read_bytes())
    at, form = (168, "<i8") if second else (108, "<f4")
    content[at : at + np.dtype(form).itemsize] = np.zeros(1, dtype=form).tobytes()
    header.write_bytes(content)
    refusal(header)
