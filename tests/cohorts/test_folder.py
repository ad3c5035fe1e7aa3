"""Patterns of names: what they fit and what they don't, and images as they were written.

A whole tree and the real sarcomas are read in test_image_files.py.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from hnuiseg.cohorts import Cohort, Phantom, folder, phantom
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.files import write_nifti
from hnuiseg.volume import Volume
from needs import data_folder


@pytest.fixture(scope="module")
def made() -> Phantom:
    return phantom(5, spacing=(8.0, 6.0, 6.0))


def _names(source: Path, *files: str) -> None:
    """Empty files: listing looks at names alone."""
    for file in files:
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).touch()


def _listed(cohort: Cohort) -> dict[str, list[str]]:
    """The names of each case's files, without their ending."""
    return {
        case.name: [path.name.partition(".")[0] for path in case.sources] for case in cohort.cases
    }


def _left_out(cohort: Cohort) -> dict[str, str]:
    return {one.name: one.why for one in cohort.left_out}


def test_an_id_is_the_same_wherever_it_stands_and_within_one_part(tmp_path: Path) -> None:
    _names(
        tmp_path,
        *("a-1/a-1.nii.gz", "a-1/m.nii.gz", "B_2.x/B_2.x.nii.gz", "B_2.x/m.nii.gz"),
        *("a/b.nii.gz", "a/m.nii.gz", "c/d/c/d.nii.gz", ".h/.h.nii.gz", ".h/m.nii.gz"),
        *("ä/ä.nii.gz", "ä/m.nii.gz", "e e/e e.nii.gz", "f/f.nii.gz/f.nii.gz"),
    )
    cohort = folder(tmp_path, ct="{id}/{id}.nii.gz", labels="{id}/m.nii.gz")
    assert list(_listed(cohort)) == ["B_2.x", "a-1"]
    assert all((case.patient, case.centre) == (case.name, "") for case in cohort.cases)
    assert _left_out(cohort) == {"a": "a label without CT"}


def test_a_pattern_that_fits_every_kind_takes_its_own(tmp_path: Path) -> None:
    """`{id}.nii.gz` fits `a_seg.nii.gz` too."""
    _names(
        tmp_path, "a.nii.gz", "a_seg.nii.gz", "a_pet.nii.gz", "b.nii.gz", "b_pet.nii.gz", "c.txt"
    )
    bare, seg, pet = "{id}.nii.gz", "{id}_seg.nii.gz", "{id}_pet.nii.gz"
    cohort = folder(tmp_path, ct=bare, labels=seg, pet=pet)
    assert _listed(cohort) == {"a": ["a", "a_seg", "a_pet"]}
    assert _left_out(cohort) == {"b": "no label"}
    cohort = folder(tmp_path, ct=pet, labels=bare)
    assert _listed(cohort) == {"a": ["a_pet", "a"], "b": ["b_pet", "b"]}


def test_what_else_has_a_meaning_in_patterns_stands_for_itself(tmp_path: Path) -> None:
    names = ("x[1]/a.nii.gz", "x[1]/a_m.nii.gz", "x1/b.nii.gz", "x1/b_m.nii.gz")
    _names(tmp_path, *names, "y*(?P<id>/a.nii.gz", "y*(?P<id>/a_m.nii.gz", "yy/b.nii.gz")
    for place in ("x[1]", "y*(?P<id>", "./x[1]/"):
        cohort = folder(tmp_path, ct=f"{place}/{{id}}.nii.gz", labels=f"{place}/{{id}}_m.nii.gz")
        assert list(_listed(cohort)) == ["a"]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ct.nii.gz",
        "*.nii.gz",
        "{ID}.nii.gz",
        "../{id}.nii.gz",
        "a/../{id}.nii.gz",
        "/{id}.nii.gz",
        "{id}",
        "{id}.dcm",
    ],
)
def test_what_is_no_pattern_is_a_wrong_call_before_anything_is_looked_at(pattern: str) -> None:
    good, source = "{id}/x.nii.gz", Path("/nowhere")
    for ct, labels, pet in ((pattern, good, None), (good, pattern, None), (good, "{id}", pattern)):
        with pytest.raises(WrongCall):
            folder(source, ct=ct, labels=labels, pet=pet)


@pytest.mark.parametrize("same", ["{id}/x.nii.gz", "./{id}//x.nii.gz"])
def test_two_kinds_of_images_have_two_patterns(tmp_path: Path, same: str) -> None:
    with pytest.raises(WrongCall, match="one pattern for two kinds"):
        folder(tmp_path, ct="{id}/x.nii.gz", labels="{id}/y.nii.gz", pet=same)


def test_nothing_to_learn_from_is_refused_with_what_is_there(tmp_path: Path) -> None:
    _names(tmp_path, "a/ct.nii.gz", "b/ct.nii.gz", "c/m.nii.gz")
    with pytest.raises(InputRefused, match="2 CTs without labels, 1 labels without CT"):
        folder(tmp_path, ct="{id}/ct.nii.gz", labels="{id}/m.nii.gz")


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
def test_images_are_what_was_written_in_every_format(
    tmp_path: Path, made: Phantom, ending: str
) -> None:
    """CT, PET on its own grid, and truth: values, and positions in mm."""
    assert made.pet is not None
    volumes = {"ct": made.ct, "pet": made.pet, "m": made.truth}
    for name, volume in volumes.items():
        path = tmp_path / "a" / f"{name}.{ending}"
        path.parent.mkdir(exist_ok=True)
        if ending.startswith("nii"):
            write_nifti(volume, path)
        else:
            sitk.WriteImage(_itk(volume), str(path))
    patterns = {kind: f"{{id}}/{kind}.{ending}" for kind in volumes}
    cohort = folder(tmp_path, ct=patterns["ct"], labels=patterns["m"], pet=patterns["pet"])
    (case,) = cohort.cases
    found = case.read()
    assert found.truth.grid == found.case.ct.grid
    assert found.case.pet is not None
    for read, written in (
        (found.case.ct, made.ct),
        (found.case.pet.native, made.pet),
        (found.truth, made.truth),
    ):
        np.testing.assert_array_equal(read.array, written.array)
        ends = np.array([[0, 0, 0], [n - 1 for n in written.grid.shape]], dtype=float)
        np.testing.assert_allclose(read.grid.to_world(ends), written.grid.to_world(ends), atol=1e-3)
    assert any("SUVbw" in said for said in found.case.provenance.stated)


def _itk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.grid.spacing[::-1])
    image.SetOrigin(volume.grid.origin)
    return image


@pytest.mark.parametrize(
    ("value", "refused"), [(1, False), (2, False), (255, False), (3, True), (254, True)]
)
def test_labels_are_0_1_2_and_255(tmp_path: Path, made: Phantom, value: int, refused: bool) -> None:
    array = np.zeros_like(made.truth.array)
    array[20:22, 30:33, 40:44] = value
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_nifti(made.ct, tmp_path / name / "ct.nii.gz")
        write_nifti(made.truth, tmp_path / name / "m.nii.gz")
    write_nifti(Volume(array, made.truth.grid, "label"), tmp_path / "a" / "m.nii.gz")
    a, b = folder(tmp_path, ct="{id}/ct.nii.gz", labels="{id}/m.nii.gz").cases
    b.read()
    if refused:
        with pytest.raises(InputRefused, match=f"holds value {value}"):
            a.read()
    else:
        np.testing.assert_array_equal(a.read().truth.array, array)


def test_a_pet_of_other_units_than_stated_is_refused(tmp_path: Path, made: Phantom) -> None:
    assert made.pet is not None
    (tmp_path / "a").mkdir()
    write_nifti(made.ct, tmp_path / "a" / "ct.nii.gz")
    write_nifti(made.truth, tmp_path / "a" / "m.nii.gz")
    activity = Volume(made.pet.array * np.float32(4000.0), made.pet.grid, "Bq/ml")
    write_nifti(activity, tmp_path / "a" / "pet.nii.gz")
    listed = partial(folder, tmp_path, ct="{id}/ct.nii.gz", labels="{id}/m.nii.gz")
    with pytest.raises(InputRefused, match="its values are those of Bq/ml"):
        listed(pet="{id}/pet.nii.gz").cases[0].read()
    assert listed().cases[0].read().case.pet is None
    assert listed(pet="{id}/no.nii.gz").cases[0].read().case.pet is None


def test_real_sarcomas_have_their_gtv_as_the_first_class() -> None:
    """Positions and volume as SimpleITK has them; a mask with the value 1 alone is GTVp."""
    source = data_folder() / "sts"
    cohort = folder(
        source,
        ct="{id}/ct_hu.nii.gz",
        labels="{id}/ct_mask.nii.gz",
        pet="{id}/pet_suv.nii.gz",
        licence="CC BY 3.0",
        commercial=True,
    )
    assert len(cohort.cases) == 22
    for case in cohort.cases[::9]:
        found = case.read()
        mask = sitk.ReadImage(str(source / case.name / "ct_mask.nii.gz"))
        array = sitk.GetArrayViewFromImage(mask)
        assert set(np.unique(found.truth.array)) == {0, 1}
        np.testing.assert_array_equal(found.truth.array, array)
        last = [n - 1 for n in found.truth.grid.shape]
        (place,) = found.truth.grid.to_world(np.array([last], dtype=float))
        corner = mask.TransformIndexToPhysicalPoint(last[::-1])
        np.testing.assert_allclose(place, corner, atol=1e-3)
        assert found.case.pet is not None
