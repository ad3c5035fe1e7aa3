"""What is known to have broken other readers, one by one (each within memory and time)."""

import gzip
import json
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from jaxtyping import Bool
from pydicom.uid import JPEG2000Lossless, RLELossless

from hnuiseg.dicom import Why, read_rtstruct, read_series, roi_name_rules, scan_folder
from hnuiseg.dicom.bounded import read_data_set
from hnuiseg.dicom.codestream import stated_size
from hnuiseg.errors import InputRefused, ModelMismatch
from hnuiseg.files import read_image
from hnuiseg.limits import MOST_DEPTH, MOST_ITEMS, MOST_MASK_BYTES, MOST_VALUES
from hnuiseg.models import read_model
from hnuiseg.volume import Grid
from pretend import FRAME, contours_file, reference
from tiny_series import save, tiny_headers

SECONDS = 20.0  # of the processor, which machines in haste share; a hang has more
UNDEFINED = b"\xff\xff\xff\xff"
ITEM = b"\xfe\xff\x00\xe0"
DEFLATED = b"1.2.840.10008.1.2.1.99"


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def file_of(body: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    """A data set after a meta group with nothing but its transfer syntax."""
    uid = syntax.ljust(len(syntax) + len(syntax) % 2, b"\0")
    element = b"\x02\0\x10\0UI" + struct.pack("<H", len(uid)) + uid
    return b"\0" * 128 + b"DICM" + element + body


def sequence(value: bytes, length: bytes | None = None) -> bytes:
    """(0054,0016), which the scan keeps."""
    return b"\x54\0\x16\0SQ\0\0" + (length or struct.pack("<L", len(value))) + value


def nested(levels: int) -> bytes:
    value = b""
    for _ in range(levels):
        value = sequence(ITEM + struct.pack("<L", len(value)) + value)
    return value


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return file_of(packer.compress(body) + packer.flush(), DEFLATED)


IMPLICIT = b"1.2.840.10008.1.2"
SPACING = b"\x28\0\x30\0" + struct.pack("<L", 2 * (MOST_VALUES + 2)) + b"1\\" * (MOST_VALUES + 2)
ELEMENT = b"\x08\0\x60\0CS\2\0CT"
PIXELS = b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<L", 4) + b"abcd"
EMPTY_ITEM = ITEM + b"\0\0\0\0"

FILES = {
    "a length beyond the file": file_of(b"\x10\0\x10\0UN\0\0\xf0\xff\xff\xff" + b"abc"),
    "an item beyond its sequence": file_of(sequence(ITEM + b"\0\0\0\x70" + b"\0" * 40)),
    "sequences nested, with lengths": file_of(nested(MOST_DEPTH + 1)),
    "sequences nested, without": file_of(sequence(ITEM + UNDEFINED, UNDEFINED) * 4000),
    "items by the million": file_of(sequence(EMPTY_ITEM * (MOST_ITEMS + 1))),
    "values by the million": file_of(SPACING, IMPLICIT),
}


@pytest.mark.parametrize("what", FILES)
def test_a_data_set_that_asks_too_much_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(FILES[what])
    with pytest.raises(InputRefused, match=r"^a\.dcm has "):
        read_data_set(path)
    scan = scan_folder(tmp_path)
    assert scan.series == ()
    assert [u.why for u in scan.unread] == [Why.DAMAGED]


def test_what_lies_behind_the_pixels_is_never_built(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(file_of(ELEMENT + PIXELS + sequence(EMPTY_ITEM * (MOST_ITEMS + 1))))
    read = read_data_set(path)
    assert read.Modality == "CT"
    assert read.PixelData == b"abcd"
    assert len(read) == 2


def test_a_delimiter_out_of_place_hides_nothing(tmp_path: Path) -> None:
    """pydicom stops there, and what follows would be lost unsaid."""
    path = tmp_path / "a.dcm"
    path.write_bytes(file_of(ELEMENT + b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\x10" + ELEMENT[1:]))
    with pytest.raises(InputRefused, match="behind its end"):
        read_data_set(path)


@pytest.mark.parametrize("padding", [b"\0" * 20, b" " * 20, b"\xff" * 12, b"\r\n"])
def test_blocks_filled_up_are_read(padding: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(file_of(ELEMENT + padding))
    assert len(read_data_set(path)) == 1


def test_a_known_sequence_called_unknown_is_read_as_pydicom_does(tmp_path: Path) -> None:
    """(0054,0016) of VR UN, its item explicit all the same."""
    item = ITEM + struct.pack("<L", len(ELEMENT)) + ELEMENT
    path = tmp_path / "a.dcm"
    path.write_bytes(file_of(b"\x54\0\x16\0UN\0\0" + struct.pack("<L", len(item)) + item))
    read = read_data_set(path)
    assert read.RadiopharmaceuticalInformationSequence[0].Modality == "CT"


def test_an_icon_within_an_implicit_item_is_no_sequence(tmp_path: Path) -> None:
    """Its compressed Pixel Data begin as items do."""
    delimiter = b"\xfe\xff\xdd\xe0\0\0\0\0"
    icon = b"\xe0\x7f\x10\0" + UNDEFINED + ITEM + b"\2\0\0\0ab" + delimiter
    item = ITEM + struct.pack("<L", len(icon)) + icon
    path = tmp_path / "a.dcm"
    content = b"\x88\0\0\2" + struct.pack("<L", len(item)) + item
    path.write_bytes(file_of(content, IMPLICIT))
    assert "IconImageSequence" in read_data_set(path)


@pytest.mark.parametrize("pixels", [1_000, 400_000])
def test_a_fault_in_a_short_header_is_borne_whatever_the_pixels(
    pixels: int, tmp_path: Path
) -> None:
    """An image is read where its header can be; a drawing has to be whole."""
    faulty = b"\x09\0\x10\x10SQ\0\0" + struct.pack("<L", 8) + b"\xfe\xff\0\xe0\xf0\0\0\0"
    image = b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<L", pixels) + bytes(pixels)
    path = tmp_path / "a.dcm"
    path.write_bytes(file_of(ELEMENT + faulty + image))
    with pytest.raises(InputRefused, match="damaged structure"):
        read_data_set(path)
    assert read_data_set(path, strict=False).PixelData == bytes(pixels)


def test_sixteen_levels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(file_of(nested(MOST_DEPTH)))
    read_data_set(path)


def test_a_deflated_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody unpacks to the end."""
    for name in ("MOST_INFLATED_BYTES", "MOST_HEADER_BYTES"):
        monkeypatch.setattr(f"hnuiseg.dicom.bounded.{name}", 1 << 20)
    path = tmp_path / "a.dcm"
    path.write_bytes(deflated(b"\x10\0\x10\0UN\0\0" + struct.pack("<L", 1 << 26) + bytes(1 << 26)))
    assert path.stat().st_size < 1 << 18
    with pytest.raises(InputRefused, match="when unpacked"):
        read_data_set(path)
    assert [u.why for u in scan_folder(tmp_path).unread] == [Why.DAMAGED]


def test_folders_of_items_are_refused_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hnuiseg.dicom.scan.MOST_ITEMS_A_FOLDER", 0)
    save(tiny_headers("PT"), tmp_path)
    with pytest.raises(InputRefused, match="hold more than 0 items"):
        scan_folder(tmp_path)


@pytest.mark.parametrize("rows", [0, 65535])
def test_rows_by_columns_beyond_any_image_take_no_memory(rows: int, tmp_path: Path) -> None:
    def change(slice_: pydicom.Dataset, _z: int) -> None:
        slice_.Rows = slice_.Columns = rows

    save(tiny_headers(change=change), tmp_path)
    (series,) = scan_folder(tmp_path).series
    with pytest.raises(InputRefused):
        read_series(series)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_pixels_of_another_size_never_reach_a_decoder(
    syntax: pydicom.uid.UID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header of 6 x 7 pixels over a codestream that states 30,000 x 30,000."""
    bomb = b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">LLLL", 30_000, 30_000, 0, 0)
    if syntax == RLELossless:
        bomb = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 100_000
    slices = tiny_headers()
    for s in slices:
        s.file_meta.TransferSyntaxUID = syntax
        s.PixelData = pydicom.encaps.encapsulate([bomb])
        s["PixelData"].is_undefined_length = True
    save(slices, tmp_path)
    monkeypatch.setattr(pydicom.Dataset, "pixel_array", property(lambda _: pytest.fail("decoded")))
    with pytest.raises(InputRefused, match=r"compressed bytes of .* for an image of 6 x 7"):
        read_series(scan_folder(tmp_path).series[0])


def test_sizes_are_read_from_every_codestream() -> None:
    jpeg = b"\xff\xd8\xff\xe0\0\x04ab" + b"\xff\xc3\0\x0b\x10" + struct.pack(">HH", 480, 640)
    assert stated_size(jpeg) == (480, 640)
    wide = b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">LLLL", 650, 482, 10, 2)
    assert stated_size(wide) == (480, 640)
    boxed = b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">L4s", len(wide) + 8, b"jp2c") + wide
    assert stated_size(boxed) == (480, 640)
    assert stated_size(b"\xff\xd8\xff\xd9") is None
    assert stated_size(b"") is None


def test_spacing_that_no_scanner_has_is_refused(tmp_path: Path) -> None:
    """Else an image of four voxels becomes one of terabytes where it is resampled to mm."""

    def change(slice_: pydicom.Dataset, _z: int) -> None:
        slice_.PixelSpacing = ["1e6", "1e6"]

    save(tiny_headers(change=change), tmp_path)
    with pytest.raises(InputRefused, match=r"voxels of .* mm; allowed: 0.02 to 100 mm"):
        read_series(scan_folder(tmp_path).series[0])


def block(grid: Grid) -> Bool[np.ndarray, "z y x"]:
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1:3, 4:9, 4:9] = True
    return mask


def test_a_contour_across_a_million_kilometres_takes_no_memory(tmp_path: Path) -> None:
    grid = Grid.axial((5, 16, 16), (3.0, 1.0, 1.0), (-8.0, -8.0, 0.0), FRAME)
    path = tmp_path / "rt.dcm"
    path.write_bytes(contours_file(grid, reference(grid), GTVp=block(grid)))
    dataset = pydicom.dcmread(path)
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    for far in (9e5, 1e12):
        contour.ContourData = [-far, -far, 3.0, far, -far, 3.0, far, far, 3.0, -far, far, 3.0]
        contour.NumberOfContourPoints = 4
        dataset.save_as(path)
        assert read_rtstruct(path, grid).notes


def test_regions_by_the_thousand_are_refused(tmp_path: Path) -> None:
    large = Grid.axial((1000, 3000, 3000), (1.0, 0.2, 0.2), (0.0, 0.0, 0.0), FRAME)
    assert large.shape[0] * large.shape[1] * large.shape[2] > MOST_MASK_BYTES
    small = Grid.axial((5, 16, 16), (3.0, 1.0, 1.0), (-8.0, -8.0, 0.0), FRAME)
    path = tmp_path / "rt.dcm"
    path.write_bytes(contours_file(small, reference(small), GTVp=block(small)))
    with pytest.raises(InputRefused, match="1 regions and more on 1000 × 3000 × 3000 voxels"):
        read_rtstruct(path, large)


def test_archives_and_directories_are_never_opened(tmp_path: Path) -> None:
    """Not unpacked, and the paths that a DICOMDIR names are not followed."""
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    save(tiny_headers(), tmp_path.parent / f"{tmp_path.name}-outside")
    record = sequence(
        ITEM + UNDEFINED + b"\x04\0\x00\x15CS" + struct.pack("<H", 10) + b"../outside", UNDEFINED
    )
    meta = b"\x02\0\x02\0UI\x14\0" + b"1.2.840.10008.1.3.10"
    content = file_of(record)
    (tmp_path / "DICOMDIR").write_bytes(content[:132] + meta + content[132:])
    scan = scan_folder(tmp_path)
    assert scan.series == ()
    assert "a.zip" in [u.name for u in scan.unread]


NRRD = b"""NRRD0004
type: uchar
dimension: 3
space: left-posterior-superior
sizes: %s
space directions: (1,0,0) (0,1,0) (0,0,1)
encoding: %s
endian: little
space origin: (0,0,0)
%s
"""
META = b"""ObjectType = Image
NDims = 3
BinaryData = True
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = 0 0 0
ElementSpacing = 1 1 1
DimSize = %s
ElementType = MET_UCHAR
%sElementDataFile = %s
"""


@pytest.mark.parametrize(
    "named", ["../secret.raw", "/etc/hostname", "link.raw", "LIST", "%03d.raw"]
)
@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
def test_a_header_leads_to_no_file_elsewhere(named: str, ending: str, tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (tmp_path / "secret.raw").write_bytes(bytes(range(64)))
    os.symlink(tmp_path / "secret.raw", study / "link.raw")
    path = study / f"a{ending}"
    data = named.encode()
    if ending == ".nhdr":
        path.write_bytes(NRRD % (b"4 4 4", b"raw", b"data file: " + data))
    else:
        path.write_bytes(META % (b"4 4 4", b"", data))
    with pytest.raises(InputRefused, match="its values in"):
        read_image(path, "HU")


def test_values_beside_their_header_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(range(64)))
    (tmp_path / "a.nhdr").write_bytes(NRRD % (b"4 4 4", b"raw", b"data file: a.raw"))
    (tmp_path / "a.mhd").write_bytes(META % (b"4 4 4", b"", b"a.raw"))
    one, other = (read_image(tmp_path / name, "label") for name in ("a.nhdr", "a.mhd"))
    np.testing.assert_array_equal(one.array.ravel(), np.arange(64))
    np.testing.assert_array_equal(other.array, one.array)
    assert one.grid == other.grid


@pytest.mark.parametrize("sizes", [b"99999 99999 99999", b"-4 4 4", b"999999999999999999999 4 4"])
def test_absurd_sizes_in_text_take_no_memory(
    sizes: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.nrrd").write_bytes(NRRD % (sizes, b"gzip", b"") + b"\x1f\x8b")
    compressed = b"CompressedData = True\nCompressedDataSize = 99999999999\n"
    (tmp_path / "a.mha").write_bytes(META % (sizes, compressed, b"LOCAL"))
    for name in ("a.nrrd", "a.mha"):
        with pytest.raises(InputRefused):
            read_image(tmp_path / name, "HU")
    assert capfd.readouterr() == ("", "")


def nifti(**fields: object) -> bytes:
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), dtype=np.uint8), np.eye(4))
    image.set_sform(np.eye(4), code=1)
    content = bytearray(image.to_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    return bytes(content)


@pytest.mark.parametrize(
    "fields",
    [
        {"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]},
        {"dim": [3, -4, 4, 4, 1, 1, 1, 1]},
        {"dim": [30000, 4, 4, 4, 1, 1, 1, 1]},
        {"vox_offset": 3e38},
        {"vox_offset": float("nan")},
        {"vox_offset": -352.0},
        {"datatype": 9999},
        {"scl_slope": 1e38, "scl_inter": float("inf")},
        {"srow_x": [1e30, 0, 0, 0]},
        {"srow_x": [1e-30, 0, 0, 0]},
    ],
)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_absurd_nifti_headers_are_refused(
    fields: dict[str, object], ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{ending}"
    packed = gzip.compress if ending.endswith("gz") else bytes
    path.write_bytes(packed(nifti()))
    read_image(path, "HU")  # so that only the field is to blame
    path.write_bytes(packed(nifti(**fields)))
    with pytest.raises(InputRefused):
        read_image(path, "HU")


def test_a_gzip_bomb_is_left_where_its_header_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(nifti())
        for _ in range(16):
            file.write(bytes(1 << 24))
    start = time.process_time()
    with pytest.raises(InputRefused):
        read_image(path, "HU")
    assert time.process_time() - start < 1.0


def safetensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 8 + b"{}",
        struct.pack("<Q", 1 << 40) + b"{}",
        safetensors(b"[" * 100_000),
        safetensors(json.dumps({"__metadata__": {"hnuiseg": "[" * 100_000}}).encode()),
        safetensors(
            json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}).encode()
        )
        + b"\0" * 4,
    ],
)
def test_model_files_that_lie_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelMismatch):
        read_model(path)


@pytest.mark.parametrize(
    "content",
    [
        "a = " + "[" * 100_000,
        '[[rule]]\nregion = "GTVp"\ncertain = true\npatterns = ["(a+)+!"]\n',
        '[[rule]]\nregion = "GTVp"\ncertain = true\npatterns = ["a*a*a*a*a*!"]\n',
        '[[rule]]\nregion = "GTVp"\ncertain = true\npatterns = ["a{99999999999999999999}"]\n',
        "#" * (2 << 20),
    ],
)
def test_patterns_that_never_end_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(content)
    with pytest.raises(InputRefused, match=r"patterns in p\.toml can't be used"):
        roi_name_rules(path)


BEHIND = file_of(ELEMENT + PIXELS + sequence(EMPTY_ITEM * MOST_ITEMS))


@pytest.mark.parametrize(
    "content", [FILES["items by the million"], FILES["values by the million"], BEHIND]
)
def test_the_limit_of_memory_is_kept(content: bytes, tmp_path: Path) -> None:
    """Built as they ask, each would take more than 150 MB: 0.4 to 0.7 KB an item or value."""
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from hnuiseg.dicom import scan_folder\n"
        "from hnuiseg.dicom.bounded import read_data_set\n"
        "from hnuiseg.errors import InputRefused\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "scan_folder(Path(sys.argv[1]))\n"
        "try:\n"
        "    for element in read_data_set(Path(sys.argv[1]) / 'a.dcm'): pass\n"
        "except InputRefused: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 60_000  # KiB
