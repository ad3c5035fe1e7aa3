"""H&N1's tree, quirks included, read back to what was planted; one bad patient stops no other."""

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hnuiseg.cohorts import AnnotatedCase, Cohort, ListedCase
from hnuiseg.cohorts.hn1 import hn1
from hnuiseg.cohorts.regions import region_names
from hnuiseg.cohorts.trees_of_dicom import write_hn1_tree
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Volume

COLLECTION = Path("manifest-1") / "HEAD-NECK-RADIOMICS-HN1"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Volume]]:
    folder = tmp_path_factory.mktemp("tcia")
    return folder, write_hn1_tree(folder)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped patterns, as a user makes one."""
    shipped = resources.files("hnuiseg.dicom").joinpath("roi_names.toml").read_text("utf-8")
    file = tmp_path_factory.mktemp("names") / "ours.toml"
    file.write_text(shipped, "utf-8")
    return file


def _case(cohort: Cohort, name: str) -> ListedCase:
    (case,) = (case for case in cohort.cases if case.name == name)
    return case


def test_every_patient_is_listed_by_name_alone(tree: tuple[Path, dict[str, Volume]]) -> None:
    folder, _ = tree
    cohort = hn1(folder)
    assert (cohort.kind, cohort.licence, cohort.commercial) == ("hn1", "CC BY-NC 3.0", False)
    assert [case.name for case in cohort.cases] == [
        "HN1004",
        "HN1006",
        "HN1012",
        "HN1022",
        "HN1026",
    ]
    for case in cohort.cases:
        assert case.patient == case.name
        assert case.sources == (folder / COLLECTION / case.name,)
    assert cohort.left_out == ()


@pytest.mark.parametrize("below", [".", "manifest-1", str(COLLECTION)])
def test_the_tree_may_be_named_from_any_of_its_floors(
    tree: tuple[Path, dict[str, Volume]], below: str
) -> None:
    folder, _ = tree
    whole, part = hn1(folder), hn1(folder / below)
    assert [case.sources for case in part.cases] == [case.sources for case in whole.cases]


def test_truth_is_what_was_planted_voxel_by_voxel(
    tree: tuple[Path, dict[str, Volume]], names: Path
) -> None:
    folder, truths = tree
    read = dict[str, AnnotatedCase]()
    for case in hn1(folder, names).cases:
        try:
            read[case.name] = case.read()
        except InputRefused:
            assert case.name not in truths
    assert sorted(read) == sorted(truths)
    for name, found in read.items():
        assert found.truth.array.dtype == np.uint8
        assert found.truth.grid == found.case.ct.grid
        assert found.case.pet is None
        np.testing.assert_array_equal(found.truth.array, truths[name].array)
        assert {0, 1, 2} == set(np.unique(found.truth.array))


def test_names_that_no_pattern_fits_are_said(
    tree: tuple[Path, dict[str, Volume]], tmp_path: Path
) -> None:
    """With patterns that know primaries only."""
    folder, truths = tree
    patterns = tmp_path / "primaries.toml"
    patterns.write_text("[[rule]]\nregion = 'GTVp'\ncertain = false\npatterns = ['gtv_1']\n")
    found = _case(hn1(folder, patterns), "HN1004").read()
    assert "GTV-1: read as GTVp, which its name doesn't say" in found.notes
    (left_out,) = (note for note in found.notes if note.startswith("left out, as neither"))
    assert "GTVn_[r2a]" in left_out
    np.testing.assert_array_equal(found.truth.array == 1, truths["HN1004"].array == 1)
    assert not (found.truth.array == 2).any()


def test_the_newest_of_two_drawings_counts_and_that_is_said(
    tree: tuple[Path, dict[str, Volume]], names: Path
) -> None:
    folder, _ = tree
    notes = _case(hn1(folder, names), "HN1006").read().notes
    said = "the newest RTSTRUCT is used, of 2026-01-24 10:00:00; left out: of 2026-01-16 10:00:00"
    assert said in notes


def test_a_pet_without_weight_is_left_out_and_said(
    tree: tuple[Path, dict[str, Volume]], names: Path
) -> None:
    folder, _ = tree
    codes = {
        name: [notice.code for notice in _case(hn1(folder, names), name).read().case.notices]
        for name in ("HN1004", "HN1022")
    }
    assert "pet-left-out" in codes["HN1022"]
    assert "pet-left-out" not in codes["HN1004"]  # it has none


@pytest.mark.parametrize(
    ("name", "words"),
    [("HN1012", "^no RTSTRUCT;"), ("HN1026", r"^no RTSTRUCT; 1-1\.dcm: has a damaged structure")],
)
def test_a_patient_without_truth_is_refused(
    tree: tuple[Path, dict[str, Volume]], name: str, words: str
) -> None:
    folder, _ = tree
    with pytest.raises(InputRefused, match=words) as refused:
        _case(hn1(folder), name).read()
    assert str(folder) not in str(refused.value)


def test_the_table_of_names_counts_patients(
    tree: tuple[Path, dict[str, Volume]], names: Path
) -> None:
    table = region_names(hn1(tree[0], names), names)
    assert table.counts == {
        **{"GTV-1": 3, "GTVn_[r2a]": 2, "GTV-2": 1, "GTVp": 1, "GTVn": 1},
        **{"BODY": 3, "Parotid_L": 3, "PTV_GTVp": 3},
    }
    assert {one.name for one in table.left_out} == {"HN1012", "HN1026"}
    assert table.names.region("GTVn_[r2a]") == "GTVn"


def _patient(tree: tuple[Path, dict[str, Volume]], name: str, copy: Path) -> Path:
    """A patient's folder that may be bent."""
    shutil.copytree(tree[0] / COLLECTION / name, copy / name)
    return copy


def test_two_drawings_of_one_time_are_refused_and_two_copies_are_one(
    tree: tuple[Path, dict[str, Volume]], names: Path, tmp_path: Path
) -> None:
    folder = _patient(tree, "HN1006", tmp_path)
    drawings = list(folder.rglob("1-1.dcm"))
    shutil.copy(drawings[0], drawings[0].with_name("copy.dcm"))
    (case,) = hn1(folder, names).cases
    np.testing.assert_array_equal(case.read().truth.array, tree[1]["HN1006"].array)
    for path in drawings:
        dataset = pydicom.dcmread(path)
        del dataset.StructureSetDate
        dataset.save_as(path)
    drawings[0].with_name("copy.dcm").unlink()
    with pytest.raises(InputRefused, match="2 RTSTRUCTs of unknown date"):
        case.read()


def test_a_damaged_drawing_beside_a_good_one_is_said(
    tree: tuple[Path, dict[str, Volume]], names: Path, tmp_path: Path
) -> None:
    folder = _patient(tree, "HN1004", tmp_path)
    (drawing,) = folder.rglob("1-1.dcm")
    drawing.with_name("cut.dcm").write_bytes(drawing.read_bytes()[:3000])
    (case,) = hn1(folder, names).cases
    found = case.read()
    assert any(note.startswith("cut.dcm is left out: has a damaged") for note in found.notes)
    np.testing.assert_array_equal(found.truth.array, tree[1]["HN1004"].array)


def test_a_collection_called_hn1_is_no_patient(tmp_path: Path) -> None:
    for name in ("HN1057", "HN1062", "HN1057_old", "AHN1", ".HN1999", "HN"):
        (tmp_path / "HN1" / name).mkdir(parents=True)
    assert [case.name for case in hn1(tmp_path).cases] == ["HN1057", "HN1062"]


def test_a_patient_in_two_folders_is_left_out_and_said(tmp_path: Path) -> None:
    """TCIA parts downloads into manifests; which of the two is whole isn't guessed."""
    for place in ("manifest-1/HN1057", "manifest-2/HN1057", "manifest-2/HN1062"):
        (tmp_path / place).mkdir(parents=True)
    cohort = hn1(tmp_path)
    assert [case.name for case in cohort.cases] == ["HN1062"]
    ((name, why),) = ((one.name, one.why) for one in cohort.left_out)
    assert name == "HN1057"
    assert why.startswith("2 folders of this name")


def test_a_link_back_up_ends(tmp_path: Path) -> None:
    (tmp_path / "a" / "HN1057").mkdir(parents=True)
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert [case.name for case in hn1(tmp_path).cases] == ["HN1057"]


def test_what_is_no_cohort_is_refused_before_anything_is_read(
    tmp_path: Path, tree: tuple[Path, dict[str, Volume]]
) -> None:
    with pytest.raises(InputRefused, match="'missing' can't be opened"):
        hn1(tmp_path / "missing")
    with pytest.raises(InputRefused, match="holds no patient's folder"):
        hn1(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_text("rule = 3")
    with pytest.raises(InputRefused, match=r"patterns in bad\.toml"):
        hn1(tree[0], bad)
