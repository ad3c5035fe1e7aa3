"""`Session`: what was done to a segmentation, act by act; an immutable value.

An act adds an edit, removes one, or puts the answers of a replay in the place of earlier ones.
Undo and redo move a cursor along the acts, so they go back over removals too. The state is the
layers that stand at the cursor, in their order, over the start (`canvas.compose`); nothing else
enters into it.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.layers import Layer

What = Literal["add", "remove", "replay"]


@dataclass(frozen=True, slots=True)
class Act:
    """One step of the history; `edit_ids` are of the layers that it concerns."""

    what: What
    edit_ids: tuple[int, ...]  # add, remove: one; replay: all that stand afterwards, in order


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """Acts, a cursor among them, and the layers that they name.

    `study` is the hash of the CT's voxels and grid, `model` that of the model file; None where the
    session has no network.
    """

    study: str
    model: str | None
    acts: tuple[Act, ...] = ()
    cursor: int = 0  # acts that count; later ones were undone
    kept: dict[int, Layer] = field(default_factory=dict)  # every layer that an act names
    next_id: int = 1

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those that stand, lowest first."""
        return tuple(self.kept[k] for k in self._standing())

    @property
    def can_undo(self) -> bool:
        """Whether there is an act to take back."""
        return self.cursor > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an act to do again."""
        return self.cursor < len(self.acts)

    def layer(self, edit_id: int) -> Layer:
        """The standing layer of an edit; WrongCall where there is none."""
        standing = self._standing()
        if edit_id not in standing:
            raise WrongCall(
                f"no edit {edit_id} stands",
                f"one of {', '.join(map(str, standing)) or 'none: nothing was edited'}",
                "look at the list of edits",
            )
        return self.kept[edit_id]

    def added(self, layer: Layer) -> "Session":
        """One more layer on top."""
        return self._acted(Act("add", (layer.edit_id,)), (layer,))

    def removed(self, edit_id: int) -> "Session":
        """Without the layer of one edit; later ones stay."""
        self.layer(edit_id)
        return self._acted(Act("remove", (edit_id,)), ())

    def replayed(self, layers: tuple[Layer, ...]) -> "Session":
        """With these layers in the place of all that stand."""
        return self._acted(Act("replay", tuple(layer.edit_id for layer in layers)), layers)

    def undone(self) -> "Session":
        """The last act taken back; WrongCall where there is none."""
        if not self.can_undo:
            raise WrongCall("an undo without an edit", "an undo after an edit", "edit first")
        return replace(self, cursor=self.cursor - 1)

    def redone(self) -> "Session":
        """The act that was taken back last, done again; WrongCall where there is none."""
        if not self.can_redo:
            raise WrongCall("a redo without an undo", "a redo right after an undo", "undo first")
        return replace(self, cursor=self.cursor + 1)

    def _acted(self, act: Act, layers: tuple[Layer, ...]) -> "Session":
        """One more act; what had been undone is gone for good."""
        acts = (*self.acts[: self.cursor], act)
        named = {k for a in acts for k in a.edit_ids}
        every = {**self.kept, **{layer.edit_id: layer for layer in layers}}
        return replace(
            self,
            acts=acts,
            cursor=len(acts),
            kept={k: layer for k, layer in every.items() if k in named},
            next_id=max([self.next_id, *(layer.edit_id + 1 for layer in layers)]),
        )

    def _standing(self) -> list[int]:
        standing: dict[int, None] = {}
        for act in self.acts[: self.cursor]:
            if act.what == "replay":
                standing = dict.fromkeys(act.edit_ids)
            elif act.what == "add":
                standing.update(dict.fromkeys(act.edit_ids))
            else:
                for k in act.edit_ids:
                    standing.pop(k, None)
        return list(standing)
