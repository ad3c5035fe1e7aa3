"""Law 5: clicks stay where they are put, whatever the network answers.

HNUISEG_EDITS sets how many random edits are tried (300 unless told). All 10,000 of them:
`HNUISEG_EDITS=10000 .venv/bin/python -m pytest tests/laws/test_law_05_clicks_stay.py`
"""

import os

import numpy as np

from hnuiseg.interaction import BoxEdit, Canvas, ClickEdit, Layer, ScribbleEdit, region_of
from hnuiseg.interaction.change import standing_clicks
from hnuiseg.interaction.clicks import TUMOURS, Click
from hnuiseg.interaction.edits import clicks_of
from random_network import RandomNetwork, copied, differs, made, random_start

EDITS = int(os.environ.get("HNUISEG_EDITS", "300"))
IN_A_ROW = 12  # on one state


def test_law_05_nothing_outside_the_region_changes() -> None:
    done = clicks = locked = asked = 0
    seed = 0
    while done < EDITS:
        generator = np.random.default_rng((5, seed))
        seed += 1
        canvas = Canvas(random_start(generator))
        layers: list[Layer] = []
        network = RandomNetwork(generator, smooth=bool(generator.random() < 0.7))
        for _ in range(min(IN_A_ROW, EDITS - done)):
            before = copied(canvas.state)
            edit, change = made(canvas, layers, network, generator, int(generator.integers(0, 3)))
            region = region_of(edit, before)
            may = np.zeros(before.labels.shape, dtype=bool)
            may[region.box] = region.mask
            layer = change.layer(len(layers) + 1, edit)
            layers.append(layer)
            canvas.put(layer)
            changed = differs(before, canvas.state)
            assert not (changed & ~may).any(), f"{edit} changed voxels outside R"
            assert not (changed & before.locked).any(), f"{edit} changed locked voxels"
            if isinstance(edit, ClickEdit | ScribbleEdit | BoxEdit):
                for click in clicks_of(edit, before.grid):
                    found = canvas.state.labels[click.index] == TUMOURS[click.region]
                    assert bool(found) == click.positive, edit
                    clicks += 1
            locked += int(before.locked.any())
            done += 1
        asked += network.asked
    assert clicks >= EDITS // 10, "hardly a click among the edits"
    assert locked >= EDITS // 10, "hardly anything was locked"
    assert asked >= EDITS // 10


def test_law_05_the_other_class_loses_nothing_but_what_was_clicked() -> None:
    for seed in range(max(20, EDITS // 10)):
        generator = np.random.default_rng((55, seed))
        canvas = Canvas(random_start(generator))
        before = copied(canvas.state)
        network = RandomNetwork(generator)
        edit, change = made(canvas, [], network, generator)
        if not isinstance(edit, ClickEdit | ScribbleEdit | BoxEdit):
            continue
        clicks = clicks_of(edit, before.grid)
        own = TUMOURS[edit.region]
        canvas.put(change.layer(1, edit))
        lost = (before.labels == 3 - own) & (canvas.state.labels != 3 - own)
        if not any(before.labels[click.index] == 3 - own for click in clicks):
            assert not lost.any(), edit
        gained = (before.labels == 3 - own) & (canvas.state.labels == own)
        moved = (lost.sum() if clicks[0].positive else 0) * before.grid.voxel_ml
        if clicks[0].positive:
            assert abs(change.report.moved_ml - moved) < 1e-9
            assert (lost == gained).all()


def test_law_05_no_click_overturns_an_earlier_one() -> None:
    """What a click said stays true, whatever the network answers to later ones; strokes may say
    otherwise.
    """
    tried = 0
    for seed in range(max(20, EDITS // 10)):
        generator = np.random.default_rng((555, seed))
        canvas = Canvas(random_start(generator))
        layers: list[Layer] = []
        network = RandomNetwork(generator, smooth=bool(generator.random() < 0.7))
        for _ in range(IN_A_ROW):
            edit, change = made(canvas, layers, network, generator)
            true = [
                click for click in standing_clicks(layers, canvas.state) if holds(click, canvas)
            ]
            layer = change.layer(len(layers) + 1, edit)
            layers.append(layer)
            canvas.put(layer)
            if isinstance(edit, ClickEdit | ScribbleEdit | BoxEdit):
                tried += len(true)
                assert all(holds(click, canvas) for click in true), edit
    assert tried >= EDITS // 2, "hardly a click stood"


def holds(click: Click, canvas: Canvas) -> bool:
    return bool(canvas.state.labels[click.index] == TUMOURS[click.region]) == click.positive


def test_law_05_the_region_is_known_before_the_network_answers() -> None:
    """Another answer, the same region: nothing of it enters."""
    generator = np.random.default_rng(1)
    canvas = Canvas(random_start(generator))
    for seed in range(20):
        edit, change = made(canvas, [], RandomNetwork(np.random.default_rng(seed)), generator)
        region = region_of(edit, canvas.state)
        assert region.box == change.region.box
        assert (region.mask == change.region.mask).all()
