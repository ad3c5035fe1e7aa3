"""Law 8 for sessions and cached starts: a folder of ours is whole, or isn't there."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from faults import Fault
from hnuiseg.errors import OutputFailed
from hnuiseg.interaction import InteractiveSession, Start
from hnuiseg.interaction.start_cache import cached_start, keep_start
from made_case import ball_labels, made_case, made_prediction

MOST = 40


def begin(folder: Path) -> None:
    start = Start.of_prediction(made_prediction(ball_labels()))
    InteractiveSession.begin(folder, made_case(), start).close()


def keep(folder: Path) -> None:
    keep_start(made_prediction(ball_labels()), folder)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["open", "fsync", "mkdir", "rename", "replace"])
@pytest.mark.parametrize("make", [begin, keep])
def test_law_08_a_new_folder_is_whole_or_not_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    step: str,
    error: BaseException,
) -> None:
    for n in range(MOST):
        place = tmp_path / f"{n}" / "made"
        place.parent.mkdir()
        fault = Fault(getattr(os, step), n, error)
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fault)
            try:
                make(place)
            except (OutputFailed, KeyboardInterrupt):
                assert place.exists() or list(place.parent.iterdir()) == []
        if place.exists() and make is begin:
            InteractiveSession.open_again(place, made_case()).close()
        elif place.exists():
            start = cached_start(place)
            assert start is not None
            np.testing.assert_array_equal(start.labels, ball_labels())
        if not fault.raised:
            return
    pytest.fail("MOST is too small")


def test_law_08_a_damaged_start_in_the_cache_is_made_anew(tmp_path: Path) -> None:
    place = tmp_path / "made"
    keep(place)
    for name in [p.name for p in place.iterdir()]:
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[:-1])
        assert cached_start(place) is None
        keep(place)
        assert cached_start(place) is not None
