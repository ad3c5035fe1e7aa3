"""Prepared cases as a network sees them, on disk, read in parts: what patches are cut from.

Made by the same code as a patient's inputs at inference, once for each data set and each way of
preparing images; a training that is stopped while they are made goes on with the next.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from hnuiseg.cohorts import (
    AnnotatedCase,
    open_array,
    read_cached,
    whole_folder,
    write_array,
)
from hnuiseg.files import atomic_write
from hnuiseg.inference.inputs import body_field, network_inputs
from hnuiseg.models import ModelSettings
from hnuiseg.preprocessing import ct_padding
from hnuiseg.study import searched
from hnuiseg.training.truth import truth_on

Box = tuple[slice, slice, slice]

_FORMAT = 1
PLACES = ("tissue", "GTVp", "GTVn")
_MOST_PLACES = 50_000  # of each kind: enough that none is drawn twice in a training's life
_AIR_MARGIN = 0.1  # above air, in scaled units: tissue


@dataclass(frozen=True, slots=True, eq=False)
class StoredSample:
    """Images and truth of one case on the working grid, cut to the patient."""

    name: str
    patient: str
    shape: tuple[int, int, int]  # z, y, x
    spacing: tuple[float, float, float]  # mm
    folder: Path
    counts: dict[str, int]  # places that are kept to draw patches around: tissue, GTVp, GTVn

    def place(self, kind: str, number: int) -> tuple[int, int, int]:
        """The voxel of a place, counted from 0 within its kind.

        Read from disk each time: over a cohort all of them would fill memory (law 9).
        """
        before = sum(self.counts[other] for other in PLACES[: PLACES.index(kind)])
        flat = int(np.load(self.folder / "places.npy", mmap_mode="r")[before + number])
        z, y, x = (int(i) for i in np.unravel_index(flat, self.shape))
        return z, y, x

    def images(self, box: Box) -> Float[np.ndarray, "2 z y x"]:
        """Scaled CT and PET within a box; PET 0 where there is none."""
        return np.asarray(open_array(self.folder / "images.b2nd")[(slice(0, 2), *box)])

    def marks(self, box: Box) -> UInt8[np.ndarray, "2 z y x"]:
        """Truth (0, 1, 2, 255), and 1 where the PET channel holds an image."""
        return np.asarray(open_array(self.folder / "marks.b2nd")[(slice(0, 2), *box)])

    @property
    def whole(self) -> Box:
        """The box of everything."""
        z, y, x = (slice(0, n) for n in self.shape)
        return z, y, x


def way_of(settings: ModelSettings) -> str:
    """Names a way of preparing images: samples made under one name are alike."""
    said = json.dumps([settings.ct_scheme, settings.pet_scheme, settings.working_spacing, _FORMAT])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def stored_sample(
    case_folder: Path, name: str, patient: str, sha256: str, settings: ModelSettings, store: Path
) -> StoredSample:
    """The sample of a prepared case in `store`, made where it isn't there yet.

    `sha256` is the case's own: a case that has changed is made anew. Raises InputRefused for a
    damaged case and OutputFailed where the disk refuses.
    """
    folder = store / way_of(settings) / case_folder.name
    found = _opened(folder, name, patient, sha256)
    if found is not None:
        return found
    case = read_cached(case_folder, sha256)
    with whole_folder(folder, f"the sample of {name}") as partial:
        _make(case, settings, sha256, partial)
    made = _opened(folder, name, patient, sha256)
    assert made is not None
    return made


def _opened(folder: Path, name: str, patient: str, sha256: str) -> StoredSample | None:
    """What is there, if it is whole and of this case."""
    try:
        said = json.loads((folder / "sample.json").read_text())
        if said["case"] != sha256:
            return None
        z, y, x = said["shape"]
        dz, dy, dx = said["spacing"]
        counts = {kind: int(said["places"][kind]) for kind in PLACES}
        found = StoredSample(name, patient, (z, y, x), (dz, dy, dx), folder, counts)
        for array, kind in (("images", "float32"), ("marks", "uint8")):
            stored = open_array(folder / f"{array}.b2nd")
            if tuple(stored.shape) != (2, z, y, x) or str(stored.dtype) != kind:
                return None
        places = np.load(folder / "places.npy")
        if len(places) != sum(counts.values()) or not counts["tissue"]:
            return None
        if not 0 <= places.min() <= places.max() < z * y * x:
            return None
        return found
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _make(found: AnnotatedCase, settings: ModelSettings, sha256: str, folder: Path) -> None:
    seen = searched(found.case)
    inputs = network_inputs(seen, settings)
    box = body_field(seen, settings.working_spacing)
    truth = truth_on(found.truth, inputs.working)
    inputs = inputs.cut(box)
    images = inputs.images[:2].numpy()
    covered = np.zeros(inputs.working.shape, dtype=np.uint8)
    if inputs.coverage is not None:
        covered[:] = inputs.coverage.numpy()
    labels = np.ascontiguousarray(truth[box])
    write_array(images, folder / "images.b2nd")
    write_array(np.stack([labels, covered]), folder / "marks.b2nd")
    air = ct_padding(settings.ct_scheme)
    places = _places(images[0] > air + _AIR_MARGIN, labels)
    np.save(folder / "places.npy", np.concatenate([places[kind] for kind in PLACES]))
    atomic_write(
        folder / "sample.json",
        json.dumps(
            {
                "case": sha256,
                "shape": inputs.working.shape,
                "spacing": inputs.working.spacing,
                "places": {kind: len(index) for kind, index in places.items()},
            }
        ).encode(),
    )


def _places(
    tissue: Bool[np.ndarray, "z y x"], labels: UInt8[np.ndarray, "z y x"]
) -> dict[str, Int[np.ndarray, " n"]]:
    masks = dict(zip(PLACES, (tissue, labels == 1, labels == 2), strict=True))
    if not tissue.any():
        masks["tissue"] = np.ones_like(tissue)
    return {kind: _some(np.flatnonzero(mask)) for kind, mask in masks.items()}


def _some(index: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """At most so many of them, at even steps: the same ones each time."""
    if len(index) <= _MOST_PLACES:
        return index
    return index[np.linspace(0, len(index) - 1, _MOST_PLACES).round().astype(np.intp)]
