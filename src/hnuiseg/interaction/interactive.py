"""`InteractiveSession`: what users hold. One case, its present state, its file and its network.

Every method either does the whole of what it says, on disk first and then here, or raises one
error and leaves state and file as they were.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, UInt8

from hnuiseg.errors import InputRefused, ModelMismatch, WrongCall
from hnuiseg.inference import NotDrawn, Prediction
from hnuiseg.interaction.boxes import box_of, whole
from hnuiseg.interaction.canvas import Canvas, touched
from hnuiseg.interaction.change import Change, change_of
from hnuiseg.interaction.clicks import Tumour
from hnuiseg.interaction.content import study_hash
from hnuiseg.interaction.edits import (
    NETWORK_EDITS,
    AcceptEdit,
    BoxEdit,
    BrushEdit,
    ClickEdit,
    DeleteEdit,
    DeleteSeveralEdit,
    Edit,
    EraserEdit,
    LockEdit,
    MergeEdit,
    RelabelEdit,
    ScribbleEdit,
    SplitEdit,
    ThresholdEdit,
    UnlockEdit,
    check_edit,
)
from hnuiseg.interaction.layers import Layer, Report
from hnuiseg.interaction.network import Network
from hnuiseg.interaction.outcome import prediction_of
from hnuiseg.interaction.policy import DoubtPolicy, Flagged, doubtful
from hnuiseg.interaction.region import Region, region_of
from hnuiseg.interaction.session import Session
from hnuiseg.interaction.session_file import SessionFile, check_bound
from hnuiseg.interaction.start import Start
from hnuiseg.interaction.state import State, Values
from hnuiseg.interaction.suggest import Suggestion, suggest
from hnuiseg.interaction.summary import LesionSummary, lesion_summaries
from hnuiseg.interaction.undrawn import not_drawn
from hnuiseg.study import Case, Outline
from hnuiseg.volume import Triple


class InteractiveSession:
    """Edits of one case. Make one with `begin` or `open_again`; close it, or use it in a `with`."""

    def __init__(
        self,
        case: Case,
        session: Session,
        start: Start,
        file: SessionFile,
        network: Network | None,
    ) -> None:
        self.case = case
        self.start = start
        self._session = session
        self._file = file
        self._network = network
        self._canvas = Canvas(start, session.layers)

    @classmethod
    def begin(
        cls,
        folder: Path,
        case: Case,
        start: Start,
        network: Network | None = None,
    ) -> Self:
        """A new session in a new folder; without a network it takes edits by hand alone."""
        _same_place(case, start)
        session = Session(study_hash(case), None if network is None else network.sha256)
        file, kept = SessionFile.create(folder, session, start)
        return cls(case, session, kept, file, network)

    @classmethod
    def open_again(cls, folder: Path, case: Case, network: Network | None = None) -> Self:
        """The session in a folder, bit for bit as it was, without asking the network.

        Without a network any session of the case can be looked at, undone and edited by hand;
        clicks and replay are refused. InputRefused for another study, a newer version or damaged
        files; ModelMismatch for another model.
        """
        file, session, start = SessionFile.open(folder)
        try:
            model = None if network is None else network.sha256
            check_bound(session, study_hash(case), model, folder.name)
            _same_place(case, start)
            return cls(case, session, start, file, network)
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others open the folder. Nothing is lost: every edit was written when it was made."""
        self._file.close()

    # what is there now

    @property
    def session(self) -> Session:
        """The immutable value: acts and layers."""
        return self._session

    @property
    def state(self) -> State:
        """All arrays at once, read-only; later edits show in them."""
        return self._canvas.state

    @property
    def labels(self) -> UInt8[np.ndarray, "z y x"]:
        """0 background, 1 GTVp, 2 GTVn, on the CT's grid as stored."""
        return self._canvas.state.labels

    @property
    def probabilities(self) -> Float[np.ndarray, "3 z y x"]:
        """Of background, GTVp and GTVn."""
        return self._canvas.state.probabilities

    @property
    def entropy(self) -> Float[np.ndarray, "z y x"]:
        """Predictive entropy in nats; says nothing where nothing was sampled."""
        return self._canvas.state.entropy

    @property
    def uncertainty(self) -> Float[np.ndarray, "z y x"]:
        """Mutual information in nats; nan: not sampled."""
        return self._canvas.state.mutual_information

    @property
    def locked(self) -> Bool[np.ndarray, "z y x"]:
        """Voxels that no edit changes."""
        return self._canvas.state.locked

    @property
    def edits(self) -> tuple[tuple[int, Edit, Report], ...]:
        """Number, edit and report of all that stand, first to last."""
        return tuple((layer.edit_id, layer.edit, layer.report) for layer in self._session.layers)

    @property
    def asks_network(self) -> bool:
        """Whether clicks, scribbles and boxes can be answered."""
        return self._network is not None

    def lesions(self) -> tuple[LesionSummary, ...]:
        """What is labelled now, GTVp first, each class by falling volume."""
        return lesion_summaries(self.case, self.state, self._session.layers, self._outline)

    def not_drawn(self) -> tuple[NotDrawn, ...]:
        """Too small or too doubtful for the model to draw, until an edit says what it is."""
        return not_drawn(self.start, self.state, self._session.layers)

    @cached_property
    def _outline(self) -> Outline:
        """The body's, which says where lesions lie."""
        return Outline.of(self.case.ct)

    def doubtful(self, policy: DoubtPolicy | None = None) -> tuple[Flagged, ...]:
        """Lesions that a policy flags, with why; nothing is done."""
        return doubtful(self.lesions(), policy)

    def suggest(self, count: int = 5) -> tuple[Suggestion, ...]:
        """Places worth a click, the most promising first."""
        return suggest(self.case, self.state, self._session.layers, count)

    def prediction(self) -> Prediction:
        """The present state as what `hnuiseg.export` writes; later edits show in its arrays."""
        return prediction_of(self.start, self.state, self._session.layers)

    def region(self, edit: Edit) -> Region:
        """Where an edit could change anything; nothing is done."""
        check_edit(edit)
        return region_of(edit, self.state)

    # edits

    def apply(self, edit: Edit, members: int = 0) -> Report:
        """Do any edit. `members` stochastic members measure the doubt of a network's answer.

        With 0 members one pass is made, and its voxels count as not sampled.
        """
        return self.take(edit, self.change(edit, members))

    def change(self, edit: Edit, members: int = 0) -> Change:
        """What an edit would do now, the network's answer included; nothing is done."""
        return change_of(edit, self.state, self._session.layers, self._network, members)

    def take(self, edit: Edit, change: Change) -> Report:
        """Do what `change` said of an edit, with no other edit in between.

        Two steps, so that others may read while the network thinks, and wait for this one alone.
        """
        layer = change.layer(self._session.next_id, edit)
        self._become(self._session.added(layer))
        return layer.report

    def click(
        self,
        region: Tumour,
        position_mm: Triple,
        *,
        positive: bool = True,
        radius_mm: float | None = None,
        members: int = 0,
    ) -> Report:
        """Here is tumour of this class, or (not `positive`) here it isn't."""
        return self.apply(ClickEdit(region, position_mm, positive, radius_mm), members)

    def scribble(
        self,
        region: Tumour,
        positions_mm: Sequence[Triple],
        *,
        positive: bool = True,
        radius_mm: float | None = None,
        members: int = 0,
    ) -> Report:
        """A click at every position, in one edit."""
        edit = ScribbleEdit(region, tuple(positions_mm), positive, radius_mm)
        return self.apply(edit, members)

    def box(
        self, region: Tumour, corner_mm: Triple, opposite_mm: Triple, *, members: int = 0
    ) -> Report:
        """Tumour of this class lies in this box."""
        return self.apply(BoxEdit(region, corner_mm, opposite_mm), members)

    def brush(self, region: Tumour, positions_mm: Sequence[Triple], brush_mm: float) -> Report:
        """Paint by hand."""
        return self.apply(BrushEdit(region, tuple(positions_mm), brush_mm))

    def erase(
        self, region: Tumour | None, positions_mm: Sequence[Triple], brush_mm: float
    ) -> Report:
        """Rub out by hand; None: both classes."""
        return self.apply(EraserEdit(region, tuple(positions_mm), brush_mm))

    def lock(self, region: Tumour | None = None, position_mm: Triple | None = None) -> Report:
        """Protect a lesion, a class, or both classes."""
        return self.apply(LockEdit(region, position_mm))

    def unlock(self, region: Tumour | None = None, position_mm: Triple | None = None) -> Report:
        """Let it be changed again; no name: everything that is locked."""
        return self.apply(UnlockEdit(region, position_mm))

    def accept(self, region: Tumour | None = None, position_mm: Triple | None = None) -> Report:
        """Mark as looked at and taken."""
        return self.apply(AcceptEdit(region, position_mm))

    def delete(self, region: Tumour, position_mm: Triple | None = None) -> Report:
        """Take a lesion, or a class, away."""
        return self.apply(DeleteEdit(region, position_mm))

    def delete_several(self, lesions: Sequence[LesionSummary]) -> Report:
        """Take several lesions of `lesions()` away in one edit."""
        return self.apply(
            DeleteSeveralEdit(
                tuple(lesion.region for lesion in lesions),
                tuple(lesion.inside_mm for lesion in lesions),
            )
        )

    def delete_doubtful(self, policy: DoubtPolicy | None = None) -> Report | None:
        """Take all away that a policy flags, in one edit; None where it flags nothing."""
        flagged = self.doubtful(policy)
        return self.delete_several([f.lesion for f in flagged]) if flagged else None

    def unconfirmed(self) -> tuple[LesionSummary, ...]:
        """Lesions in which no word of a person stands: no click, stroke or box, nor acceptance."""
        return tuple(lesion for lesion in self.lesions() if not lesion.confirmed)

    def delete_unconfirmed(self) -> Report | None:
        """Take all of these away, in one edit; None where there is none.

        For whoever has clicked every lesion: what nobody clicked is none.
        """
        left = self.unconfirmed()
        return self.delete_several(left) if left else None

    def relabel(self, region: Tumour, to: Tumour, position_mm: Triple | None = None) -> Report:
        """Give a lesion, or a class, to the other class."""
        return self.apply(RelabelEdit(region, to, position_mm))

    def merge(
        self,
        region: Tumour,
        position_mm: Triple,
        other_region: Tumour,
        other_position_mm: Triple,
    ) -> Report:
        """Make two lesions one."""
        return self.apply(MergeEdit(region, position_mm, other_region, other_position_mm))

    def split(
        self,
        region: Tumour,
        position_mm: Triple,
        other_position_mm: Triple,
        other_region: Tumour | None = None,
    ) -> Report:
        """Make one lesion two."""
        return self.apply(SplitEdit(region, position_mm, other_position_mm, other_region))

    def threshold(self, region: Tumour, value: float, position_mm: Triple | None = None) -> Report:
        """Let labels follow the class's probability at this value."""
        return self.apply(ThresholdEdit(region, value, position_mm))

    def threshold_preview(
        self, region: Tumour, value: float, position_mm: Triple | None = None
    ) -> tuple[Region, UInt8[np.ndarray, "z y x"], Report]:
        """What `threshold` would do: its region, the labels within the region's box, its report."""
        edit = ThresholdEdit(region, value, position_mm)
        change = change_of(edit, self.state, self._session.layers)
        labels = np.array(self.labels[change.region.box])
        assert isinstance(change.values, Values)  # a threshold always sets
        labels[change.mask] = change.values.labels
        return change.region, labels, change.report

    # going back and forth

    def undo(self) -> None:
        """Take the last act back."""
        self._become(self._session.undone())

    def redo(self) -> None:
        """Do it again."""
        self._become(self._session.redone())

    def remove(self, edit_id: int) -> None:
        """Take one edit out; later ones keep what they set. It can be undone."""
        self._become(self._session.removed(edit_id))

    def replay(self, members: int = 0) -> tuple[Report, ...]:
        """Make all standing edits again from the start, each with the network's answer of today.

        Unlike `remove` this asks the network: answers to later clicks no longer rest on what was
        removed. What is locked now stays as it is: locks are taken over with what they protect. One
        act, so one undo takes it back. An edit that no longer fits is a WrongCall that names it,
        and nothing is changed.
        """
        standing = self._session.layers
        if self._network is None and any(isinstance(e.edit, NETWORK_EDITS) for e in standing):
            raise ModelMismatch(
                "a replay in a session without its network",
                "the model that the session was begun with",
                "open the session with that model",
            )
        canvas = Canvas(self.start)
        made: list[Layer] = []
        for old in standing:
            number = self._session.next_id + len(made)
            if isinstance(old.edit, LockEdit | UnlockEdit):
                made.append(replace(old, edit_id=number))
                canvas.put(made[-1])
                continue
            try:
                asked = max(members, old.report.members if old.report.members > 1 else 0)
                change = change_of(old.edit, canvas.state, made, self._network, asked)
            except (WrongCall, InputRefused) as error:
                came, allowed, remedy = error.args
                raise type(error)(
                    f"replay of edit {old.edit_id}: {came}", allowed, remedy
                ) from error
            layer = change.layer(number, old.edit)
            made.append(layer)
            canvas.put(layer)
        kept = _kept(self.state, canvas.state)
        if kept.any():  # locked again by the removal of an unlock
            box = whole(kept.shape)
            values = self.state.values(box, kept)
            number = self._session.next_id + len(made)
            made.append(Layer.of(number, LockEdit(), Report(), box, kept, values, "lock"))
        self._become(self._session.replayed(tuple(made)))
        return tuple(layer.report for layer in made)

    def _become(self, session: Session) -> None:
        """Write, then show. What fails to be written isn't shown."""
        before, after = self._session.layers, session.layers
        self._file.save(session)
        self._session = session
        if after[: len(before)] == before:  # new layers on top
            for layer in after[len(before) :]:
                self._canvas.put(layer)
            return
        for box in _apart(touched(before, after)):
            self._canvas.recompose(box, after)


def _apart(boxes: Sequence[tuple[slice, slice, slice]]) -> Iterator[tuple[slice, slice, slice]]:
    """Each box once; a replay or a removal names the same box twice."""
    seen = set()
    for box in boxes:
        key = tuple((s.start, s.stop) for s in box)
        if key not in seen:
            seen.add(key)
            yield box_of([s.start for s in box], [s.stop for s in box])


def _kept(now: State, replayed: State) -> Bool[np.ndarray, "z y x"]:
    """Voxels that are locked now, and that a replay would change or leave unlocked."""
    differs = (now.labels != replayed.labels) | (now.votes != replayed.votes) | ~replayed.locked
    for a, b in (
        *zip(now.probabilities, replayed.probabilities, strict=True),
        (now.entropy, replayed.entropy),
        (now.mutual_information, replayed.mutual_information),
    ):
        differs |= np.ascontiguousarray(a).view("u4") != np.ascontiguousarray(b).view("u4")
    return now.locked & differs


def _same_place(case: Case, start: Start) -> None:
    if not start.grid.same_place(case.ct.grid):
        raise InputRefused(
            "a start on another grid than the CT's",
            "a start whose voxels are the CT's",
            "bring it onto the CT's grid first (`hnuiseg.study.on_grid`)",
        )
