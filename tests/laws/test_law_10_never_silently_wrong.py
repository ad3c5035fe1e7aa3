"""Law 10: a damaged study is read right, or refused, or read with a warning. Never just read."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hnuiseg.errors import InputRefused
from hnuiseg.study import Case, read_study
from small_study import write_ct, write_pet

DAMAGES = (
    "lost",
    "copied",
    "cut short",
    "other frame",
    "other spacing",
    "other direction",
    "moved",
    "other rows",
    "no position",
    "no slope",
    "foreign file",
    "renamed",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Case]:
    folder = tmp_path_factory.mktemp("whole")
    write_ct(folder / "ct")
    write_pet(folder / "pet")
    return folder, read_study(folder)


def _damage(path: Path, how: str, strength: float) -> None:
    if how == "lost":
        path.unlink()
        return
    if how == "copied":
        shutil.copy(path, path.with_name("copy.dcm"))
        return
    if how == "cut short":
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * strength)])
        return
    if how == "foreign file":
        path.with_name("notes.txt").write_text("not an image")
        return
    if how == "renamed":
        path.rename(path.with_name("zzz"))
        return
    image = pydicom.dcmread(path)
    if how == "other frame":
        image.FrameOfReferenceUID = "1.2.3.4"
    elif how == "other spacing":
        image.PixelSpacing = [float(v) * (1.01 + strength) for v in image.PixelSpacing]
    elif how == "other direction":
        image.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    elif how == "moved":
        x, y, z = (float(v) for v in image.ImagePositionPatient)
        image.ImagePositionPatient = [x, y, z + 0.5 + 2 * strength]
    elif how == "other rows":
        image.Rows, image.Columns = image.Columns // 2, image.Rows * 2
    elif how == "no position":
        del image.ImagePositionPatient
    elif how == "no slope":
        del image.RescaleSlope
    image.save_as(path)


def _same(found: Case, expected: Case) -> bool:
    """The same voxels in the same places."""
    if (found.pet is None) != (expected.pet is None):
        return False
    same = found.ct.grid.same_place(expected.ct.grid)
    same = same and np.array_equal(found.ct.array, expected.ct.array)
    if found.pet is not None and expected.pet is not None:
        native, other = found.pet.native, expected.pet.native
        same = same and native.grid.same_place(other.grid)
        same = same and np.allclose(native.array, other.array, rtol=1e-6)
    return same


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    series=st.sampled_from(["ct", "pet"]),
    # not the outermost: a study that lacks its first slice is a shorter study, and right as such
    number=st.integers(1, 10),
    how=st.sampled_from(DAMAGES),
    strength=st.floats(0.0, 0.99),
)
def test_law_10_a_damaged_study_is_never_silently_wrong(
    whole: tuple[Path, Case],
    tmp_path_factory: pytest.TempPathFactory,
    series: str,
    number: int,
    how: str,
    strength: float,
) -> None:
    folder, expected = whole
    study = tmp_path_factory.mktemp("damaged") / "study"
    shutil.copytree(folder, study)
    _damage(sorted((study / series).iterdir())[number], how, strength)
    try:
        found = read_study(study)
    except InputRefused:
        return
    said = {n.code for n in found.notices} - {n.code for n in expected.notices}
    assert said or _same(found, expected)


@pytest.mark.parametrize("how", ["copied", "renamed", "foreign file"])
def test_law_10_harmless_disorder_is_read(
    whole: tuple[Path, Case], tmp_path: Path, how: str
) -> None:
    """The law above would hold for a program that refuses everything."""
    folder, expected = whole
    study = tmp_path / "study"
    shutil.copytree(folder, study)
    _damage(sorted((study / "ct").iterdir())[5], how, 0.0)
    assert _same(read_study(study), expected)
