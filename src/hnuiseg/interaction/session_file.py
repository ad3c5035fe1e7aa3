"""A session on disk: a folder with a start, one file for each layer, and a small index.

    NAME/session.json      acts, cursor, what they name; its last line is its own hash
    NAME/start/*.npy       written once
    NAME/layers/*.layer    one a file, never changed

An edit writes its own layer and then the index, each beside its place, flushed and renamed. Only
the index says what counts: a process that is killed before it is renamed leaves the state of the
edit before and a layer that nobody names. So the cost of an edit doesn't grow with start or layers,
and there is no moment at which the folder can't be read. One file for all would have to be
rewritten, or to be repaired after a torn append.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hnuiseg.errors import HnuisegError, InputRefused, ModelMismatch
from hnuiseg.files import atomic_write
from hnuiseg.interaction.boxes import whole
from hnuiseg.interaction.edit_json import edit_from_json, edit_to_json
from hnuiseg.interaction.layers import Layer, Report, box_from_json
from hnuiseg.interaction.session import Act, Session
from hnuiseg.interaction.start import Start
from hnuiseg.interaction.start_files import (
    damaged,
    description_bytes,
    description_from,
    read_start,
    write_start,
)
from hnuiseg.interaction.whole_folders import Held, new_folder
from hnuiseg.volume import Grid

FORMAT = 1
_INDEX, _START, _LAYERS = "session.json", "start", "layers"
_LAYER_MAGIC = b"hnuiseg layer 1\n"
_MOST_INDEX_BYTES = 1 << 28


class SessionFile:
    """The folder of one session, held by this process."""

    def __init__(self, folder: Path, held: Held, start: Mapping[str, Any]) -> None:
        self.folder = folder
        self._held = held
        self._start = dict(start)
        self._names: dict[int, dict[str, Any]] = {}  # of layers that are written

    @classmethod
    def create(cls, folder: Path, session: Session, start: Start) -> "tuple[SessionFile, Start]":
        """A new folder, and the start as it lies there; OutputFailed where it can't be made."""
        held = None
        try:
            with new_folder(folder) as made:
                held = Held(made)  # of the folder, whatever its name
                (made / _START).mkdir()
                (made / _LAYERS).mkdir()
                described = write_start(start, made / _START)
                cls(made, held, described).save(session)
            return cls(folder, held, described), read_start(
                folder / _START, described, verify=False
            )
        except BaseException:
            if held is not None:
                held.let_go()
            raise

    @classmethod
    def open(cls, folder: Path) -> "tuple[SessionFile, Session, Start]":
        """What lies in a folder, whole; InputRefused for anything else, and then nothing is
        changed.
        """
        if not (folder / _INDEX).is_file():
            raise InputRefused(
                f"{folder.name} holds no session",
                f"a folder with {_INDEX}",
                "name the folder that the session was begun in",
            )
        held = Held(folder)
        try:
            described = _index(folder)
            start = read_start(folder / _START, described["start"])
            session = _session(folder, described, start.grid)
            file = cls(folder, held, described["start"])
            file._names = {int(entry["id"]): entry for entry in described["layers"]}
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            held.let_go()
            raise damaged(f"the session in {folder.name}") from error
        except BaseException:
            held.let_go()
            raise
        file._sweep()
        return file, session, start

    def save(self, session: Session) -> None:
        """Make the session what the folder holds; OutputFailed leaves it as it was."""
        names = {}
        for edit_id, layer in session.kept.items():
            names[edit_id] = self._names.get(edit_id) or self._write(layer)
        described = {
            "format": FORMAT,
            "study": session.study,
            "model": session.model,
            "start": self._start,
            "layers": [names[k] for k in sorted(names)],
            "acts": [[act.what, list(act.edit_ids)] for act in session.acts],
            "cursor": session.cursor,
            "next_id": session.next_id,
        }
        atomic_write(self.folder / _INDEX, description_bytes(described))
        gone = [entry for k, entry in self._names.items() if k not in names]
        self._names = names
        for entry in gone:
            with suppress(OSError):
                (self.folder / _LAYERS / entry["file"]).unlink()

    def close(self) -> None:
        """Let others open it."""
        self._held.let_go()

    def _write(self, layer: Layer) -> dict[str, Any]:
        content = layer_bytes(layer)
        digest = hashlib.sha256(content).hexdigest()
        name = f"{layer.edit_id:06d}-{digest[:16]}.layer"
        atomic_write(self.folder / _LAYERS / name, content)
        return {"id": layer.edit_id, "file": name, "sha256": digest, "bytes": len(content)}

    def _sweep(self) -> None:
        """Clear what a killed process left: layers that no index names, and files half written."""
        named = {entry["file"] for entry in self._names.values()}
        with suppress(OSError):
            for path in (self.folder / _LAYERS).iterdir():
                if path.name not in named:
                    path.unlink()
            for path in self.folder.glob(f".{_INDEX}.*.part"):
                path.unlink()


def check_bound(session: Session, study: str, model: str | None, name: str) -> None:
    """InputRefused for another study's session, ModelMismatch for another model's."""
    if session.study != study:
        raise InputRefused(
            f"{name} is a session of another study (CT {session.study[:12]}, here {study[:12]})",
            "a session of this CT, voxel for voxel",
            "give the study that it was begun with",
        )
    if model is not None and session.model != model:
        begun = "without a model" if session.model is None else f"with model {session.model[:12]}"
        raise ModelMismatch(
            f"{name} was begun {begun}, not with {model[:12]}",
            "the model that it was begun with",
            "give that model, or open the session without one to look at it and edit by hand",
        )


def layer_bytes(layer: Layer) -> bytes:
    """A layer as a file."""
    header = json.dumps(
        {
            "id": layer.edit_id,
            "edit": edit_to_json(layer.edit),
            **layer.described(),
            "mask_bytes": len(layer.packed_mask),
            "values_bytes": None if layer.packed_values is None else len(layer.packed_values),
        },
        sort_keys=True,
    ).encode()
    return b"".join(
        (
            _LAYER_MAGIC,
            len(header).to_bytes(8, "little"),
            header,
            layer.packed_mask,
            layer.packed_values or b"",
        )
    )


def layer_from(content: bytes, grid: Grid) -> Layer:
    """A layer from its file; ValueError (or a kin) for anything else. It is unpacked once, to be
    sure.
    """
    first = len(_LAYER_MAGIC) + 8
    if content[: len(_LAYER_MAGIC)] != _LAYER_MAGIC:
        raise ValueError("no layer")
    length = int.from_bytes(content[len(_LAYER_MAGIC) : first], "little")
    header = json.loads(content[first : first + length])
    rest = content[first + length :]
    mask_bytes, values_bytes = int(header["mask_bytes"]), header["values_bytes"]
    if len(rest) != mask_bytes + (values_bytes or 0):
        raise ValueError("a layer of another length")
    box = box_from_json(header["box"])
    image = whole(grid.shape)
    if any(not 0 <= b.start <= b.stop <= w.stop for b, w in zip(box, image, strict=True)):
        raise ValueError("a layer outside the image")
    if header["mark"] not in ("", "lock", "unlock", "accept"):
        raise ValueError("a layer of another kind")
    layer = Layer(
        int(header["id"]),
        edit_from_json(header["edit"]),
        Report(**header["report"]),
        box,
        rest[:mask_bytes],
        None if values_bytes is None else rest[mask_bytes:],
        int(header["count"]),
        header["mark"],
    )
    if int(layer.mask().sum()) != layer.count:
        raise ValueError("a layer of other voxels")
    if layer.packed_values is not None and int(layer.values().labels.max(initial=0)) > 2:
        raise ValueError("a layer of unknown labels")
    return layer


def _index(folder: Path) -> dict[str, Any]:
    with (folder / _INDEX).open("rb") as file:
        content = file.read(_MOST_INDEX_BYTES)
    described = description_from(content)
    found = described["format"]
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        raise InputRefused(
            f"{folder.name} has session format {found!r:.20}",
            f"format {FORMAT}",
            "use the newer hnuiseg that wrote it" if newer else "bring it back from a copy",
        )
    return described


def _session(folder: Path, described: Mapping[str, Any], grid: Grid) -> Session:
    kept = {}
    for entry in described["layers"]:
        name = str(entry["file"])
        if Path(name).name != name:
            raise ValueError("a layer in another folder")
        content = (folder / _LAYERS / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise ValueError(entry["file"])
        try:
            layer = layer_from(content, grid)
        except HnuisegError as error:
            raise ValueError(entry["file"]) from error
        kept[layer.edit_id] = layer
    acts = tuple(Act(what, tuple(int(k) for k in ids)) for what, ids in described["acts"])
    if any(act.what not in ("add", "remove", "replay") for act in acts):
        raise ValueError("an act of another kind")
    if {k for act in acts for k in act.edit_ids} != set(kept):
        raise ValueError("acts and layers that don't belong together")
    cursor = int(described["cursor"])
    if not 0 <= cursor <= len(acts):
        raise ValueError("a cursor beyond the acts")
    model = described["model"]
    study = str(described["study"])
    return Session(study, model and str(model), acts, cursor, kept, int(described["next_id"]))
