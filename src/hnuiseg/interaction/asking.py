"""A model and a case as a `Network`: it looks through a window round the click, and no farther.

Where the window lies: `window`. Clicks in it are drawn as the model learnt to see them, with the
answer before and where there is a PET, where the model asks for it.
"""

import functools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from hnuiseg.inference import Hardware, PredictOptions, likeliest
from hnuiseg.interaction.boxes import (
    Box,
    box_of,
    is_empty,
    joined,
    moved,
    shape_of,
    shared,
    start_of,
    tight,
    whole,
)
from hnuiseg.interaction.clicks import Click, Index, prompts
from hnuiseg.interaction.network import Answer, Question
from hnuiseg.interaction.window import Windows, clicks_in, windows_of
from hnuiseg.models import BEFORE, ModelFile
from hnuiseg.study import Case, searched
from hnuiseg.volume import Grid, Reorientation, Triple, Volume, resample

if TYPE_CHECKING:
    from hnuiseg.inference.engine import TorchEngine
    from hnuiseg.inference.inputs import NetworkInputs
    from hnuiseg.inference.uncertainty import Accumulator

_SURELY_BACKGROUND = 0.501  # where all neighbours are as probably background, no other class wins
BALL_VOXELS = 3  # of the working grid: the radius of a click's own ball


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """What the first question of a session waits for, and later ones don't."""

    inputs: "NetworkInputs"  # cut to the patient
    engine: "TorchEngine"
    hardware: Hardware
    windows: Windows


class CaseNetwork:
    """A model file on one case. Preparing takes a moment, once: at the first question, or
    `prepare`.
    """

    def __init__(self, case: Case, model: ModelFile, options: PredictOptions | None = None) -> None:
        self.case = case
        self.model = model
        self.options = options or PredictOptions()
        self._turn = Reorientation.of(case.ct.grid)
        self._ready: _Prepared | None = None
        self._lock = threading.Lock()

    @property
    def sha256(self) -> str:
        """Of the model file."""
        return self.model.sha256

    @property
    def ball_mm(self) -> Triple:
        """Three voxels of the working grid, along the stored axes."""
        standing = self._turn.grid(self.case.ct.grid)
        spacing = self.model.settings.working_spacing or standing.spacing
        radii = [0.0, 0.0, 0.0]
        for axis, mm in zip(self._turn.axes, spacing, strict=True):
            radii[axis] = BALL_VOXELS * mm
        return radii[0], radii[1], radii[2]

    def prepare(self) -> None:
        """Bring images to the working grid and load the network, if that wasn't done yet."""
        self._prepared()

    def answer(self, question: Question) -> Answer:
        """The network's answer within its last window."""
        from hnuiseg.inference.hardware import threads_of

        ready = self._prepared()
        with threads_of(ready.hardware):
            first = ready.windows.first(*self._on_working(question.box))
            if is_empty(first):  # in the air beside the patient: nobody looks there
                return _background(question.box)

            def look(window: Box) -> "tuple[Accumulator, Bool[np.ndarray, 'z y x']]":
                sums, before = self._looked(window, question)
                return sums, likeliest(sums.mean().cpu().numpy()) != before

            asked = [self._working_index(index) for index in question.asked]
            window, sums, zoomed = ready.windows.looked(first, asked, look)
            return self._on_the_ct(window, sums, question, zoomed)

    def whole(self, clicks: Sequence[Click], labels: UInt8[np.ndarray, "z y x"]) -> Answer:
        """The paper's way: all of the patient again, with all clicks. For experiments only."""
        from hnuiseg.inference.hardware import threads_of

        ready = self._prepared()
        box = whole(labels.shape)
        question = Question(tuple(clicks), tuple(c.index for c in clicks), box, labels)
        window = whole(ready.inputs.working.shape)
        with threads_of(ready.hardware):
            sums, _ = self._looked(window, question)
            return self._on_the_ct(window, sums, question, 0)

    def _prepared(self) -> _Prepared:
        with self._lock:
            if self._ready is None:
                self._ready = self._prepare()
            return self._ready

    def _prepare(self) -> _Prepared:
        from hnuiseg.inference.engine import TorchEngine
        from hnuiseg.inference.inputs import body_field, network_inputs

        hardware = Hardware.chosen(self.options)
        engine = TorchEngine(self.model, hardware)
        seen = searched(self.case)
        settings = self.model.settings
        inputs = network_inputs(seen, settings).cut(body_field(seen, settings.working_spacing))
        windows = windows_of(engine, settings, inputs.working.shape)
        return _Prepared(inputs, engine, hardware, windows)

    def _on_working(self, box: Box) -> tuple[list[int], list[int]]:
        """First and last working voxel (plus one) that a box of the CT reaches."""
        ends = [(s.start, s.stop - 1) for s in box]
        corners = np.array(np.meshgrid(*ends, indexing="ij"), dtype=float).reshape(3, -1).T
        places = self._prepared().inputs.working.to_index(self.case.ct.grid.to_world(corners))
        low, high = np.floor(places.min(axis=0)), np.ceil(places.max(axis=0)) + 1
        return [int(v) for v in low], [int(v) for v in high]

    def _looked(
        self, window: Box, question: Question
    ) -> "tuple[Accumulator, UInt8[np.ndarray, 'z y x']]":
        """The members' sums within a window, and the labels before on its grid."""
        import torch

        from hnuiseg.inference.passes import Passes

        ready, settings = self._prepared(), self.model.settings
        inputs = ready.inputs.cut(window)
        images = inputs.images.clone()
        clicks = clicks_in(
            window, [replace(c, index=self._working_index(c.index)) for c in question.clicks]
        )
        shape = shape_of(window)
        images[2:4] = torch.from_numpy(prompts(shape, clicks, settings.click_encoding))
        before = self._labels_on(inputs.working, question.labels)
        for value, name in enumerate(BEFORE, start=1):
            if name in settings.extra_channels:
                answered = torch.from_numpy((before == value).astype(np.float32))
                images[settings.channels.index(name)] = answered
        members = question.members
        options = replace(self.options, uncertainty=members > 0, members=max(1, members))
        device = ready.hardware.device
        coverage = None if inputs.coverage is None else inputs.coverage.to(device)
        passes = Passes(
            self.model, ready.engine, options, images.to(device), coverage, inputs.working
        )
        sums = passes.stochastic() if members else passes.deterministic()
        return sums, before

    def _working_index(self, index: Index) -> Index:
        """The voxel of the patient's working grid in which a voxel of the CT has its centre."""
        world = self.case.ct.grid.to_world(np.array([index], dtype=float))
        z, y, x = (math.floor(v + 0.5) for v in self._prepared().inputs.working.to_index(world)[0])
        return z, y, x

    def _labels_on(
        self, working: Grid, labels: UInt8[np.ndarray, "z y x"]
    ) -> UInt8[np.ndarray, "z y x"]:
        """Labels of the CT at the working voxels: each class where it has half of the say.

        Nearest voxels, as labels are never blended.
        """
        box = self._box_on_the_ct(working)
        grid = self.case.ct.grid.cropped(start_of(box), shape_of(box))
        seen = Volume(self._turn.array(labels[box]), self._turn.grid(grid), "label")
        return resample(seen, working, order=0).array.astype(np.uint8, copy=False)

    def _box_on_the_ct(self, working: Grid) -> Box:
        """The box of the CT as stored whose voxel centres lie within a working grid's faces."""
        ends = [(-0.5, n - 0.5) for n in working.shape]
        corners = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T
        places = self.case.ct.grid.to_index(working.to_world(corners))
        # 1e-6: a centre exactly on a face must not depend on rounding
        low = np.ceil(places.min(axis=0) - 1e-6).astype(int)
        high = np.floor(places.max(axis=0) + 1e-6).astype(int) + 1
        low = np.clip(low, 0, np.asarray(self.case.ct.grid.shape) - 1)
        high = np.clip(high, low + 1, self.case.ct.grid.shape)
        return box_of([int(v) for v in low], [int(v) for v in high])

    def _where_it_matters(
        self, working: Grid, background: Float[np.ndarray, "z y x"], question: Question
    ) -> Box | None:
        """The box of the CT within a window that holds the question's, and every label that the
        answer says or changes. Elsewhere background stays background, and nobody asks how surely.
        """
        seen = self._box_on_the_ct(working)
        boxes = [shared(question.box, seen)]
        if (labelled := tight(question.labels[seen] != 0)) is not None:
            boxes.append(moved(labelled, start_of(seen)))
        if (said := tight(background <= _SURELY_BACKGROUND)) is not None:
            # a voxel's say ends at its neighbours' centres
            reached = box_of([s.start - 1 for s in said], [s.stop + 1 for s in said])
            near = working.cropped(start_of(reached), shape_of(reached))
            boxes.append(shared(self._box_on_the_ct(near), seen))
        there = [box for box in boxes if box is not None]
        return functools.reduce(joined, there) if there else None

    def _on_the_ct(
        self, window: Box, sums: "Accumulator", question: Question, zoomed: int
    ) -> Answer:
        """What the sums say at the CT's voxels, as the whole prediction says it
        (`inference.predict`).
        """
        import torch

        from hnuiseg.inference.placing import on_standing
        from hnuiseg.inference.uncertainty import entropy, mutual_information

        working = self._prepared().inputs.working.cropped(start_of(window), shape_of(window))
        mean = sums.mean()
        box = self._where_it_matters(working, mean[0].cpu().numpy(), question)
        if box is None:
            return _background(question.box, zoomed)
        stored = self.case.ct.grid.cropped(start_of(box), shape_of(box))
        standing = self._turn.grid(stored)

        def there(values: torch.Tensor, order: int = 1) -> Shaped[np.ndarray, "a b c"]:
            found = on_standing(values.cpu().numpy(), working, standing, order)
            return np.array(self._turn.undo(found), order="C")  # what came back may be read-only

        probabilities = np.empty((len(mean), *stored.shape), dtype=np.float32)
        for k, one in enumerate(mean):
            probabilities[k] = there(one)
        predictive = entropy(torch.from_numpy(probabilities))
        votes = there(sums.votes, order=0)
        disagreement = None
        if question.members:
            own, counted = (torch.from_numpy(v) for v in (there(sums.mean_entropy()), votes))
            disagreement = mutual_information(predictive, own, counted).numpy()
        return Answer(box, probabilities, predictive.numpy(), disagreement, votes, zoomed)


def _background(box: Box, zoomed: int = 0) -> Answer:
    shape = shape_of(box)
    probabilities = np.zeros((3, *shape), dtype=np.float32)
    probabilities[0] = 1.0
    nothing = np.zeros(shape, dtype=np.float32)
    return Answer(box, probabilities, nothing, None, np.zeros(shape, dtype=np.int16), zoomed)
