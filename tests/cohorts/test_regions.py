"""Every name in a cohort is counted and said to be what the pattern file makes of it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian, RTStructureSetStorage

from hnuiseg.cohorts import AnnotatedCase, Cohort, ListedCase
from hnuiseg.cohorts.drawings import regions_of
from hnuiseg.cohorts.regions import described, meaning_of, region_names
from hnuiseg.dicom import dicom_bytes, map_roi_names, roi_name_rules
from hnuiseg.errors import InputRefused

# As found in the files of many hospitals, and what the shipped patterns make of them.
WILD = {
    "GTVp": ["GTVp", "GTV_P", "GTV-P", "GTVp_KW", "GTVp2", "GTVt", "GTV primaire", "GTV T irm"],
    "GTVn": [
        *("GTVn1", "GTVn15", "GTV_N1", "GTV_N_1", "GTVn3_SA", "GTNn2", "GTV GG", "GTV ggs"),
        *("GTVgg", "GANGLION1", "GTV Node", "NODAL GTV", "GTV_nd_67.5gy", "GTVn_[A]", "GTVn_[r2a]"),
    ],
    "GTVp, not certain": ["GTV", "GTV1", "GTV-1", "GTV_7", "GTV_67.5gy", "gtv pet"],
    "GTVn, not certain": ["GTV2", "GTV-2"],
    "both, left out": ["GTV et GG"],
    "left out": ["Parotid_L", "PTV_GTVp", "BODY"],
}


def _write(path: Path, names: Sequence[str]) -> None:
    """An RTSTRUCT of names alone."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = "2.25.1"
    dataset.Modality = "RTSTRUCT"
    dataset.StructureSetROISequence = []
    for number, name in enumerate(names, start=1):
        roi = Dataset()
        roi.ROINumber = number
        roi.ROIName = name
        dataset.StructureSetROISequence.append(roi)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dicom_bytes(dataset))


def _unread() -> AnnotatedCase:
    raise AssertionError("a table of names reads no case")


def _cohort(root: Path) -> Cohort:
    cases = tuple(
        ListedCase(folder.name, folder.name, "", (folder,), _unread)
        for folder in sorted(root.iterdir())
    )
    return Cohort("test", "none", False, ("GTVp", "GTVn"), cases)


@pytest.mark.parametrize("meaning", list(WILD))
def test_names_in_the_wild_mean_what_the_shipped_patterns_say(meaning: str) -> None:
    found = map_roi_names(WILD[meaning], roi_name_rules())
    assert {name: meaning_of(name, found) for name in WILD[meaning]} == dict.fromkeys(
        WILD[meaning], meaning
    )


def test_every_name_is_in_the_table_once_with_its_meaning(tmp_path: Path) -> None:
    everything = [name for names in WILD.values() for name in names]
    _write(tmp_path / "a" / "rs.dcm", everything)
    _write(tmp_path / "b" / "rs.dcm", ["GTVp", "BODY"])
    table = region_names(_cohort(tmp_path))
    assert table.counts == Counter(everything) + Counter(["GTVp", "BODY"])
    lines = [line.split(maxsplit=1) for line in described(table).splitlines()[2:]]
    assert sorted((count, words.split("  ")[0]) for count, words in lines) == sorted(
        ("2" if name in ("GTVp", "BODY") else "1", name) for name in everything
    )
    for _, words in lines:
        name, _, meaning = words.partition("  ")
        assert name in WILD[meaning.strip()]


def test_a_name_counts_once_a_case_and_once_a_file(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "one.dcm", ["GTVp", "GTVp", "GTVn"])
    _write(tmp_path / "a" / "deep" / "er" / "two", ["GTVp", "Larynx"])
    _write(tmp_path / "b" / "rs.dcm", ["GTVp"])
    table = region_names(_cohort(tmp_path))
    assert table.counts == {"GTVp": 2, "GTVn": 1, "Larynx": 1}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert regions_of(files) == {"GTVp": 3, "GTVn": 1, "Larynx": 1}


def test_the_table_follows_an_edited_file(tmp_path: Path) -> None:
    _write(tmp_path / "cohort" / "a" / "rs.dcm", ["GTV", "GTVp"])
    ours = tmp_path / "ours.toml"
    ours.write_text('[[rule]]\nregion = "GTVn"\ncertain = true\npatterns = ["gtv"]\n')
    cohort = _cohort(tmp_path / "cohort")
    assert "GTV     GTVn" in described(region_names(cohort, ours))
    assert "GTVp    left out" in described(region_names(cohort, ours))
    assert "GTV     GTVp, not certain" in described(region_names(cohort))


def test_a_case_without_names_is_said_and_stops_no_other(tmp_path: Path) -> None:
    _write(tmp_path / "good" / "rs.dcm", ["GTVp"])
    whole = (tmp_path / "good" / "rs.dcm").read_bytes()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "rs.dcm").write_bytes(whole[:-3])
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "LICENSE").write_text("1.2.840.10008.5.1.4.1.1.481.3")
    table = region_names(_cohort(tmp_path))
    assert table.counts == {"GTVp": 1}
    assert {one.name for one in table.left_out} == {"cut", "none"}
    text = described(table)
    assert "no names from none: no RTSTRUCT" in text
    assert "no names from cut: rs.dcm: " in text
    assert str(tmp_path) not in text
    with pytest.raises(InputRefused, match=r"rs\.dcm"):
        regions_of([tmp_path / "cut" / "rs.dcm"])


def test_a_name_cannot_steer_a_terminal(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "rs.dcm", ["GTVp\x1b[2J"])
    text = described(region_names(_cohort(tmp_path)))
    assert "\x1b" not in text
    assert "GTVp?[2J" in text
