"""OpenKBP's two layouts: where a stored voxel lies, what its values mean, and what isn't believed.

Whole trees from phantoms and the real patients are read in test_image_files.py.
"""

import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.cohorts import AnnotatedCase, openkbp
from hnuiseg.cohorts.trees_of_files import write_openkbp_tree
from hnuiseg.errors import InputRefused

SPACING = (3.9, 3.7, 2.5)  # towards the back, the left, the feet
BOX = (slice(30, 70), slice(20, 90), slice(50, 75))  # a body, off the middle along every axis
MARKS = {(33, 21, 51): 2500.0, (69, 40, 60): 3000.0, (50, 89, 74): 4095.0}  # i, j, k
PTV70 = (slice(40, 44), slice(30, 36), slice(55, 57))
PTV63 = (slice(42, 48), slice(30, 36), slice(55, 57))
PTV56 = (slice(42, 44), slice(50, 52), slice(70, 72))


def _stored() -> np.ndarray:
    stored = np.zeros((128, 128, 128))
    stored[BOX] = 1040.0
    for place, value in MARKS.items():
        stored[place] = value
    return stored


def _masks() -> dict[str, np.ndarray]:
    masks = {}
    for name, box in (("Brainstem", BOX), ("PTV63", PTV63), ("PTV56", PTV56), ("PTV70", PTV70)):
        masks[name] = np.zeros((128, 128, 128), dtype=bool)
        masks[name][box] = True
    return masks


def _csv(
    folder: Path,
    name: str,
    stored: np.ndarray | None = None,
    masks: Mapping[str, np.ndarray] | None = None,
) -> Path:
    place = folder / "provided-data" / "test-pats" / name
    place.mkdir(parents=True)
    flat = (_stored() if stored is None else stored).ravel()
    rows = "".join(f"{k},{flat[k]}\n" for k in np.flatnonzero(flat))
    (place / "ct.csv").write_text(f",data\n{rows}")
    for region, mask in (_masks() if masks is None else masks).items():
        rows = "".join(f"{k},\n" for k in np.flatnonzero(mask))
        (place / f"{region}.csv").write_text(f",data\n{rows}")
    (place / "voxel_dimensions.csv").write_text("\n".join(f"{s:.18e}" for s in SPACING) + "\n")
    return place


def _arrays(stored: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """What a packed file holds, after its written description."""
    values = (_stored() if stored is None else stored).astype(np.int64)
    difference = np.diff(values, axis=-1, prepend=0)
    q = np.where(difference >= 0, 2 * difference, -2 * difference - 1)
    high_low = np.stack([q >> 8, q & 255]).astype(np.uint8).tobytes()
    masks = _masks()
    bits = np.packbits(np.stack(list(masks.values())).ravel()).tobytes()
    return {
        "split": np.array("test"),
        "spacing": np.array(SPACING),
        "names": np.array(list(masks)),
        "ct_xz": np.frombuffer(lzma.compress(high_low, preset=0), dtype=np.uint8),
        "masks_xz": np.frombuffer(lzma.compress(bits, preset=0), dtype=np.uint8),
    }


def _read(folder: Path, name: str, targets: bool = True) -> AnnotatedCase:
    (case,) = (case for case in openkbp(folder, targets=targets).cases if case.name == name)
    return case.read()


def _packed(folder: Path, arrays: dict[str, np.ndarray]) -> AnnotatedCase:
    np.savez(folder / "pt_7.npz", **arrays)  # type: ignore[arg-type]
    return _read(folder, "pt_7")


@pytest.fixture(params=["csv", "packed"])
def found(tmp_path: Path, request: pytest.FixtureRequest) -> AnnotatedCase:
    if request.param == "packed":
        return _packed(tmp_path, _arrays())
    _csv(tmp_path, "pt_7")
    return _read(tmp_path, "pt_7")


def test_a_stored_voxel_lies_to_the_back_the_left_and_the_feet(found: AnnotatedCase) -> None:
    """LPS: x to the left, y to the back, z to the head, from mark to mark in mm."""
    ct = found.case.ct
    where = {
        value: ct.grid.to_world(np.argwhere(ct.array == value - 1000).astype(float))
        for value in MARKS.values()
    }
    (first, origin), *others = ((np.array(place), value) for place, value in MARKS.items())
    for place, value in others:
        back, left, feet = (place - first) * SPACING
        ((x, y, z),) = where[value] - where[origin]
        np.testing.assert_allclose((x, y, z), (left, back, -feet), atol=1e-4)


def test_values_are_hu_and_outside_is_air(found: AnnotatedCase) -> None:
    hu = found.case.ct.array
    assert hu.dtype == np.float32
    assert hu.min() == -1000.0
    assert np.count_nonzero(hu == 40.0) == 40 * 70 * 25 - len(MARKS)
    assert found.case.pet is None
    assert {"ct-only", "planning-targets"} <= {notice.code for notice in found.case.notices}


def test_ptv70_is_1_and_ptv63_and_ptv56_outside_it_are_2(found: AnnotatedCase) -> None:
    masks = _masks()
    wanted = np.where(masks["PTV63"] | masks["PTV56"], 2, 0)
    wanted[masks["PTV70"]] = 1
    turned = wanted[:, :, ::-1].transpose(2, 0, 1)
    assert found.truth.grid == found.case.ct.grid
    assert found.truth.array.dtype == np.uint8
    np.testing.assert_array_equal(found.truth.array, turned)


def test_without_targets_nothing_is_said_of_any_voxel(tmp_path: Path) -> None:
    _csv(tmp_path, "pt_7", masks={})
    found = _read(tmp_path, "pt_7", targets=False)
    assert set(np.unique(found.truth.array)) == {255}
    assert "planning-targets" not in [notice.code for notice in found.case.notices]
    with pytest.raises(InputRefused, match="pt_7 has no PTV70"):
        _read(tmp_path, "pt_7")


def test_both_layouts_clip_alike_and_say_so(tmp_path: Path) -> None:
    stored = _stored()
    stored[60, 60, 60:63] = 4096.0, 32_743.0, 4095.0
    _csv(tmp_path / "csv", "pt_7", stored)
    (tmp_path / "packed").mkdir()
    both = _read(tmp_path / "csv", "pt_7"), _packed(tmp_path / "packed", _arrays(stored))
    for found in both:
        assert found.case.ct.array.max() == 3095.0
        assert found.notes == ("2 voxels above 3095 HU were clipped to it",)
    np.testing.assert_array_equal(both[0].case.ct.array, both[1].case.ct.array)
    assert both[0].case.ct.grid == both[1].case.ct.grid


def test_what_isnt_there_once_is_left_out_and_said(tmp_path: Path) -> None:
    for name in ("pt_1", "pt_2", "pt_10"):
        (tmp_path / "provided-data" / name).mkdir(parents=True)
        (tmp_path / "provided-data" / name / "dose.csv").touch()
        if name != "pt_2":
            (tmp_path / "provided-data" / name / "ct.csv").touch()
    for file in ("pt_1.npz", "pt_3.npz", "._pt_4.npz", ".old/pt_5.npz", "__MACOSX/pt_6.npz"):
        (tmp_path / "packed" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "packed" / file).touch()
    (tmp_path / "results" / "pt_3").mkdir(parents=True)
    (tmp_path / "results" / "pt_3" / "dose.csv").touch()  # a prediction of somebody's
    (tmp_path / "packed" / "index.json").write_text("{}")
    cohort = openkbp(tmp_path)
    assert [case.name for case in cohort.cases] == ["pt_10", "pt_3"]
    assert all((case.patient, case.centre) == (case.name, "") for case in cohort.cases)
    twice = "it is there 2 times (provided-data/pt_1, packed/pt_1.npz): point at one copy alone"
    assert [(one.name, one.why) for one in cohort.left_out] == [
        ("pt_1", twice),
        ("pt_2", "no ct.csv"),
    ]
    assert (cohort.licence, cohort.commercial) == ("MIT (open-kbp)", True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _csv(tmp_path_factory.mktemp("tables"), "pt_7")


@pytest.mark.parametrize(
    ("name", "bend", "words"),
    [
        ("ct.csv", lambda text: text[:-3], "cut short"),
        ("ct.csv", lambda text: text.partition("\n")[2], "doesn't begin with ,data"),
        ("ct.csv", lambda text: text + "0,nan\n", "no value"),
        ("ct.csv", lambda text: text + "0,inf\n", "no value"),
        ("ct.csv", lambda text: text + "0,-1\n", "values from -1"),
        ("ct.csv", lambda text: text + "0,1e9\n", "values from 0 to 1e"),
        ("ct.csv", lambda text: text + text.splitlines()[1] + "\n", "names a voxel twice"),
        ("ct.csv", lambda text: text + "5\n", "ValueError"),
        ("ct.csv", lambda text: text + "1e400,5\n", "ValueError"),
        ("ct.csv", lambda text: text + "\0\n", "ValueError"),
        ("ct.csv", lambda text: ",data\n", "not a CT in HU"),
        ("ct.csv", lambda text: "", "doesn't begin"),
        ("PTV70.csv", lambda text: text + "2097152,\n", "names voxel"),
        ("PTV70.csv", lambda text: text + "-1,\n", "names voxel -1"),
        ("PTV70.csv", lambda text: text[:-1], "cut short"),
        ("voxel_dimensions.csv", lambda text: text + "3.0\n", "voxels of"),
        ("voxel_dimensions.csv", lambda text: text.replace("e+00", "e-09"), "voxels of"),
        ("voxel_dimensions.csv", lambda text: "nan\nnan\nnan\n", "voxels of"),
    ],
)
def test_tables_that_cant_be_right_are_refused(
    place: Path, name: str, bend: Callable[[str], str], words: str
) -> None:
    text = (place / name).read_text()
    try:
        (place / name).write_text(bend(text))
        with pytest.raises(InputRefused, match=words):
            _read(place, "pt_7")
    finally:
        (place / name).write_text(text)


@pytest.mark.parametrize("name", ["ct.csv", "voxel_dimensions.csv"])
def test_a_table_that_is_lost_after_listing_is_refused(tmp_path: Path, name: str) -> None:
    place = _csv(tmp_path, "pt_7")
    ((case),) = openkbp(tmp_path).cases
    (place / name).unlink()
    with pytest.raises(InputRefused, match="FileNotFoundError"):
        case.read()


def test_an_empty_target_is_one(tmp_path: Path) -> None:
    _csv(tmp_path, "pt_7", masks={"PTV70": np.zeros(3), "PTV56": np.zeros(3)})
    assert not _read(tmp_path, "pt_7").truth.array.any()


def _xz(content: bytes) -> np.ndarray:
    return np.frombuffer(lzma.compress(content, preset=0), dtype=np.uint8)


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        ({"spacing": np.array([3.9, 3.7])}, "voxels of"),
        ({"spacing": np.array([3.9, 3.7, np.nan])}, "voxels of"),
        ({"spacing": np.array([[3.9, 3.7, 2.5]])}, "spacing of shape"),
        ({"names": np.array(["PTV70"] * 4)}, "1 of them different"),
        ({"names": np.array([f"R{k}" for k in range(65)])}, "65 regions"),
        ({"names": np.array(["PTV70"])}, "bytes or more"),
        ({"names": np.array([{}, {}], dtype=object)}, "kind O"),
        ({"names": np.array("PTV70")}, "names of shape"),
        ({"ct_xz": np.arange(40, dtype=np.uint8)}, "LZMAError"),
        ({"ct_xz": np.zeros(0, dtype=np.uint8)}, "0 bytes or more"),
        ({"ct_xz": _xz(b"\0" * (256 << 20))}, "4194305 bytes or more"),
        ({"ct_xz": _xz(b"\xff" * (4 << 20))}, "values from"),
        ({"ct_xz": _xz(b"\0" * (4 << 20))[:-20]}, "4194304 bytes or more"),
        ({"masks_xz": np.zeros(40 << 20, dtype=np.uint8)}, "bytes"),
    ],
)
def test_packed_files_that_cant_be_right_are_refused(
    tmp_path: Path, bend: dict[str, np.ndarray], words: str
) -> None:
    with pytest.raises(InputRefused, match=words):
        _packed(tmp_path, _arrays() | bend)


def test_a_claim_of_a_thousand_gigabytes_costs_nothing(tmp_path: Path) -> None:
    """A header is believed no further than there are bytes behind it."""
    content = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(content, described)
    np.savez(tmp_path / "pt_7.npz", **_arrays())  # type: ignore[arg-type]
    with (
        zipfile.ZipFile(tmp_path / "pt_7.npz") as good,
        zipfile.ZipFile(tmp_path / "pt_8.npz", "w") as bad,
    ):
        for name in good.namelist():
            bad.writestr(name, content.getvalue() if name == "ct_xz.npy" else good.read(name))
    with pytest.raises(InputRefused, match="isn't as long as it says"):
        _read(tmp_path, "pt_8")


def test_no_bent_byte_is_read_in_silence(tmp_path: Path) -> None:
    """Every change to a packed file is refused, or changes nothing that is read."""
    good = _packed(tmp_path, _arrays())
    whole = (tmp_path / "pt_7.npz").read_bytes()
    generator = np.random.default_rng(7)
    for _ in range(60):
        bent = bytearray(whole)
        bent[generator.integers(len(bent))] ^= 1 << generator.integers(8)
        (tmp_path / "pt_7.npz").write_bytes(bent)
        try:
            found = _read(tmp_path, "pt_7")
        except InputRefused:
            continue
        np.testing.assert_array_equal(found.case.ct.array, good.case.ct.array)
        np.testing.assert_array_equal(found.truth.array, good.truth.array)
        assert found.case.ct.grid == good.case.ct.grid


def test_one_broken_patient_stops_no_other(tmp_path: Path) -> None:
    truth = write_openkbp_tree(tmp_path, packed=True)
    whole = (tmp_path / "pt_1.npz").read_bytes()
    (tmp_path / "pt_1.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputRefused, match=r"pt_1\.npz can't be read"):
        _read(tmp_path, "pt_1")
    np.testing.assert_array_equal(_read(tmp_path, "pt_2").truth.array, truth["pt_2"].array)
