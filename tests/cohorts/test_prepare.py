"""Every case is prepared or said; what is finished is kept; nothing of others is overwritten."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.cohorts import AnnotatedCase, Cohort, LeftOut, ListedCase, phantom, phantom_case
from hnuiseg.cohorts.cached_case import read_cached, write_cached
from hnuiseg.cohorts.manifest import read_manifest, summary
from hnuiseg.cohorts.prepare import prepare
from hnuiseg.cohorts.splits import Splits, read_splits, write_splits
from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.volume import Volume


def _annotated(index: int) -> AnnotatedCase:
    made = phantom(11, index, spacing=(8.0, 6.0, 6.0))
    return AnnotatedCase(phantom_case(made), made.truth, ("a note",))


class Patients:
    """A cohort whose cases count how often they are read."""

    def __init__(self, folder: Path, count: int) -> None:
        self.read: list[int] = []
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.cases = tuple(self._listed(index) for index in range(count))

    def _listed(self, index: int) -> ListedCase:
        file = self.folder / f"{index}.bin"
        if not file.exists():
            file.write_bytes(b"source")

        def read() -> AnnotatedCase:
            self.read.append(index)
            return _annotated(index)

        return ListedCase(f"case-{index}", f"P{index // 2}", "centre", (file,), read)

    def cohort(self, *more: ListedCase) -> Cohort:
        return Cohort(
            "test",
            "none",
            False,
            ("GTVp", "GTVn"),
            (*self.cases, *more),
            (LeftOut("extra", "no label"),),
        )


def _raising(name: str, error: Exception) -> ListedCase:
    def read() -> AnnotatedCase:
        raise error

    return ListedCase(name, name, "", (), read)


def test_the_manifest_says_what_is_there(tmp_path: Path) -> None:
    made = Patients(tmp_path / "source", 3)
    manifest = prepare(made.cohort(), tmp_path / "out", seed=4)
    assert read_manifest(tmp_path / "out") == manifest
    assert [case.name for case in manifest.cases] == ["case-0", "case-1", "case-2"]
    assert manifest.patients == ("test:P0", "test:P1")
    assert manifest.left_out == (LeftOut("extra", "no label"),)
    for index, case in enumerate(manifest.cases):
        truth = phantom(11, index, spacing=(8.0, 6.0, 6.0)).truth
        assert case.shape == truth.grid.shape
        assert case.spacing_mm == truth.grid.spacing
        for k, value in enumerate((1, 2)):
            ml = (truth.array == value).sum() * truth.grid.voxel_ml
            assert case.volumes_ml[k] == pytest.approx(ml, abs=1e-3)
            assert (case.lesions[k] > 0) == (ml > 0)
        assert "a note" in case.warnings
        back = read_cached(tmp_path / "out" / "cases" / case.name)
        np.testing.assert_array_equal(back.truth.array, truth.array)
    splits = read_splits(tmp_path / "out" / "splits.json")
    assert sorted(p for fold in splits.folds for p in fold) == list(manifest.patients)
    page = (tmp_path / "out" / "sheet.html").read_text()
    for case in manifest.cases:
        assert f"cases/{case.name}/picture.png" in page
        assert (tmp_path / "out" / "cases" / case.name / "picture.png").stat().st_size > 1000
    assert "3 cases of 2 patients" in summary(manifest)


@pytest.mark.parametrize(
    "error",
    [
        InputRefused("no slices", "a CT", "look"),
        OSError(5, "Input/output error"),
        ZeroDivisionError("odd"),
    ],
)
def test_a_broken_case_is_said_and_not_fatal(tmp_path: Path, error: Exception) -> None:
    made = Patients(tmp_path / "source", 1)
    manifest = prepare(made.cohort(_raising("broken", error)), tmp_path / "out")
    assert [case.name for case in manifest.cases] == ["case-0"]
    (why,) = [one.why for one in manifest.left_out if one.name == "broken"]
    assert any(word in why for word in ("no slices", "Input/output", "ZeroDivisionError"))


def test_no_usable_case_is_an_error(tmp_path: Path) -> None:
    broken = Cohort("test", "none", False, ("", ""), (_raising("a", ValueError("odd")),))
    with pytest.raises(InputRefused, match="no case can be used"):
        prepare(broken, tmp_path / "out")


def test_a_killed_preparation_goes_on(tmp_path: Path) -> None:
    made = Patients(tmp_path / "source", 2)
    stopped = made.cohort(_raising("case-9", KeyboardInterrupt()))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        prepare(stopped, tmp_path / "out")
    assert made.read == [0, 1]
    (tmp_path / "out" / "cases" / ".case-2.abc.partial").mkdir()
    again = prepare(made.cohort(), tmp_path / "out", resume=True)
    assert made.read == [0, 1]  # none was read twice
    assert not list((tmp_path / "out" / "cases").glob(".*"))
    whole = prepare(made.cohort(), tmp_path / "other")
    assert again.sha256 == whole.sha256
    assert again == whole


def test_a_case_whose_files_changed_is_read_anew(tmp_path: Path) -> None:
    made = Patients(tmp_path / "source", 2)
    prepare(made.cohort(), tmp_path / "out")
    (tmp_path / "source" / "1.bin").write_bytes(b"another")
    prepare(made.cohort(), tmp_path / "out", resume=True)
    assert made.read == [0, 1, 1]


def test_a_damaged_record_of_a_case_is_made_anew(tmp_path: Path) -> None:
    made = Patients(tmp_path / "source", 1)
    before = prepare(made.cohort(), tmp_path / "out")
    (tmp_path / "out" / "cases" / "case-0" / "entry.json").write_text("{")
    assert prepare(made.cohort(), tmp_path / "out", resume=True) == before


def _other_things(out: Path) -> None:
    (out / "thesis.txt").write_text("mine")


def _a_data_set(out: Path) -> None:
    prepare(Patients(out.parent / "s", 1).cohort(), out)


@pytest.mark.parametrize("held", [_other_things, _a_data_set])
def test_law_8_what_is_there_is_never_overwritten(
    tmp_path: Path, held: Callable[[Path], None]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    held(out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    with pytest.raises(OutputFailed, match="out holds"):
        prepare(Patients(tmp_path / "source", 1).cohort(), out)
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*")}


def test_another_seed_is_another_preparation(tmp_path: Path) -> None:
    made = Patients(tmp_path / "source", 1)
    prepare(made.cohort(), tmp_path / "out", seed=1)
    with pytest.raises(OutputFailed, match="another kind, seed"):
        prepare(made.cohort(), tmp_path / "out", seed=2, resume=True)


def test_law_11_a_split_that_trainings_rest_on_stays(tmp_path: Path) -> None:
    made = Patients(tmp_path / "source", 4)
    prepare(made.cohort(), tmp_path / "out", seed=1)
    file = tmp_path / "out" / "splits.json"
    edited = json.loads(file.read_text())
    edited["folds"][0], edited["folds"][1] = edited["folds"][1], edited["folds"][0]
    file.write_text(json.dumps(edited))
    prepare(made.cohort(), tmp_path / "out", seed=1, resume=True)
    assert json.loads(file.read_text())["folds"] == edited["folds"]


def test_law_8_a_full_disk_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Patients(tmp_path / "source", 3)
    module = sys.modules[prepare.__module__]  # its name in the package is the function's

    def full_at_the_second(found: AnnotatedCase, folder: Path) -> str:
        if made.read[-1] == 1:
            raise OSError(28, "No space left on device")
        return write_cached(found, folder)

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_cached", full_at_the_second)
        with pytest.raises(OutputFailed, match="No space left"):
            prepare(made.cohort(), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out" / "cases").iterdir()] == ["case-0"]
    prepare(made.cohort(), tmp_path / "out", resume=True)
    assert made.read == [0, 1, 1, 2]


def test_a_case_read_in_another_way_is_read_anew(tmp_path: Path) -> None:
    """Other patterns of names, targets or factors: the truth is another one."""
    made = Patients(tmp_path / "source", 2)
    prepare(made.cohort(), tmp_path / "out")
    other = made.cohort()
    other = replace(other, cases=tuple(replace(case, how="other") for case in other.cases))
    prepare(other, tmp_path / "out", resume=True)
    assert made.read == [0, 1, 0, 1]


def test_law_11_a_new_patient_changes_nobodys_side(tmp_path: Path) -> None:
    prepare(Patients(tmp_path / "source", 8).cohort(), tmp_path / "out", seed=1)
    before = read_splits(tmp_path / "out" / "splits.json")
    prepare(Patients(tmp_path / "source", 12).cohort(), tmp_path / "out", seed=1, resume=True)
    after = read_splits(tmp_path / "out" / "splits.json")
    assert after.known == {f"test:P{k}" for k in range(6)}
    for old, new in zip(before.folds, after.folds, strict=True):
        assert set(old) <= set(new)
    assert after.calibration == before.calibration


def test_an_edited_split_that_is_wrong_is_refused_not_overwritten(tmp_path: Path) -> None:
    made = Patients(tmp_path / "source", 4)
    prepare(made.cohort(), tmp_path / "out", seed=1)
    file = tmp_path / "out" / "splits.json"
    edited = json.loads(file.read_text())
    edited["folds"][0] = edited["folds"][1] = ["test:P0"]
    file.write_text(json.dumps(edited))
    with pytest.raises(InputRefused, match="is in two folds"):
        prepare(made.cohort(), tmp_path / "out", seed=1, resume=True)
    assert json.loads(file.read_text()) == edited


@pytest.mark.parametrize("name", ["..", "/elsewhere/x", "a/b", "", 3, "a b"])
def test_a_manifest_cannot_choose_where_files_go(tmp_path: Path, name: object) -> None:
    prepare(Patients(tmp_path / "source", 1).cohort(), tmp_path / "out")
    file = tmp_path / "out" / "manifest.json"
    whole = json.loads(file.read_text())
    for place in ("kind", "name"):
        harmed = json.loads(json.dumps(whole))
        (harmed if place == "kind" else harmed["cases"][0])[place] = name
        file.write_text(json.dumps(harmed))
        with pytest.raises(InputRefused, match="manifest"):
            read_manifest(tmp_path / "out")


def test_truth_that_no_network_sees_is_said(tmp_path: Path) -> None:
    found = _annotated(0)
    z, y, x = found.truth.grid.shape
    labels = np.zeros((z, y, x), np.uint8)
    labels[0, 0, :2] = 1
    field = (slice(1, z), slice(0, y), slice(0, x))
    far = replace(
        found,
        case=replace(found.case, field=field),
        truth=Volume(labels, found.truth.grid, "label"),
    )
    listed = ListedCase("a", "a", "", (), lambda: far)
    cohort = Cohort("test", "none", False, ("GTVp", "GTVn"), (listed,))
    (case,) = prepare(cohort, tmp_path / "out").cases
    assert "0.58 ml of the truth lie outside" in case.warnings[-1]  # 2 of 8 x 6 x 6 mm


def test_splits_that_were_drawn_before_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "drawn.json"
    before = Splits(3, (("test:P0",), ("test:P9",)), ((), ()), ("test:P1",))
    write_splits(before, file)
    prepare(Patients(tmp_path / "source", 6).cohort(), tmp_path / "out", splits=file)
    found = read_splits(tmp_path / "out" / "splits.json")
    assert found.testing == ("test:P1",)
    assert "test:P0" in found.folds[0]
    assert found.known == {"test:P0", "test:P1", "test:P2", "test:P9"}
    file.write_text("{")
    with pytest.raises(InputRefused, match="can't be used"):
        prepare(Patients(tmp_path / "source", 6).cohort(), tmp_path / "other", splits=file)
    assert not (tmp_path / "other").exists()
