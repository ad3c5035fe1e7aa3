"""A network that answers at random, states to try it on, and edits of every kind."""

from collections.abc import Callable

import numpy as np

from hnuiseg.errors import WrongCall
from hnuiseg.interaction import (
    AcceptEdit,
    Answer,
    BoxEdit,
    BrushEdit,
    Canvas,
    Change,
    ClickEdit,
    DeleteEdit,
    DeleteSeveralEdit,
    Edit,
    EraserEdit,
    Layer,
    LockEdit,
    MergeEdit,
    Question,
    RelabelEdit,
    ScribbleEdit,
    SplitEdit,
    Start,
    State,
    ThresholdEdit,
    Tumour,
    UnlockEdit,
    change_of,
)
from hnuiseg.interaction.boxes import around, shape_of
from hnuiseg.interaction.edits import position
from hnuiseg.volume import Grid, Triple

GRID = Grid.axial((14, 26, 30), (3.0, 2.0, 2.0), (-30.0, 12.0, 100.0), "1.2.3")
TUMOURS: tuple[Tumour, Tumour] = ("GTVp", "GTVn")


class RandomNetwork:
    """Any answer, in any box round what was asked, as sure or unsure as it likes."""

    sha256 = "f" * 64

    def __init__(
        self, generator: np.random.Generator, ball_mm: Triple = (6.0, 6.0, 6.0), smooth: bool = True
    ) -> None:
        self.generator = generator
        self.ball_mm = ball_mm
        self.smooth = smooth
        self.asked = 0

    def answer(self, question: Question) -> Answer:
        self.asked += 1
        g = self.generator
        middle = [(s.start + s.stop) // 2 for s in question.box]
        reach = [s.stop - s.start - int(g.integers(0, 4)) for s in question.box]
        box = around(middle, [max(1, r) for r in reach], question.labels.shape)
        shape = shape_of(box)
        raw = g.random((3, *shape)).astype(np.float32) ** 4 + np.float32(1e-6)
        if self.smooth:  # coarse blocks, so that changes are connected
            coarse = g.random((3, 1 + shape[0] // 4, 1 + shape[1] // 4, 1 + shape[2] // 4))
            blocks = coarse.repeat(4, 1).repeat(4, 2).repeat(4, 3)
            raw += 4 * blocks[:, : shape[0], : shape[1], : shape[2]].astype(np.float32)
        p = raw / raw.sum(axis=0)
        entropy = -(p * np.log(p)).sum(axis=0)
        shared = (entropy / 3).astype(np.float32) if question.members > 1 else None
        votes = np.full(shape, max(1, question.members), dtype=np.int16)
        return Answer(box, p.astype(np.float32), entropy.astype(np.float32), shared, votes)


def random_labels(generator: np.random.Generator, grid: Grid = GRID) -> np.ndarray:
    """A few blocks of both classes."""
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for _ in range(int(generator.integers(0, 7))):
        low = [int(generator.integers(0, n)) for n in grid.shape]
        size = [int(generator.integers(1, 8)) for _ in range(3)]
        z, y, x = (slice(a, a + s) for a, s in zip(low, size, strict=True))
        labels[z, y, x] = generator.integers(1, 3)
    return labels


def random_start(generator: np.random.Generator, grid: Grid = GRID) -> Start:
    """An automatic result, sampled or not; its probabilities say something else than its labels."""
    labels = random_labels(generator, grid)
    if generator.random() < 0.3:
        return Start.from_array(labels, grid, {"start": "made"})
    raw = generator.random((3, *grid.shape)).astype(np.float32)
    p = raw / raw.sum(axis=0)
    entropy = -(p * np.log(p)).sum(axis=0).astype(np.float32)
    sampled = generator.random() < 0.7
    return Start(
        "automatic",
        labels,
        p,
        entropy,
        entropy / np.float32(4) if sampled else None,
        np.full(grid.shape, 10, dtype=np.int16) if sampled else None,
        grid,
        10 if sampled else 1,
        settings={"model": "random"},
    )


def random_edit(state: State, generator: np.random.Generator) -> Edit:
    """An edit of any kind, mostly one that fits the state."""
    g = generator
    region: Tumour = TUMOURS[int(g.integers(2))]
    other: Tumour = "GTVn" if region == "GTVp" else "GTVp"

    def anywhere() -> Triple:
        return random_position(state, g)

    def inside(wanted: Tumour) -> Triple:
        return random_position(state, g, wanted)

    named = inside(region) if g.random() < 0.7 else None
    line = tuple(anywhere() for _ in range(int(g.integers(1, 4))))
    brush = float(g.uniform(0.5, 8.0))
    radius = float(g.uniform(15.0, 40.0)) if g.random() < 0.3 else None
    near = inside(region) if g.random() < 0.4 else anywhere()
    makers: tuple[Callable[[], Edit], ...] = (
        lambda: ClickEdit(region, near, bool(g.random() < 0.6), radius),
        lambda: ClickEdit(region, inside(other), bool(g.random() < 0.8), radius),
        lambda: ScribbleEdit(region, line, bool(g.random() < 0.6), radius),
        lambda: BoxEdit(region, anywhere(), anywhere()),
        lambda: BrushEdit(region, line, brush),
        lambda: EraserEdit(None if g.random() < 0.5 else region, line, brush),
        lambda: LockEdit(None if named is None and g.random() < 0.3 else region, named),
        lambda: UnlockEdit(None if named is None and g.random() < 0.3 else region, named),
        lambda: AcceptEdit(region, named),
        lambda: DeleteEdit(region, named),
        lambda: DeleteSeveralEdit((region, other), (inside(region), inside(other))),
        lambda: RelabelEdit(region, other, named),
        lambda: MergeEdit(region, inside(region), other, inside(other)),
        lambda: SplitEdit(
            region, inside(region), inside(region), other if g.random() < 0.5 else None
        ),
        lambda: ThresholdEdit(region, float(g.uniform(0.05, 0.95)), named),
    )
    return makers[int(g.integers(len(makers)))]()


def random_position(
    state: State, generator: np.random.Generator, region: Tumour | None = None
) -> Triple:
    """The centre of a voxel: of a class where it has one, else of the image."""
    places = np.flatnonzero(state.labels == (1 + TUMOURS.index(region))) if region else None
    if places is None or not places.size:
        places = np.arange(state.labels.size)
    flat = int(places[int(generator.integers(len(places)))])
    z, y, x = np.unravel_index(flat, state.labels.shape)
    return position((int(z), int(y), int(x)), state.grid)


def made(
    canvas: Canvas,
    layers: list[Layer],
    network: RandomNetwork,
    generator: np.random.Generator,
    members: int = 0,
) -> tuple[Edit, Change]:
    """One random edit that the state takes; it isn't drawn."""
    while True:
        state = canvas.state
        edit = random_edit(state, generator)
        try:
            return edit, change_of(edit, state, layers, network, members)
        except WrongCall:
            continue


def copied(state: State) -> State:
    """The same, safe from later edits."""
    return State(
        state.labels.copy(),
        state.probabilities.copy(),
        state.entropy.copy(),
        state.mutual_information.copy(),
        state.votes.copy(),
        state.locked.copy(),
        state.grid,
        state.occupied,
    )


def differs(a: State, b: State) -> np.ndarray:
    """Voxels of which any value has another bit."""

    def bits(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values).view(np.uint32)

    found = (a.labels != b.labels) | (a.votes != b.votes)
    found |= (bits(a.probabilities) != bits(b.probabilities)).any(axis=0)
    found |= bits(a.entropy) != bits(b.entropy)
    found |= bits(a.mutual_information) != bits(b.mutual_information)
    return np.asarray(found)
