"""Our measures equal those of MONAI and surface-distance wherever the definitions agree.

Where they don't:

- *Image border.* MONAI crops to the masks and widens by a voxel of outside, surface-distance
  pads: all three count what lies beyond the border as outside.
- *Rounding.* MONAI keeps distances in float32, so it is equal to a relative 1e-6; on surfaces
  of thousands of voxels it rounds the rank of the 95th percentile too, and HD95 differs by up
  to 1e-5, while torch's quantile in float64 equals ours. Ties with the tolerance are ours to
  1e-6 mm; the judges compare bits, so no spacing here has ties.
- *Empty masks.* MONAI says inf for a distance to an empty mask and NaN where both are; we
  say nan for both. surface-distance divides 0 by 0 for two empty masks; we say nan.
- *HD, HD95.* surface-distance measures between voxel corners and weighs percentiles by area:
  another definition. Only where both see one rigid shift are they the same number.
"""

import importlib
import importlib.util
import itertools
import math
import os
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool

from hnuiseg.evaluation import SurfaceDistances, dice
from hnuiseg.volume import Triple
from metric_masks import Pair, pairs, spacings

TOLERANCES = st.sampled_from([0.5, 1.3, 2.0, 4.4])


def _judge(name: str) -> ModuleType:
    if importlib.util.find_spec(name) is None:
        reason = f"{name} is not installed: nothing to compare with"
        if os.environ.get("HNUISEG_REQUIRE_JUDGES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, not ours
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def monai() -> ModuleType:
    _judge("monai")
    return _judge("monai.metrics")


@pytest.fixture(scope="module")
def surface_distance() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "Inf", np.inf, raising=False)  # written for numpy before 2
        patch.setattr(np, "NaN", np.nan, raising=False)
        yield _judge("surface_distance")


def _one_hot(mask: Bool[np.ndarray, "z y x"]) -> Any:
    import torch

    return torch.from_numpy(mask.copy())[None, None].float()


def _by_monai(judge: ModuleType, name: str, pair: Pair, *arguments: Any, **options: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "is all 0": we know
        found = getattr(judge, name)(
            _one_hot(pair[0]), _one_hot(pair[1]), *arguments, include_background=True, **options
        )
    return float(found.item())


def _by_surface_distance(judge: ModuleType, pair: Pair, spacing: Triple) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # namespaces that scipy will drop
        return judge.compute_surface_distances(pair[1], pair[0], spacing)


@settings(deadline=None)
@given(pair=pairs())
def test_dice_equals_both(monai: ModuleType, surface_distance: ModuleType, pair: Pair) -> None:
    ours = dice(*pair)
    assert ours == pytest.approx(
        surface_distance.compute_dice_coefficient(pair[1], pair[0]), abs=1e-6, nan_ok=True
    )
    theirs = _by_monai(monai, "compute_dice", pair, ignore_empty=False)
    assert theirs == pytest.approx(1.0 if math.isnan(ours) else ours, abs=1e-6)
    if pair[1].any():  # with its default, MONAI says nan for every empty truth
        assert _by_monai(monai, "compute_dice", pair) == pytest.approx(ours, abs=1e-6)


@settings(deadline=None)
@given(pair=pairs(), spacing=spacings, tolerance=TOLERANCES)
def test_nsd_by_surface_voxels_equals_monai(
    monai: ModuleType, pair: Pair, spacing: Triple, tolerance: float
) -> None:
    theirs = _by_monai(monai, "compute_surface_dice", pair, [tolerance], spacing=list(spacing))
    ours = SurfaceDistances.between(*pair, spacing).nsd(tolerance)
    assert ours == pytest.approx(theirs, abs=1e-6, nan_ok=True)


@settings(deadline=None)
@given(pair=pairs(), spacing=spacings, tolerance=TOLERANCES)
def test_nsd_by_area_equals_both(
    monai: ModuleType,
    surface_distance: ModuleType,
    pair: Pair,
    spacing: Triple,
    tolerance: float,
) -> None:
    ours = SurfaceDistances.between(*pair, spacing).nsd_by_area(tolerance)
    by_monai = _by_monai(
        monai,
        "compute_surface_dice",
        pair,
        [tolerance],
        spacing=list(spacing),
        use_subvoxels=True,
    )
    assert ours == pytest.approx(by_monai, abs=1e-6, nan_ok=True)
    if pair[0].any() or pair[1].any():
        theirs = _by_surface_distance(surface_distance, pair, spacing)
        judged = surface_distance.compute_surface_dice_at_tolerance(theirs, tolerance)
        assert ours == pytest.approx(judged, abs=1e-6)


@settings(deadline=None)
@given(pair=pairs(empty=False), spacing=spacings)
def test_surface_elements_equal_surface_distance(
    surface_distance: ModuleType, pair: Pair, spacing: Triple
) -> None:
    ours = SurfaceDistances.between(*pair, spacing)
    theirs = _by_surface_distance(surface_distance, pair, spacing)
    for mm, area, their_mm, their_area in (
        (
            ours.prediction_element_mm,
            ours.prediction_element_mm2,
            theirs["distances_pred_to_gt"],
            theirs["surfel_areas_pred"],
        ),
        (
            ours.truth_element_mm,
            ours.truth_element_mm2,
            theirs["distances_gt_to_pred"],
            theirs["surfel_areas_gt"],
        ),
    ):
        np.testing.assert_allclose(np.sort(mm), their_mm, atol=1e-6)
        np.testing.assert_allclose(np.sort(area), np.sort(their_area), atol=1e-6)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.27, 0.61, 1.5)])
def test_every_way_to_fill_a_cube_has_the_area_of_surface_distance(
    surface_distance: ModuleType, spacing: Triple
) -> None:
    tables = importlib.import_module("surface_distance.lookup_tables")
    areas = tables.create_table_neighbour_code_to_surface_area(spacing)
    corners = list(itertools.product(range(3), repeat=3))
    kernel = tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL
    for code in range(1, 255):
        cube = (kernel & code).astype(bool)
        ours = SurfaceDistances.between(cube, cube, spacing).truth_element_mm2
        # the total over a 2×2×2 image: the cube itself and the 26 that overlap its rim
        rim = np.pad(cube, 1)
        expected = sum(
            areas[int(kernel[rim[z : z + 2, y : y + 2, x : x + 2]].sum())] for z, y, x in corners
        )
        assert ours.sum() == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(pair=pairs(empty=False), spacing=spacings)
def test_hausdorff_distances_equal_monai(monai: ModuleType, pair: Pair, spacing: Triple) -> None:
    ours = SurfaceDistances.between(*pair, spacing)
    for mine, percentile in ((ours.hausdorff(), None), (ours.hausdorff_95(), 95)):
        theirs = _by_monai(
            monai,
            "compute_hausdorff_distance",
            pair,
            spacing=list(spacing),
            percentile=percentile,
        )
        assert mine == pytest.approx(theirs, rel=1e-6, abs=1e-6)


def test_the_percentile_on_a_large_surface_is_the_one_of_torch_in_float64() -> None:
    torch = _judge("torch")
    z, y, x = np.ogrid[:40, :40, :40]
    pair = tuple((z - 20) ** 2 + (y - k) ** 2 + (x - 19) ** 2 < 15**2 for k in (17, 22))
    ours = SurfaceDistances.between(pair[0], pair[1], (1.17, 0.61, 1.5))
    directed = [
        float(torch.quantile(torch.from_numpy(mm.copy()), 0.95))
        for mm in (ours.prediction_mm, ours.truth_mm)
    ]
    assert ours.truth_mm.size > 1000
    assert ours.hausdorff_95() == pytest.approx(max(directed), abs=1e-12)


def test_undefined_distances_here_and_there(monai: ModuleType) -> None:
    full, empty = np.ones((3, 3, 3), dtype=bool), np.zeros((3, 3, 3), dtype=bool)
    for pair, theirs in (((full, empty), math.inf), ((empty, empty), math.nan)):
        found = _by_monai(monai, "compute_hausdorff_distance", pair, spacing=[1.0, 1.0, 1.0])
        assert found == pytest.approx(theirs, nan_ok=True)
        assert math.isnan(SurfaceDistances.between(*pair, (1.0, 1.0, 1.0)).hausdorff())


@settings(deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 4)] * 3),
    shift=st.tuples(*[st.integers(0, 5)] * 3),
    spacing=spacings,
)
def test_the_hausdorff_distance_of_a_shifted_box_equals_surface_distance(
    surface_distance: ModuleType,
    size: tuple[int, int, int],
    shift: tuple[int, int, int],
    spacing: Triple,
) -> None:
    pair = np.zeros((10, 10, 10), dtype=bool), np.zeros((10, 10, 10), dtype=bool)
    pair[0][tuple(slice(0, n) for n in size)] = True
    pair[1][tuple(slice(k, k + n) for k, n in zip(shift, size, strict=True))] = True
    theirs = surface_distance.compute_robust_hausdorff(
        _by_surface_distance(surface_distance, pair, spacing), 100
    )
    ours = SurfaceDistances.between(*pair, spacing).hausdorff()
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours == pytest.approx(math.hypot(*np.multiply(shift, spacing)), abs=1e-6)
