"""Cohorts of image files: every layout and quirk; what can't be used is said, and stops nobody."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.cohorts import AnnotatedCase, Cohort, folder, hecktor, openkbp
from hnuiseg.cohorts.trees_of_files import (
    SUV_PER_BQML,
    write_folder_tree,
    write_hecktor_tree,
    write_openkbp_tree,
)
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.files import write_nifti
from hnuiseg.volume import Volume
from needs import data_folder

EDITIONS = (2022, 2025, 2026)


def _read(cohort: Cohort) -> tuple[dict[str, AnnotatedCase], dict[str, str]]:
    """Cases that can be read, and why the others can't."""
    read, refused = {}, {one.name: one.why for one in cohort.left_out}
    for case in cohort.cases:
        try:
            read[case.name] = case.read()
        except InputRefused as error:
            refused[case.name] = str(error)
    return read, refused


def _same_place(found: AnnotatedCase, truth: Volume) -> None:
    """Each voxel of the truth at its place, on the CT's own grid."""
    assert found.truth.grid == found.case.ct.grid
    assert found.truth.grid.shape == truth.grid.shape
    ends = np.array([[0, 0, 0], [n - 1 for n in truth.grid.shape]], dtype=float)
    np.testing.assert_allclose(
        found.truth.grid.to_world(ends), truth.grid.to_world(ends), atol=1e-3
    )
    np.testing.assert_array_equal(found.truth.array, truth.array)


@pytest.mark.parametrize("edition", EDITIONS)
def test_hecktor_in_every_layout(tmp_path: Path, edition: int) -> None:
    wanted = write_hecktor_tree(tmp_path, edition)
    cohort = hecktor(tmp_path)
    read, refused = _read(cohort)
    bqml = wanted.pop("MDA-300")
    assert sorted(read) == sorted(wanted)
    for name, truth in wanted.items():
        _same_place(read[name], truth)
    assert read["CHUM-001"].case.pet is not None
    assert read["MDA-003"].case.pet is None
    assert not (read["CHUP-002"].truth.array == 2).any()
    assert read["CHUV-004"].case.ct.array.max() == 27_000
    assert refused["CHUS-005"] == "no label"
    assert "HGJ-006" in refused
    assert "Bq/ml" in refused["MDA-300"]
    if edition == 2022:
        assert refused["USZ-001"] == "no label"
    centres = {case.name: case.centre for case in cohort.cases}
    assert centres["CHUM-001"] == "7"
    assert centres["CHUP-002"] == "CHUP"
    assert not cohort.commercial

    table = tmp_path / "factors.csv"
    table.write_text(f"PatientID,SUV factor\nMDA-300,{SUV_PER_BQML}\n", encoding="utf-8-sig")
    converted = {case.name: case for case in hecktor(tmp_path, table).cases}["MDA-300"].read()
    _same_place(converted, bqml)
    assert converted.case.pet is not None
    assert 2.0 < converted.case.pet.native.array.max() < 100.0
    assert converted.case.pet.suv.units == "Bq/ml"
    assert any("Bq/ml" in said for said in converted.case.provenance.stated)


def test_two_releases_are_not_mixed(tmp_path: Path) -> None:
    write_hecktor_tree(tmp_path / "first", 2026)
    write_hecktor_tree(tmp_path / "corrected_v3", 2026)
    cohort = hecktor(tmp_path)
    assert not cohort.cases
    twice = [one.why for one in cohort.left_out if one.name != "CHUS-005"]  # it has no label
    assert all("point at one release" in why for why in twice)


@pytest.mark.parametrize(
    "content", ["PatientID\nA\n", "x,factor\n1,2\n", "PatientID,factor\nA,b\n"]
)
def test_a_bad_table_of_factors_is_refused(tmp_path: Path, content: str) -> None:
    write_hecktor_tree(tmp_path / "set", 2026)
    (tmp_path / "factors.csv").write_text(content)
    with pytest.raises(InputRefused, match="PatientID and a factor"):
        hecktor(tmp_path / "set", tmp_path / "factors.csv")


def test_labels_of_other_values_are_refused(tmp_path: Path) -> None:
    write_folder_tree(tmp_path)
    mask = tmp_path / "a1" / "mask.nii.gz"
    cohort = folder(tmp_path, ct="{id}/ct.nii.gz", labels="{id}/mask.nii.gz")
    (case,) = (case for case in cohort.cases if case.name == "a1")
    truth = case.read().truth
    wrong = truth.array.copy()
    wrong[0, 0, 0] = 3
    write_nifti(Volume(wrong, truth.grid, "label"), mask)
    with pytest.raises(InputRefused, match="value 3"):
        case.read()
    write_nifti(Volume(wrong[:, ::2], truth.grid.resized((8.0, 12.0, 6.0)), "label"), mask)
    with pytest.raises(InputRefused, match="another grid"):
        case.read()


@pytest.mark.parametrize("packed", [True, False])
def test_openkbp_in_both_layouts(tmp_path: Path, packed: bool) -> None:
    wanted = write_openkbp_tree(tmp_path, packed=packed)
    cohort = openkbp(tmp_path)
    read, refused = _read(cohort)
    assert not refused
    assert sorted(read) == sorted(wanted)
    for name, truth in wanted.items():
        _same_place(read[name], truth)
        assert any(notice.code == "planning-targets" for notice in read[name].case.notices)
    assert "planning target" in cohort.classes[0]
    unsaid, _ = _read(openkbp(tmp_path, targets=False))
    assert all((case.truth.array == 255).all() for case in unsaid.values())


def test_openkbp_layouts_agree(tmp_path: Path) -> None:
    for packed in (True, False):
        write_openkbp_tree(tmp_path / str(packed), packed=packed)
    a, b = (_read(openkbp(tmp_path / str(packed)))[0] for packed in (True, False))
    for name, case in a.items():
        assert case.case.ct.grid == b[name].case.ct.grid
        np.testing.assert_array_equal(case.case.ct.array, b[name].case.ct.array)
    assert not openkbp(tmp_path).cases  # each is there twice


@pytest.mark.parametrize("name", ["pt_40", "pt_295"])
def test_real_openkbp_is_the_same_in_both_layouts(name: str) -> None:
    data = data_folder()
    both = []
    for place in ("openkbp", "openkbp_raw_csv"):
        (case,) = (case for case in openkbp(data / place).cases if case.name == name)
        both.append(case.read())
    np.testing.assert_array_equal(both[0].case.ct.array, both[1].case.ct.array)
    np.testing.assert_array_equal(both[0].truth.array, both[1].truth.array)
    np.testing.assert_allclose(both[0].case.ct.grid.spacing, both[1].case.ct.grid.spacing)
    assert {1, 2} <= set(np.unique(both[0].truth.array))


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:3000])


def _pickled(file: Path) -> None:
    np.savez(file, names=np.array([{}], dtype=object), ct_xz=1, masks_xz=1, spacing=1)


def _grown(file: Path) -> None:
    np.savez(file, names=np.array(["A"] * 100_000), ct_xz=1, masks_xz=1, spacing=[1, 1, 1])


def _bomb(file: Path) -> None:
    np.savez_compressed(file, names=np.array(["A"]), ct_xz=np.zeros(64 << 20, np.uint8), spacing=1)


@pytest.mark.parametrize("harm", [_cut, _pickled, _grown, _bomb])
def test_hostile_packed_files_are_refused(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    write_openkbp_tree(tmp_path, packed=True)
    harm(tmp_path / "pt_1.npz")
    read, refused = _read(openkbp(tmp_path))
    assert sorted(read) == ["pt_2"]
    assert "pt_1" in refused


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ct.csv", ",data\n2097152,5\n"),
        ("ct.csv", ",data\n-1,5\n"),
        ("ct.csv", ",data\n1.5,5\n"),
        ("ct.csv", ",data\nx,5\n"),
        ("PTV70.csv", ",data\n99999999,\n"),
        ("voxel_dimensions.csv", "3\n3\n"),
        ("voxel_dimensions.csv", "3\n3\n-1\n"),
        ("voxel_dimensions.csv", ""),
    ],
)
def test_hostile_tables_are_refused(tmp_path: Path, name: str, content: str) -> None:
    write_openkbp_tree(tmp_path, packed=False)
    (tmp_path / "provided-data" / "train-pats" / "pt_1" / name).write_text(content)
    read, refused = _read(openkbp(tmp_path))
    assert sorted(read) == ["pt_2"]
    assert "pt_1" in refused


def test_a_folder_by_pattern(tmp_path: Path) -> None:
    wanted = write_folder_tree(tmp_path)
    patterns = {"ct": "{id}/ct.nii.gz", "labels": "{id}/mask.nii.gz", "pet": "{id}/pet.nii.gz"}
    cohort = folder(tmp_path, **patterns, licence="CC BY 4.0", commercial=True)
    read, refused = _read(cohort)
    assert sorted(read) == sorted(wanted)
    assert refused == {"c": "no label"}
    for name, truth in wanted.items():
        _same_place(read[name], truth)
        assert read[name].case.pet is not None
    assert (cohort.licence, cohort.commercial) == ("CC BY 4.0", True)
    alone, _ = _read(folder(tmp_path, ct="{id}/ct.nii.gz", labels="{id}/mask.nii.gz"))
    assert all(case.case.pet is None for case in alone.values())


@pytest.mark.parametrize("pattern", ["ct.nii.gz", "../{id}/ct.nii.gz", "/data/{id}.nii.gz"])
def test_what_is_no_pattern_is_a_wrong_call(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(WrongCall, match=r"with \{id\} in it"):
        folder(tmp_path, ct=pattern, labels="{id}.nii.gz")


def test_real_sarcomas_by_pattern() -> None:
    source = data_folder() / "sts"
    patterns = {
        "ct": "{id}/ct_hu.nii.gz",
        "labels": "{id}/ct_mask.nii.gz",
        "pet": "{id}/pet_suv.nii.gz",
    }
    cohort = folder(source, **patterns)  # type: ignore[arg-type]
    assert len(cohort.cases) == 22
    found = cohort.cases[0].read()
    assert found.case.pet is not None
    assert set(np.unique(found.truth.array)) == {0, 1}


@pytest.mark.parametrize(
    "read",
    [hecktor, openkbp, lambda f: folder(f, ct="{id}.nii.gz", labels="{id}_l.nii.gz")],
    ids=["hecktor", "openkbp", "folder"],
)
def test_an_empty_folder_says_what_was_expected(
    tmp_path: Path, read: Callable[[Path], Cohort]
) -> None:
    with pytest.raises(InputRefused):
        read(tmp_path)
