"""The phantom: same seed, same patient; believable numbers; truth that lies where disease is."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.cohorts import Phantom, Variant, phantom, phantom_case, write_phantom_patient
from hnuiseg.errors import OutputFailed
from hnuiseg.files import read_image
from hnuiseg.study import read_study
from hnuiseg.volume import components, resample
from needs import program

COARSE = (5.0, 4.0, 4.0)  # mm; quick, and every side still differs


@pytest.fixture(scope="module")
def patients() -> list[Phantom]:
    return [phantom(3, index, spacing=COARSE) for index in range(6)]


def test_a_seed_and_a_number_make_a_patient(patients: list[Phantom]) -> None:
    again = phantom(3, 2, spacing=COARSE)
    assert np.array_equal(again.ct.array, patients[2].ct.array)
    assert again.pet is not None
    assert patients[2].pet is not None
    assert np.array_equal(again.pet.array, patients[2].pet.array)
    assert np.array_equal(again.truth.array, patients[2].truth.array)
    assert not np.array_equal(patients[3].ct.array, patients[2].ct.array)
    assert not np.array_equal(phantom(4, 2, spacing=COARSE).ct.array, again.ct.array)


def test_ct_is_whole_hu_with_air_fat_muscle_and_bone(patients: list[Phantom]) -> None:
    for made in patients:
        hu = made.ct.array
        assert np.array_equal(hu, np.round(hu))
        assert hu.min() >= -1024
        assert hu.max() <= 3071
        for low, high, least in ((-1024, -900, 0.3), (-140, -60, 0.005), (20, 90, 0.05)):
            assert ((hu >= low) & (hu <= high)).mean() > least
        assert (hu > 400).mean() > 0.002


def test_disease_is_soft_tissue_and_hot(patients: list[Phantom]) -> None:
    for made in patients:
        assert made.pet is not None
        on_ct = resample(made.pet, made.ct.grid).array
        for value in (1, 2):
            mask = made.truth.array == value
            if not mask.any():
                continue
            assert -100 < np.median(made.ct.array[mask]) < 150
            assert on_ct[mask].max() > 1.5  # the coolest nodes are near muscle, as in patients


def test_truth_agrees_with_what_was_planted(patients: list[Phantom]) -> None:
    for made in patients:
        primary = made.truth.array == 1
        assert primary.any() == (made.disease.site is not None)
        assert primary.sum() * made.ct.grid.voxel_ml == pytest.approx(made.disease.primary_ml)
        _, pieces = components(made.truth.array == 2)
        assert (pieces > 0) == (made.disease.nodes > 0)
        assert made.disease.necrotic_nodes <= made.disease.nodes <= 6


def test_variants_leave_out_what_they_say() -> None:
    healthy = phantom(3, 0, variant=Variant(primary=False, nodes=False, pet=False), spacing=COARSE)
    assert healthy.pet is None
    assert not healthy.truth.array.any()
    assert (phantom(3, 0, variant=Variant(nodes=False), spacing=COARSE).truth.array != 2).all()
    metal = phantom(3, 0, variant=Variant(metal=True), spacing=COARSE)
    clean = phantom(3, 0, variant=Variant(metal=False), spacing=COARSE)
    assert metal.metal > 0
    assert clean.metal == 0
    assert np.array_equal(metal.truth.array, clean.truth.array)


def test_pet_has_its_own_grid_and_reaches_the_whole_ct(patients: list[Phantom]) -> None:
    for made in patients:
        assert made.pet is not None
        assert made.pet.grid.spacing != made.ct.grid.spacing
        assert made.pet.grid.frame_of_reference == made.ct.grid.frame_of_reference
        case = phantom_case(made)
        assert case.pet is not None
        assert case.pet.coverage.mean() > 0.99


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom_patient(tmp_path_factory.mktemp("phantom"), seed=3, index=1)


def test_files_give_back_the_phantom(written: Path) -> None:
    """DICOM, through the gates of any study, is the phantom within the files' rounding."""
    made = phantom(3, 1)
    case = read_study(written / "study")
    assert np.array_equal(case.ct.array, made.ct.array)
    assert case.ct.grid.same_place(made.ct.grid)
    assert case.pet is not None
    assert made.pet is not None
    # 16 bits a slice: half a step of the slice's maximum
    step = made.pet.array.max() / 32767
    assert np.abs(case.pet.native.array - made.pet.array).max() <= step
    assert not [n for n in case.notices if n.code == "not-head-neck"]
    truth = read_image(written / "truth.nii.gz", "label")
    assert np.array_equal(truth.array, made.truth.array)
    with pytest.raises(OutputFailed, match="exists"):
        write_phantom_patient(written.parent, seed=3, index=1)


def test_an_outside_judge_finds_no_fault_with_the_dicom(written: Path) -> None:
    """But for the line on Laterality, which any CT gets."""
    for path in (
        written / "study" / "ct" / "ct_0001.dcm",
        written / "study" / "pet" / "pet_0001.dcm",
        written / "truth.dcm",
    ):
        said = subprocess.run(
            [program("dciodvfy"), str(path)], capture_output=True, text=True, check=False
        )
        lines = [x for x in said.stderr.splitlines() if x.startswith(("Error", "Warning"))]
        assert [x for x in lines if not x.endswith("attribute <Laterality>")] == []


def test_a_case_without_pet_is_a_case_of_ct_alone(patients: list[Phantom]) -> None:
    assert phantom_case(replace(patients[0], pet=None)).pet is None
