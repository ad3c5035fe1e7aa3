"""HECKTOR's layouts: which files are one case, which never are, and PETs given out in Bq/ml.

Whole trees of every layout are read in test_image_files.py.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.cohorts import Cohort, ListedCase, Phantom, hecktor, phantom
from hnuiseg.errors import InputRefused
from hnuiseg.files import read_image, write_nifti
from hnuiseg.volume import Volume

FACTOR = 2.7e-4  # g/ml per Bq/ml
TAGS = "pid,units,patient_weight_kg,dose_for_suv_bq,bqml_to_suvbw_factor\n"  # the organisers'


@pytest.fixture(scope="module")
def made() -> Phantom:
    return phantom(3, spacing=(8.0, 6.0, 6.0))


def _names(folder: Path, *files: str) -> None:
    """Empty files: listing looks at names alone."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def _patient(folder: Path, name: str, made: Phantom, pet: Volume | None = None) -> None:
    (folder / name).mkdir(parents=True)
    write_nifti(made.ct, folder / name / f"{name}__CT.nii.gz")
    write_nifti(made.truth, folder / name / f"{name}.nii.gz")
    if pet is not None:
        write_nifti(pet, folder / name / f"{name}__PT.nii.gz")


def _activity(made: Phantom) -> Volume:
    assert made.pet is not None
    return Volume(made.pet.array / np.float32(FACTOR), made.pet.grid, "Bq/ml")


def _cases(cohort: Cohort) -> dict[str, ListedCase]:
    return {case.name: case for case in cohort.cases}


def _left_out(cohort: Cohort) -> dict[str, str]:
    return {one.name: one.why for one in cohort.left_out}


def test_the_same_scan_without_label_in_other_tasks_is_no_second_one(tmp_path: Path) -> None:
    """2025 gives each scan out three times, once with its label."""
    for task in ("Task 1", "Task 2", "Task 3"):
        _names(tmp_path, *(f"{task}/CHUM-001/CHUM-001__{kind}.nii.gz" for kind in ("CT", "PT")))
    _names(
        tmp_path,
        "Task 1/CHUM-001/CHUM-001.nii.gz",
        *(
            f"Task 2/CHUM-001/CHUM-001__{kind}.nii.gz"
            for kind in ("CTPlanning", "RTDOSE", "dosimetry_CT", "radiotherapy_dosemaps")
        ),
        *(f"Task 3/MDA-009/MDA-009__{kind}.nii.gz" for kind in ("CT", "PT")),
    )
    cohort = hecktor(tmp_path)
    first = tmp_path / "Task 1" / "CHUM-001"
    assert _cases(cohort)["CHUM-001"].sources == (
        first / "CHUM-001__CT.nii.gz",
        first / "CHUM-001.nii.gz",
        first / "CHUM-001__PT.nii.gz",
    )
    assert _left_out(cohort) == {"MDA-009": "no label"}


@pytest.mark.parametrize("hyphen", ["-", "_"])
def test_patients_are_one_however_their_files_are_written(tmp_path: Path, hyphen: str) -> None:
    _names(
        tmp_path,
        "imagesTr/CHUV-013__CT.nii.gz",
        "imagesTr/CHUV-013__PT.nii",
        f"labelsTr/CHUV{hyphen}013.nii.gz",
    )
    ((case),) = hecktor(tmp_path).cases
    assert (case.name, case.patient, case.centre) == ("CHUV-013", "CHUV-013", "CHUV")
    assert len(case.sources) == 3


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (("imagesTr/A-1__CT.nii.gz",), "no label"),
        (("labelsTr/A-1.nii.gz",), "a label without CT"),
        (("A-1/A-1.nii.gz", "A-1/A-1__PT.nii.gz"), "no CT"),
        (
            ("labelsTr/A-1.nii.gz", "labelsTr/A_1.nii.gz", "imagesTr/A-1__CT.nii.gz"),
            "its label is there 2 times (labelsTr/A-1.nii.gz, labelsTr/A_1.nii.gz): "
            "point at one release alone",
        ),
        (
            ("labelsTr/A-1.nii.gz", "imagesTr/A-1__CT.nii.gz", "corrected/labelsTr/A-1.nii.gz"),
            "its label is there 2 times (corrected/labelsTr/A-1.nii.gz, labelsTr/A-1.nii.gz): "
            "point at one release alone",
        ),
        (
            ("labelsTr/A-1.nii.gz", "imagesTr/A-1__CT.nii.gz", "imagesTs/A-1__CT.nii.gz"),
            "its CT is there 2 times (imagesTr/A-1__CT.nii.gz, imagesTs/A-1__CT.nii.gz): "
            "point at one release alone",
        ),
        (
            ("A-1/A-1.nii.gz", "A-1/A-1__CT.nii.gz", "A-1/A-1__PT.nii.gz", "A-1/A-1__PT.nii"),
            "its PET is there 2 times (A-1/A-1__PT.nii, A-1/A-1__PT.nii.gz): "
            "point at one release alone",
        ),
    ],
)
def test_a_patient_that_is_no_case_is_left_out_and_said(
    tmp_path: Path, files: tuple[str, ...], why: str
) -> None:
    _names(tmp_path, *files, "B-2/B-2__CT.nii.gz", "B-2/B-2.nii.gz")
    cohort = hecktor(tmp_path)
    assert list(_cases(cohort)) == ["B-2"]
    assert _left_out(cohort) == {"A-1": why}


def test_what_lies_around_is_no_case(tmp_path: Path) -> None:
    _names(
        tmp_path,
        "B-2/B-2__CT.nii.gz",
        "B-2/B-2.nii.gz",
        "B-2/._B-2__CT.nii.gz",
        ".Trash/B-3/B-3__CT.nii.gz",
        "__MACOSX/B-2/B-2__CT.nii.gz",
        "B-2/B-2__CT.nii.gz.part",
        "readme.nii.gz",
        "B-2/.DS_Store",
    )
    cohort = hecktor(tmp_path)
    assert list(_cases(cohort)) == ["B-2"]
    assert cohort.left_out == ()


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("HECKTOR_2026_Training.csv", "PatientID,CenterID,Age\nB-2,7,60\n", "utf-8-sig"),
        ("hecktor2022_clinical_info_training.csv", "patient id;Center ID\nB_2;7\n", "utf-8"),
    ],
)
def test_the_centre_is_the_tables_where_it_names_the_patient(
    tmp_path: Path, name: str, text: str, encoding: str
) -> None:
    _names(tmp_path, "B-2/B-2__CT.nii.gz", "B-2/B-2.nii.gz", "C-3/C-3__CT.nii.gz", "C-3/C-3.nii.gz")
    (tmp_path / name).write_text(text, encoding)
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00no table")
    (tmp_path / "endpoint.csv").write_text("PatientID,Relapse\nB-2,1\n")
    cohort = hecktor(tmp_path)
    assert {case.name: case.centre for case in cohort.cases} == {"B-2": "7", "C-3": "C"}


@pytest.mark.parametrize(
    "table",
    [TAGS + f"B-2,BQML,77,,{FACTOR}\nC-3,BQML,,,\n", f"PatientID;SUV factor\nb_2;{FACTOR}\n"],
)
def test_a_pet_in_bqml_becomes_suv_by_a_table_and_that_is_said(
    tmp_path: Path, made: Phantom, table: str
) -> None:
    for name in ("B-2", "C-3"):  # C-3 has no factor
        _patient(tmp_path / "set", name, made, _activity(made))
    (tmp_path / "tags.csv").write_text(table)
    cases = _cases(hecktor(tmp_path / "set", tmp_path / "tags.csv"))
    found = cases["B-2"].read()
    assert made.pet is not None
    assert found.case.pet is not None
    np.testing.assert_allclose(found.case.pet.native.array, made.pet.array, rtol=1e-5)
    assert "pet-converted" in [notice.code for notice in found.case.notices]
    assert any("0.00027 g/ml per Bq/ml" in note for note in found.notes)
    with pytest.raises(InputRefused, match="its values are those of Bq/ml"):
        cases["C-3"].read()


def test_a_pet_in_suv_is_never_converted_once_more(tmp_path: Path, made: Phantom) -> None:
    """The organisers' script writes SUV under the same names."""
    _patient(tmp_path / "set", "B-2", made, made.pet)
    (tmp_path / "tags.csv").write_text(TAGS + f"B-2,BQML,77,,{FACTOR}\n")
    (case,) = hecktor(tmp_path / "set", tmp_path / "tags.csv").cases
    with pytest.raises(InputRefused, match=r"B-2__PT\.nii\.gz isn't in Bq/ml"):
        case.read()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("B-2,BQML,77,,-1\n", "gives B-2 a factor of -1"),
        ("B-2,BQML,77,,nan\n", "gives B-2 a factor of nan"),
        ("B-2,BQML,77,,400\n", "gives B-2 a factor of 400"),
        ("B-2,BQML,77,,x\n", "could not convert"),
        (f"B-2,CNTS,77,,{FACTOR}\n", "B-2 is in CNTS"),
        (f"B-2,BQML,77,,{FACTOR}\nB_2,BQML,77,,{2 * FACTOR}\n", "names B-2 twice"),
        (f",BQML,77,,{FACTOR}\n", "one column PatientID"),
    ],
)
def test_factors_that_cant_be_are_refused_before_anything_is_read(
    tmp_path: Path, rows: str, words: str
) -> None:
    _names(tmp_path / "set", "B-2/B-2__CT.nii.gz", "B-2/B-2.nii.gz")
    (tmp_path / "tags.csv").write_text(TAGS + rows)
    with pytest.raises(InputRefused, match=words):
        hecktor(tmp_path / "set", tmp_path / "tags.csv")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _turned(file: Path) -> None:
    file.write_bytes(b"\x1f\x8b" + b"\0" * 400)


@pytest.mark.parametrize("harm", [_cut, _turned, Path.unlink])
@pytest.mark.parametrize("kind", ["__CT", "__PT", ""])
def test_a_broken_file_is_refused_and_stops_no_other(
    tmp_path: Path, made: Phantom, kind: str, harm: Callable[[Path], None]
) -> None:
    """Also where it is lost between listing and reading."""
    for name in ("B-2", "C-3"):
        _patient(tmp_path, name, made, made.pet)
    cases = _cases(hecktor(tmp_path))
    harm(tmp_path / "B-2" / f"B-2{kind}.nii.gz")
    with pytest.raises(InputRefused):
        cases["B-2"].read()
    cases["C-3"].read()


@pytest.mark.parametrize("rows", [(0, 1, 0), (0, 0, 1), (1, 1, 1)])
@pytest.mark.parametrize("before", [True, False])
def test_labels_a_row_too_large_lie_where_they_were_drawn(
    tmp_path: Path, made: Phantom, rows: tuple[int, int, int], before: bool
) -> None:
    """Placed by position: by index, they would be a voxel off where the row comes before."""
    _patient(tmp_path, "B-2", made)
    grid = made.truth.grid
    more = np.pad(made.truth.array, [(n, 0) if before else (0, n) for n in rows])
    start = tuple(-n if before else 0 for n in rows)
    larger = Volume(more, grid.cropped((start[0], start[1], start[2]), more.shape), "label")
    write_nifti(larger, tmp_path / "B-2" / "B-2.nii.gz")
    (case,) = hecktor(tmp_path).cases
    found = case.read()
    assert found.truth.grid == found.case.ct.grid
    np.testing.assert_array_equal(found.truth.array, made.truth.array)
    drawn = np.argwhere(made.truth.array).astype(float)
    np.testing.assert_allclose(found.truth.grid.to_world(drawn), grid.to_world(drawn), atol=1e-3)


def test_images_are_what_was_scanned(tmp_path: Path, made: Phantom) -> None:
    """CT and PET, each on its own grid; HU far out of any scale come through as they are."""
    ct = made.ct.array.copy()
    ct[10, 20:22, 30] = 27_000, -10_505
    metal = replace(made, ct=Volume(ct, made.ct.grid, "HU"))
    _patient(tmp_path, "B-2", metal, made.pet)
    (case,) = hecktor(tmp_path).cases
    found = case.read().case
    np.testing.assert_array_equal(found.ct.array, ct)
    assert "ct-extreme" in [notice.code for notice in found.notices]
    assert found.pet is not None
    assert made.pet is not None
    for read, scanned in ((found.ct, made.ct), (found.pet.native, made.pet)):
        ends = np.array([[0, 0, 0], [n - 1 for n in scanned.grid.shape]], dtype=float)
        np.testing.assert_allclose(read.grid.to_world(ends), scanned.grid.to_world(ends), atol=1e-3)
    np.testing.assert_array_equal(found.pet.native.array, made.pet.array)
    written = read_image(tmp_path / "B-2" / "B-2__PT.nii.gz", "g/ml")
    np.testing.assert_array_equal(found.pet.native.array, written.array)


def test_a_patient_without_pet_is_a_case_of_ct_alone(tmp_path: Path, made: Phantom) -> None:
    _patient(tmp_path, "B-2", made)
    (case,) = hecktor(tmp_path).cases
    found = case.read().case
    assert found.pet is None
    assert "ct-only" in [notice.code for notice in found.notices]
