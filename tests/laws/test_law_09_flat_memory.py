"""Law 9: peak memory doesn't grow with the number of members.

Measured in bytes that live tensors and arrays hold, not in what the system lends a process:
that includes what allocators keep back and differs from run to run.
"""

import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hnuiseg.inference import PredictOptions, Rotation, draw_members, predict
from small_model import small_case, small_model, small_network_registered

SHAPE = (16, 32, 48)


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches every operation of torch and keeps the most bytes alive after any."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                storage = leaf.untyped_storage()
                reference = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self._alive[reference.cdata] = (reference, storage.nbytes())
        self._alive = {
            key: (reference, size)
            for key, (reference, size) in self._alive.items()
            if not reference.expired()  # type: ignore[no-untyped-call]
        }
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return result


def _peaks(
    members: int,
    spacing: tuple[float, float, float] | None,
    *,
    variance: bool = True,
    window: tuple[int, int, int] = (16, 16, 16),
    exact: bool = False,
) -> tuple[int, int]:
    """Most bytes alive in torch's tensors, and in Python's and numpy's objects."""
    case = small_case(SHAPE)
    model = small_model(window=window, working_spacing=spacing)
    # The second member already makes the copies that a rotation needs
    seed = next(s for s in count() if isinstance(draw_members(2, s)[1].transform, Rotation))
    options = PredictOptions(
        members=members, seed=seed, variance=variance, overlap=0.0, exact=exact
    )
    with small_network_registered():
        with _LiveBytes() as live:
            predict(case, model, options)
        tracemalloc.start()
        predict(case, model, options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return live.peak, peak


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("spacing", [None, (2.0, 2.0, 3.0)])
def test_law_09_twelve_members_need_no_more_than_two(
    spacing: tuple[float, float, float] | None, exact: bool
) -> None:
    few, many = _peaks(2, spacing, exact=exact), _peaks(12, spacing, exact=exact)
    assert many[0] == few[0]  # tensors: to the byte
    assert many[1] <= 1.05 * few[1]


@pytest.mark.parametrize(("variance", "values"), [(False, 16), (True, 19)])
def test_law_09_the_stated_peak_is_kept(variance: bool, values: int) -> None:
    """float32 values a voxel, as `predict` documents; a window's own work comes on top."""
    voxels = SHAPE[0] * SHAPE[1] * SHAPE[2]
    tensors, _ = _peaks(3, None, variance=variance, window=(8, 8, 8), exact=True)
    window_work = 4 * 40 * 8**3
    assert tensors <= 4 * values * voxels + window_work
