"""A clinic's two scans a patient, in any layout, read back to what was planted."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.cohorts import AnnotatedCase, Cohort, make_splits
from hnuiseg.cohorts.clinic import clinic
from hnuiseg.cohorts.trees_of_dicom import write_clinic_tree
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Volume

Tree = tuple[Path, dict[str, Volume]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp("clinic")
    return folder, write_clinic_tree(folder)


@pytest.fixture(scope="module")
def read(tree: Tree) -> dict[str, AnnotatedCase | InputRefused]:
    """Every case, or why it is refused."""
    found = dict[str, AnnotatedCase | InputRefused]()
    for case in clinic(tree[0]).cases:
        try:
            found[case.name] = case.read()
        except InputRefused as refusal:
            found[case.name] = refusal
    return found


def _read(read: dict[str, AnnotatedCase | InputRefused], name: str) -> AnnotatedCase:
    found = read[name]
    assert isinstance(found, AnnotatedCase), found
    return found


def _left_out(cohort: Cohort) -> dict[str, str]:
    return {one.name: one.why for one in cohort.left_out}


def test_cases_are_patients_and_scans(tree: Tree) -> None:
    cohort = clinic(tree[0])
    assert cohort.kind == "clinic"
    assert cohort.licence == "local data of a clinic: not to be passed on"
    assert not cohort.commercial
    assert {case.name: case.patient for case in cohort.cases} == {
        "P001-PLAN": "P001",
        "P001-PRI": "P001",
        "P002-PLAN": "P002",
        "P002-PRI": "P002",
        "P003-PLAN": "P003",
        "P004-PLAN": "P004",
        "P004-PRI": "P004",
        "P006-PLAN": "P006",
    }
    assert [case.name for case in cohort.cases] == sorted(case.name for case in cohort.cases)


def test_what_is_missing_is_said(tree: Tree) -> None:
    assert _left_out(clinic(tree[0])) == {
        "P003": "no PRI; PLAN is used",
        "P005": "holds no folder PRI or PLAN",
        "P006": "no PRI; PLAN is used",
    }


def test_law_11_both_scans_of_a_patient_are_on_one_side(tree: Tree) -> None:
    cohort = clinic(tree[0])
    for seed in range(10):
        splits = make_splits((case.patient for case in cohort.cases), seed)
        for fold in range(5):
            sides = {case.name: case.patient in splits.validation(fold) for case in cohort.cases}
            assert sides["P001-PRI"] == sides["P001-PLAN"]
            assert sides["P002-PRI"] == sides["P002-PLAN"]


def test_truth_is_what_was_planted_voxel_by_voxel(
    tree: Tree, read: dict[str, AnnotatedCase | InputRefused]
) -> None:
    assert sorted(n for n, found in read.items() if isinstance(found, AnnotatedCase)) == sorted(
        tree[1]
    )
    for name, planted in tree[1].items():
        found = _read(read, name)
        assert found.truth.grid == found.case.ct.grid
        np.testing.assert_array_equal(found.truth.array, planted.array)
        assert (found.case.pet is not None) == name.endswith("-PRI")


def test_what_is_drawn_on_the_pet_is_left_out_and_said(
    read: dict[str, AnnotatedCase | InputRefused],
) -> None:
    """The newest RTSTRUCT is the PET's, and the CT's holds a region of the PET's as well."""
    notes = _read(read, "P001-PRI").notes
    assert "left out, as drawn on the PET: pet_contours.dcm" in notes
    assert "left out, as drawn on the PET: gtv pet" in notes


def test_of_two_planning_cts_the_drawn_one_is_read_and_that_is_said(
    read: dict[str, AnnotatedCase | InputRefused],
) -> None:
    notes = _read(read, "P006-PLAN").notes
    assert "of 2 CT series the one is used that the RTSTRUCT names" in notes


def test_a_scan_that_is_not_drawn_is_refused(
    read: dict[str, AnnotatedCase | InputRefused],
) -> None:
    assert isinstance(read["P004-PRI"], InputRefused)
    assert read["P004-PRI"].came == "no RTSTRUCT"


def test_a_pet_in_a_planning_folder_is_left_out_and_said(tree: Tree, tmp_path: Path) -> None:
    shutil.copytree(tree[0] / "P002_PRI", tmp_path / "P002_PLAN")
    (case,) = clinic(tmp_path).cases
    found = case.read()
    assert found.case.pet is None
    assert "pet-left-out" in [notice.code for notice in found.case.notices]
    np.testing.assert_array_equal(found.truth.array, tree[1]["P002-PRI"].array)


def test_drawings_on_the_pet_alone_are_refused(tree: Tree, tmp_path: Path) -> None:
    shutil.copytree(tree[0] / "P001" / "PRI", tmp_path / "P001_PRI")
    (tmp_path / "P001_PRI" / "contours.dcm").unlink()
    (case,) = clinic(tmp_path).cases
    with pytest.raises(InputRefused, match=r"every RTSTRUCT is drawn on the PET \(pet_contours"):
        case.read()


def test_law_1_where_the_files_lie_changes_nothing(tree: Tree, tmp_path: Path) -> None:
    """All in one folder, under names that say nothing, drawn on CT and PET."""
    (tmp_path / "P001_PRI").mkdir()
    files = (path for path in (tree[0] / "P001" / "PRI").rglob("*") if path.is_file())
    for number, path in enumerate(sorted(files, key=lambda path: path.name[::-1])):
        shutil.copy(path, tmp_path / "P001_PRI" / f"{number:04d}")
    (case,) = clinic(tmp_path).cases
    found = case.read()
    assert found.case.pet is not None
    np.testing.assert_array_equal(found.truth.array, tree[1]["P001-PRI"].array)


def test_contours_of_another_patient_are_refused(tree: Tree, tmp_path: Path) -> None:
    """Two phantoms have grids of one shape; their frames of reference differ."""
    shutil.copytree(tree[0] / "P002_PLAN", tmp_path / "P002_PLAN")
    shutil.copy(tree[0] / "P003 plan" / "rs.dcm", tmp_path / "P002_PLAN" / "rs.dcm")
    (case,) = clinic(tmp_path).cases
    with pytest.raises(InputRefused, match=r"doesn't hold the one series"):
        case.read()


def test_images_with_new_uids_keep_their_truth_by_their_frame(tree: Tree, tmp_path: Path) -> None:
    shutil.copytree(tree[0] / "P002_PLAN", tmp_path / "P002_PLAN")
    for path in (tmp_path / "P002_PLAN" / "ct").iterdir():
        image = pydicom.dcmread(path)
        image.SeriesInstanceUID = "2.25.99"
        image.save_as(path)
    (case,) = clinic(tmp_path).cases
    found = case.read()
    np.testing.assert_array_equal(found.truth.array, tree[1]["P002-PLAN"].array)
    assert any("series that the contours name isn't there" in note for note in found.notes)


def _folders(root: Path, *names: str) -> Cohort:
    for name in names:
        (root / name).mkdir(parents=True)
    return clinic(root)


@pytest.mark.parametrize(
    "names",
    [
        ("P001/PRI", "P001/PLAN"),
        ("P001/export 2/dicom-pri", "P001/export 1/ct_Plan_2"),
        ("P001_PRI", "P001_PLAN"),
        ("P001-pri", "p001 plan"),
        ("P001_PRI_20250101", "P001_PLAN_20250301"),
        ("PRI_P001", "PLAN P001"),
        ("P001/PRI", "P001 PLAN"),
    ],
)
def test_law_11_one_patient_in_any_spelling(tmp_path: Path, names: tuple[str, str]) -> None:
    cohort = _folders(tmp_path, *names)
    assert len({case.patient for case in cohort.cases}) == 1
    assert [case.name.casefold() for case in cohort.cases] == ["p001-plan", "p001-pri"]
    assert [case.sources for case in cohort.cases] == [(tmp_path / n,) for n in reversed(names)]
    assert cohort.left_out == ()


def test_the_folder_of_one_patient_is_a_cohort_of_one(tmp_path: Path) -> None:
    cohort = _folders(tmp_path / "P009", "PRI", "PLAN")
    assert {case.patient for case in cohort.cases} == {"P009"}


def test_words_within_words_are_no_scans(tmp_path: Path) -> None:
    cohort = _folders(tmp_path, "P001/PRIOR", "P001/planar", "P001/PRI2", "P002/PLAN")
    assert [case.name for case in cohort.cases] == ["P002-PLAN"]
    assert _left_out(cohort)["P001"] == "holds no folder PRI or PLAN"


def test_two_of_a_kind_are_left_out_and_the_other_is_used(tmp_path: Path) -> None:
    cohort = _folders(tmp_path, "P001/PRI 1", "P001/PRI 2", "P001/PLAN", "P002_PRI_PLAN")
    assert [case.name for case in cohort.cases] == ["P001-PLAN"]
    assert _left_out(cohort) == {
        "P001": "2 folders say PRI: PRI 1, PRI 2",
        "P002_PRI_PLAN": "says PRI and PLAN at once",
    }


@given(
    patients=st.sets(
        st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="/\\"))
        .map(str.strip)
        .filter(lambda n: n and not n.startswith(".")),
        min_size=1,
        max_size=4,
    )
)
def test_names_of_cases_are_unique_and_names_of_folders(
    tmp_path_factory: pytest.TempPathFactory, patients: set[str]
) -> None:
    root = tmp_path_factory.mktemp("cohort")
    for patient in patients:
        (root / patient / "PRI").mkdir(parents=True, exist_ok=True)
    names = [case.name for case in clinic(root).cases]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert all(letter.isalnum() or letter in "-_." for letter in name)


def test_what_is_no_cohort_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="'missing' can't be opened"):
        clinic(tmp_path / "missing")
    with pytest.raises(InputRefused, match="holds no folder PRI or PLAN"):
        _folders(tmp_path, "P001/CT")
