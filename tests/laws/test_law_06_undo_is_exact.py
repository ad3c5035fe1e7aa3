"""Law 6: undo is exact, in any order, without the network, after any restart.

And a process that is killed, or a disk that fails, at any write loses nothing that was
acknowledged.
"""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from faults import Fault
from hnuiseg.errors import HnuisegError, InputRefused, ModelMismatch, OutputFailed, WrongCall
from hnuiseg.interaction import (
    BrushEdit,
    InteractiveSession,
    LockEdit,
    Session,
    Start,
    State,
    compose,
)
from hnuiseg.interaction.edits import position
from hnuiseg.interaction.start_files import description_bytes, description_from
from hnuiseg.study import Case
from hnuiseg.volume import Grid
from random_network import (
    GRID,
    RandomNetwork,
    copied,
    differs,
    random_edit,
    random_start,
)
from small_model import case_of


def case(grid: Grid = GRID, seed: int = 0) -> Case:
    generator = np.random.default_rng(seed)
    hu = generator.integers(-1000, 1500, grid.shape).astype(np.int16)
    return case_of(grid, hu, None, np.zeros(grid.shape, dtype=bool))


def same(a: State, b: State) -> bool:
    return not differs(a, b).any() and bool((a.locked == b.locked).all())


def some_edit(session: InteractiveSession, generator: np.random.Generator) -> None:
    while True:
        try:
            session.apply(random_edit(session.state, generator), int(generator.integers(0, 3)))
        except WrongCall:
            continue
        return


def some_act(session: InteractiveSession, generator: np.random.Generator) -> None:
    kind = generator.choice(["edit", "edit", "edit", "undo", "redo", "remove"])
    standing = [number for number, _, _ in session.edits]
    if kind == "undo" and session.session.can_undo:
        session.undo()
    elif kind == "redo" and session.session.can_redo:
        session.redo()
    elif kind == "remove" and standing:
        session.remove(int(generator.choice(standing)))
    else:
        some_edit(session, generator)


@pytest.mark.parametrize("seed", range(4))
def test_law_06_any_order_of_acts_equals_the_layers_from_scratch(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng((6, seed))
    start = random_start(generator)
    session = InteractiveSession.begin(tmp_path / "s", case(), start, RandomNetwork(generator))
    for k in range(25):
        some_act(session, generator)
        assert same(session.state, compose(start, session.session.layers)), f"after act {k}"
        if k % 8 == 7:
            before, acts = copied(session.state), session.session.acts
            session.close()
            session = InteractiveSession.open_again(
                tmp_path / "s", case(), RandomNetwork(generator)
            )
            assert same(session.state, before)
            assert session.session.acts == acts
    session.close()


def test_law_06_undo_back_to_the_start_and_redo_to_the_end(tmp_path: Path) -> None:
    generator = np.random.default_rng(66)
    start = random_start(generator)
    network = RandomNetwork(generator)
    with InteractiveSession.begin(tmp_path / "s", case(), start, network) as session:
        states = [copied(session.state)]
        for _ in range(10):
            some_edit(session, generator)
            states.append(copied(session.state))
        asked = network.asked
        for state in reversed(states[:-1]):
            session.undo()
            assert same(session.state, state)
        for state in states[1:]:
            session.redo()
            assert same(session.state, state)
        assert network.asked == asked, "undo and redo need no network"


def test_law_06_a_removal_is_undone_too(tmp_path: Path) -> None:
    generator = np.random.default_rng(67)
    start = random_start(generator)
    with InteractiveSession.begin(
        tmp_path / "s", case(), start, RandomNetwork(generator)
    ) as session:
        for _ in range(6):
            some_edit(session, generator)
        before = copied(session.state)
        session.remove(session.edits[2][0])
        assert len(session.edits) == 5
        session.undo()
        assert same(session.state, before)


def test_law_06_a_lock_keeps_what_an_earlier_edit_set(tmp_path: Path) -> None:
    at = position((7, 13, 15), GRID)
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    with InteractiveSession.begin(tmp_path / "s", case(), start) as session:
        session.brush("GTVn", [at], 5.0)
        session.lock("GTVn", at)
        before = copied(session.state)
        session.remove(1)
        assert same(session.state, before)
        session.remove(2)
        assert not session.labels.any()
        assert not session.locked.any()


def test_law_06_a_replay_asks_the_network_and_is_one_act(tmp_path: Path) -> None:
    generator = np.random.default_rng(68)
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    network = RandomNetwork(generator)
    with InteractiveSession.begin(tmp_path / "s", case(), start, network) as session:
        session.click("GTVp", position((7, 13, 15), GRID))
        session.click("GTVp", position((3, 6, 6), GRID))
        before, asked = copied(session.state), network.asked
        session.remove(1)
        assert network.asked == asked
        session.undo()
        reports = session.replay()
        assert network.asked == asked + 2
        assert len(reports) == 2
        assert [number for number, _, _ in session.edits] == [3, 4]
        session.undo()
        assert same(session.state, before)


def test_law_06_a_replay_leaves_what_a_removed_unlock_locks_again(tmp_path: Path) -> None:
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    at = position((7, 13, 15), GRID)
    with InteractiveSession.begin(tmp_path / "s", case(), start) as session:
        session.brush("GTVp", [at], 5.0)
        session.lock()
        session.unlock()
        session.brush("GTVn", [at], 9.0)
        session.remove(3)
        before = copied(session.state)
        assert session.locked.any()
        for _ in range(2):
            session.replay()
            assert not (differs(before, session.state) & before.locked).any()
            assert (session.locked == before.locked).all()
            assert same(session.state, compose(start, session.session.layers))


def test_law_06_a_replay_names_the_edit_that_no_longer_fits(tmp_path: Path) -> None:
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    at = position((7, 13, 15), GRID)
    with InteractiveSession.begin(tmp_path / "s", case(), start) as session:
        session.brush("GTVp", [at], 5.0)
        session.relabel("GTVp", "GTVn", at)
        session.remove(1)
        before, files = copied(session.state), content(tmp_path / "s")
        with pytest.raises(WrongCall, match="replay of edit 2: no GTVp at"):
            session.replay()
        assert same(session.state, before)
        assert content(tmp_path / "s") == files


def test_law_06_a_replay_keeps_a_locked_lesion(tmp_path: Path) -> None:
    generator = np.random.default_rng(70)
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    at, other = position((7, 13, 15), GRID), position((3, 4, 4), GRID)
    with InteractiveSession.begin(
        tmp_path / "s", case(), start, RandomNetwork(generator)
    ) as session:
        session.click("GTVp", at)
        session.lock("GTVp", at)
        session.click("GTVn", other)
        before = copied(session.state)
        session.replay()
        changed = differs(before, session.state)
        assert changed.any(), "the network answers otherwise every time"
        assert not (changed & before.locked).any()


# killed, and disks that fail


def acts(folder: Path) -> int:
    return len(description_from((folder / "session.json").read_bytes())["acts"])


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["open", "fsync", "replace", "fdopen"])
def test_law_06_a_fault_at_any_write_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    edit = BrushEdit("GTVp", (position((7, 13, 15), GRID),), 5.0)
    for n in range(20):
        folder = tmp_path / f"{n}"
        session = InteractiveSession.begin(folder, case(), start)
        session.brush("GTVn", [position((3, 6, 6), GRID)], 5.0)
        before = copied(session.state)
        fault = Fault(getattr(os, step), n, error)
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fault)
            try:
                session.apply(edit)
            except (OutputFailed, KeyboardInterrupt):
                assert same(session.state, before)
                assert len(session.edits) == 1
        done = len(session.edits)
        session.close()
        with InteractiveSession.open_again(folder, case()) as again:
            # an interruption between the rename and its flush: the edit stands, unacknowledged
            assert len(again.edits) in ({done} if isinstance(error, OSError) else {done, done + 1})
            if len(again.edits) == 1:
                assert same(again.state, before)
            again.apply(BrushEdit("GTVp", (position((7, 13, 15), GRID),), 2.0))
        assert not list(folder.rglob("*.part"))
        if not fault.raised:
            return
    pytest.fail("20 is too small")


def test_law_06_killed_while_writing(tmp_path: Path) -> None:
    """A real SIGKILL between edits and within them: all that was acknowledged is there."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        import numpy as np
        from hnuiseg.interaction import InteractiveSession, Start
        from hnuiseg.interaction.edits import position
        from laws.test_law_06_undo_is_exact import case
        from random_network import GRID
        start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
        session = InteractiveSession.begin(Path(sys.argv[1]), case(), start)
        g = np.random.default_rng(0)
        while True:
            at = position(tuple(int(g.integers(n)) for n in GRID.shape), GRID)
            session.brush("GTVp", [at], 6.0)
            print(len(session.edits), flush=True)
        """
    )
    tests = Path(__file__).parents[1]
    folder = tmp_path / "s"
    running = subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(tests)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    told = 0
    for line in running.stdout:
        told = int(line)
        if told >= 7:
            break
    os.kill(running.pid, signal.SIGKILL)
    rest = running.stdout.read().split()
    told = max([told, *map(int, rest)])
    running.stdout.close()
    running.wait()
    with InteractiveSession.open_again(folder, case()) as session:
        assert len(session.edits) in (told, told + 1)
        assert same(session.state, compose(session.start, session.session.layers))
        session.undo()


# bad input


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_law_06_bad_input_leaves_state_and_file_as_they_were(tmp_path: Path) -> None:
    inside = position((7, 13, 15), GRID)
    lone = position((2, 4, 4), GRID)
    network = RandomNetwork(np.random.default_rng(4))
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    with InteractiveSession.begin(tmp_path / "s", case(), start, network) as session:
        session.click("GTVp", inside)
        session.brush("GTVn", [lone], 3.0)
        session.lock("GTVn", lone)
        before, files = copied(session.state), content(tmp_path / "s")
        bad: list[tuple[str, Callable[[], object]]] = [
            ("outside the image", lambda: session.click("GTVp", (999.0, 0.0, 0.0))),
            ("three finite", lambda: session.click("GTVp", (float("nan"), 0.0, 0.0))),
            ("locked voxel", lambda: session.click("GTVp", lone)),
            ("contradictory", lambda: session.click("GTVp", inside, positive=False)),
            ("contradictory", lambda: session.click("GTVn", inside)),
            ("class 'tumour'", lambda: session.click("tumour", inside)),  # type: ignore[arg-type]
            ("region's radius", lambda: session.click("GTVn", inside, radius_mm=14.9)),
            ("region's radius", lambda: session.click("GTVn", inside, radius_mm=40.1)),
            ("brush's radius", lambda: session.brush("GTVn", [inside], 0.0)),
            ("0 positions", lambda: session.brush("GTVn", [], 3.0)),
            ("all locked", lambda: session.delete("GTVn", lone)),
            ("no GTVp at", lambda: session.delete("GTVp", position((0, 0, 0), GRID))),
            ("threshold", lambda: session.threshold("GTVp", 1.5)),
            ("members", lambda: session.click("GTVp", inside, members=-1)),
            ("no edit 17 stands", lambda: session.remove(17)),
            ("without an undo", session.redo),
            ("relabelled", lambda: session.relabel("GTVp", "GTVp")),
            ("by one position twice", lambda: session.split("GTVp", inside, inside)),
        ]
        for message, act in bad:
            with pytest.raises(HnuisegError, match=message) as caught:
                act()
            assert len(caught.value.args) == 3
            assert same(session.state, before)
            assert content(tmp_path / "s") == files, message


def test_law_06_another_study_model_or_version_is_refused(tmp_path: Path) -> None:
    network = RandomNetwork(np.random.default_rng(4))
    start = random_start(np.random.default_rng(5))
    folder = tmp_path / "s"
    with InteractiveSession.begin(folder, case(), start, network) as session:
        session.brush("GTVp", [position((7, 13, 15), GRID)], 4.0)
        state = copied(session.state)
        with pytest.raises(InputRefused, match="open in another"):
            InteractiveSession.open_again(folder, case())
    files = content(folder)
    with pytest.raises(InputRefused, match="another study"):
        InteractiveSession.open_again(folder, case(seed=1))
    moved = Grid.axial(GRID.shape, GRID.spacing, (-30.0, 12.0, 100.5), "1.2.3")
    with pytest.raises(InputRefused, match="another study"):
        InteractiveSession.open_again(folder, case(moved))
    other = RandomNetwork(np.random.default_rng(4))
    other.sha256 = "e" * 64
    with pytest.raises(ModelMismatch, match="was begun with model ffff"):
        InteractiveSession.open_again(folder, case(), other)
    index = folder / "session.json"
    described = description_from(index.read_bytes())
    index.write_bytes(description_bytes({**described, "format": 2}))
    with pytest.raises(InputRefused, match=r"session format 2.*newer hnuiseg"):
        InteractiveSession.open_again(folder, case())
    index.write_bytes(files["session.json"])
    with pytest.raises(InputRefused, match="holds no session"):
        InteractiveSession.open_again(tmp_path, case())
    with pytest.raises(OutputFailed, match="is there already"):
        InteractiveSession.begin(folder, case(), start)
    assert content(folder) == files
    with InteractiveSession.open_again(folder, case()) as session:  # looked at without the model
        assert same(session.state, state)
        with pytest.raises(ModelMismatch, match="without its network"):
            session.click("GTVp", position((1, 1, 1), GRID))
        session.brush("GTVn", [position((2, 3, 3), GRID)], 2.0)


def test_law_06_damaged_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    generator = np.random.default_rng(9)
    folder = tmp_path / "s"
    with InteractiveSession.begin(
        folder, case(), random_start(generator), RandomNetwork(generator)
    ) as session:
        for _ in range(5):
            some_edit(session, generator)
        whole = copied(session.state)
    files = content(folder)
    for _ in range(60):
        name = sorted(files)[int(generator.integers(len(files)))]
        path = folder / name
        broken = bytearray(files[name])
        at = int(generator.integers(len(broken)))
        if generator.random() < 0.3:
            broken = broken[:at]
        else:
            broken[at] ^= 1 << int(generator.integers(8))
        path.unlink()  # not in place: a link may share it
        path.write_bytes(bytes(broken))
        damaged = content(folder)
        with pytest.raises(InputRefused):
            InteractiveSession.open_again(folder, case())
        assert content(folder) == damaged
        path.write_bytes(files[name])
    layer = next(name for name in files if name.endswith(".layer"))
    (folder / layer).unlink()
    with pytest.raises(InputRefused, match="damaged or cut short"):
        InteractiveSession.open_again(folder, case())
    (folder / layer).write_bytes(files[layer])
    with InteractiveSession.open_again(folder, case()) as session:
        assert same(session.state, whole)


def test_law_06_an_edit_never_writes_the_start_again(tmp_path: Path) -> None:
    generator = np.random.default_rng(10)
    folder = tmp_path / "s"
    with InteractiveSession.begin(
        folder, case(), random_start(generator), RandomNetwork(generator)
    ) as session:
        before = {p: p.stat().st_mtime_ns for p in (folder / "start").iterdir()}
        for _ in range(5):
            some_edit(session, generator)
        assert {p: p.stat().st_mtime_ns for p in (folder / "start").iterdir()} == before


def test_law_06_the_index_is_never_written_in_place(tmp_path: Path) -> None:
    """Who has the old one open reads the old one, whole: there is no moment in between."""
    index = tmp_path / "s" / "session.json"
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    with InteractiveSession.begin(tmp_path / "s", case(), start) as session:
        before = index.read_bytes()
        with index.open("rb") as old:
            session.brush("GTVp", [position((7, 13, 15), GRID)], 5.0)
            assert old.read() == before
        assert index.read_bytes() != before


def test_law_06_layers_of_a_dropped_redo_are_cleared(tmp_path: Path) -> None:
    start = Start.from_array(np.zeros(GRID.shape, dtype=np.uint8), GRID, {})
    with InteractiveSession.begin(tmp_path / "s", case(), start) as session:
        at = position((7, 13, 15), GRID)
        session.brush("GTVp", [at], 5.0)
        session.apply(LockEdit("GTVp"))
        session.undo()
        assert len(list((tmp_path / "s" / "layers").iterdir())) == 2
        session.brush("GTVn", [at], 2.0)
        assert len(list((tmp_path / "s" / "layers").iterdir())) == 2
        assert [number for number, _, _ in session.edits] == [1, 3], "numbers are never used twice"
        assert isinstance(session.session, Session)
