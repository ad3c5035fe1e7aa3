"""What a scan keeps of a header is all that anything looks at."""

import re
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import FileDataset

import hnuiseg
from hnuiseg.dicom import scan_folder
from hnuiseg.dicom.headers import KEPT
from tiny_series import save, tiny_headers

# Attributes of items and of file meta information, which come whole.
_INSIDE = {
    *("CodeValue", "RadionuclideCodeSequence", "RadionuclideTotalDose", "RadionuclideHalfLife"),
    *("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"),
    *("MediaStorageSOPClassUID", "TransferSyntaxUID"),
}
_FROM_SCANS = (
    *("dicom/scan.py", "dicom/geometry.py", "dicom/series.py", "dicom/suv.py", "dicom/decay.py"),
    *("dicom/physique.py", "study/choose.py", "study/inspection.py", "study/read.py"),
    *("study/age.py", "study/gates.py"),
)


@pytest.mark.parametrize("name", _FROM_SCANS)
def test_every_attribute_that_is_looked_at_is_kept(name: str) -> None:
    """An attribute that isn't kept would look absent, in silence."""
    source = (Path(hnuiseg.__file__).parent / name).read_text()
    named = set(re.findall(r'"([A-Z][A-Za-z0-9]+)"', source))
    looked_at = {n for n in named if tag_for_keyword(n) is not None}
    assert looked_at - {"PixelData"} - _INSIDE <= set(KEPT)
    assert all(tag_for_keyword(k) is not None for k in KEPT)


def test_kept_values_are_those_of_the_whole_header(tmp_path: Path) -> None:
    """Slices share what they have in common; what differs stays with its slice."""
    save(tiny_headers("PT"), tmp_path)
    (series,) = scan_folder(tmp_path).series
    for header, path in zip(series.headers, series.paths, strict=True):
        whole = pydicom.dcmread(path)
        for keyword in KEPT:
            assert (keyword in header) == (keyword in whole)
            assert header.get(keyword) == whole.get(keyword)


def _named(slice_: FileDataset, z: int) -> None:
    """The same bytes mean other letters under another character set."""
    slice_.SpecificCharacterSet = ["ISO_IR 100", "ISO_IR 144"][z % 2]
    slice_[0x0008103E] = pydicom.DataElement(0x0008103E, "LO", "")
    slice_.SeriesDescription = ["Möller", "Шея"][z % 2]


def test_names_in_any_character_set_are_read_each_in_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "Müller 頭頸部"
    (series,) = scan_folder(save(tiny_headers(change=_named), folder, list("äß頭éи"))).series
    found = {p.name: h.SeriesDescription for p, h in zip(series.paths, series.headers, strict=True)}
    assert found == {"ä": "Möller", "ß": "Шея", "頭": "Möller", "é": "Шея", "и": "Möller"}


def test_equal_bytes_under_two_character_sets_are_two_texts(tmp_path: Path) -> None:
    def change(slice_: FileDataset, z: int) -> None:
        slice_.SpecificCharacterSet = ["ISO_IR 100", "ISO_IR 144"][z % 2]
        slice_.SeriesDescription = ["Ø", "и"][z % 2]  # 0xD8 in both

    (series,) = scan_folder(save(tiny_headers(change=change), tmp_path)).series
    assert {str(h.SeriesDescription) for h in series.headers} == {"Ø", "и"}


def test_sequences_without_end_are_damage_not_a_crash(tmp_path: Path) -> None:
    save(tiny_headers(count=1), tmp_path)
    path = tmp_path / "0.dcm"
    whole = path.read_bytes()
    at = whole.index(b"\x20\x00\x0d\x00UI")  # in the order of tags, before Study Instance UID
    one = b"\x18\x00\x40\x99SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path.write_bytes(whole[:at] + one * 5000)
    (unread,) = scan_folder(tmp_path).unread
    assert unread.reason.startswith("damaged header")
