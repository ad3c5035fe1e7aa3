"""Lesions and their figures.

A lesion is a 26-connected component of one class. SUV is measured on the PET's own grid with
the lesion mapped to it, because resampling lowers a maximum (DESIGN §1).

SUVpeak is the global intensity peak of the IBSI (0F91, doi:10.1148/radiol.2020191145) and PERCIST's
1 ml sphere (doi:10.2967/jnumed.108.057307): the highest mean of a sphere of 1 ml around any PET
voxel of the lesion; the sphere may reach beyond the lesion. MTV and TLG are of the PET voxels
within the contour that reach a threshold: 41 % of the lesion's SUVmax (EANM guideline 2.0,
doi:10.1007/s00259-014-2961-x), and the fixed 2.5 and 4.0 g/ml.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from hnuiseg.inference import CLASSES, Prediction
from hnuiseg.study import Case, Outline
from hnuiseg.volume import Grid, Triple, Volume, components

SMALL_ML = 0.1  # below: reported with a flag, never deleted (DESIGN §5)
PEAK_RADIUS_MM = float((3000.0 / (4.0 * np.pi)) ** (1 / 3))  # of a 1 ml sphere: 6.2 mm
SHARE_OF_MAX = 0.41
FIXED_SUV = (2.5, 4.0)
THRESHOLDS = (f"{100 * SHARE_OF_MAX:.0f} % of SUVmax", *(f"SUV {suv:.1f}" for suv in FIXED_SUV))


@dataclass(frozen=True, slots=True)
class Metabolic:
    """Metabolic tumour volume and total lesion glycolysis above one threshold."""

    threshold: str  # its name: "41 % of SUVmax", "SUV 2.5", "SUV 4.0"
    suv: float | None  # g/ml; None in a sum over lesions with a threshold each
    mtv_ml: float
    tlg_g: float  # MTV in ml x mean SUV within it in g/ml


@dataclass(frozen=True, slots=True)
class PetFigures:
    """SUVbw in g/ml on the PET's own grid."""

    suv_max: float
    suv_mean: float
    suv_peak: float  # highest mean of a 1 ml sphere centred on a PET voxel of the lesion
    pet_voxels: int  # PET voxels that were measured
    covered: float  # share of the lesion's CT voxels within the PET's coverage
    nearest: bool  # no PET voxel centre lies in the lesion: nearest PET voxels were measured
    metabolic: tuple[Metabolic, ...]  # one a threshold; empty with `nearest`, which has no volume


@dataclass(frozen=True, slots=True)
class Lesion:
    """One 26-connected component of a class."""

    class_name: str
    number: int  # from 1 within the class, by falling volume
    voxels: int  # of the CT's grid
    volume_ml: float
    below_0_1_ml: bool
    centroid_mm: Triple  # x, y, z; LPS
    location: str  # side, depth and height in words
    at_edge: bool  # reaches the edge of the image, or of the field that was searched
    mean_probability: float  # of its own class
    mean_entropy: float  # nats
    max_entropy: float  # nats
    mean_disagreement: float | None  # mutual information in nats where sampled
    not_sampled_voxels: int  # fewer than two votes; 0 where members were not asked for
    pet: PetFigures | None  # None without PET, or where the PET doesn't reach the lesion


@dataclass(frozen=True, slots=True)
class Total:
    """One class over all its lesions."""

    class_name: str
    lesions: int
    volume_ml: float
    suv_max: float | None
    metabolic: tuple[Metabolic, ...]  # summed over the lesions that have them


def measure(case: Case, prediction: Prediction) -> tuple[Lesion, ...]:
    """All lesions, GTVp first, then GTVn, each by falling volume; empty where none is found."""
    outline = Outline.of(case.ct) if prediction.labels.any() else None
    found = []
    for value, number, index in lesion_voxels(prediction):
        assert outline is not None  # there are labels
        found.append(_lesion(case, prediction, value, number, index, outline))
    return tuple(found)


def lesion_voxels(prediction: Prediction) -> Iterator[tuple[int, int, Int[np.ndarray, "n 3"]]]:
    """Label value, number and voxels (z, y, x) of every lesion, in the order of `measure`."""
    for value in range(1, len(CLASSES)):
        mask = prediction.labels == value
        boxes = ndimage.find_objects(mask.view(np.uint8))
        if not boxes:
            continue
        box = boxes[0]  # labelling a whole scan for a few lesions takes seconds
        labels, count = components(mask[box])
        start = np.array([s.start for s in box])
        for number in range(1, count + 1):
            index = np.argwhere(labels == number) + start
            yield value, number, index


def totals(lesions: tuple[Lesion, ...]) -> tuple[Total, ...]:
    """Per class, empty classes included."""
    out = []
    for name in CLASSES[1:]:
        own = [lesion for lesion in lesions if lesion.class_name == name]
        maxima = [lesion.pet.suv_max for lesion in own if lesion.pet]
        volume = float(sum(lesion.volume_ml for lesion in own))
        metabolic = _summed([lesion.pet.metabolic for lesion in own if lesion.pet])
        out.append(Total(name, len(own), volume, max(maxima, default=None), metabolic))
    return tuple(out)


def _summed(lesions: list[tuple[Metabolic, ...]]) -> tuple[Metabolic, ...]:
    sums: dict[str, Metabolic] = {}
    for own in (metabolic for lesion in lesions for metabolic in lesion):
        old = sums.get(own.threshold)
        fixed = own.suv if old is None or old.suv == own.suv else None
        mtv, tlg = (
            (own.mtv_ml, own.tlg_g)
            if old is None
            else (own.mtv_ml + old.mtv_ml, own.tlg_g + old.tlg_g)
        )
        sums[own.threshold] = Metabolic(own.threshold, fixed, mtv, tlg)
    return tuple(sums.values())


def _lesion(
    case: Case,
    prediction: Prediction,
    value: int,
    number: int,
    index: Int[np.ndarray, "n 3"],
    outline: Outline,
) -> Lesion:
    grid = prediction.grid
    at = tuple(index.T)
    entropy = prediction.entropy[at].astype(np.float64)
    disagreement = None
    if prediction.mutual_information is not None:
        sampled = prediction.mutual_information[at].astype(np.float64)
        sampled = sampled[np.isfinite(sampled)]
        disagreement = float(sampled.mean()) if sampled.size else None
    x, y, z = (float(v) for v in grid.to_world(index.mean(axis=0, keepdims=True))[0])
    volume = len(index) * grid.voxel_ml
    votes = prediction.votes
    return Lesion(
        class_name=CLASSES[value],
        number=number,
        voxels=len(index),
        volume_ml=volume,
        below_0_1_ml=volume < SMALL_ML,
        centroid_mm=(x, y, z),
        location=outline.words(index),
        at_edge=_meets_edge(case, index),
        mean_probability=float(prediction.probabilities[value][at].astype(np.float64).mean()),
        mean_entropy=float(entropy.mean()),
        max_entropy=float(entropy.max()),
        mean_disagreement=disagreement,
        not_sampled_voxels=0 if votes is None else int((votes[at] < 2).sum()),
        pet=pet_figures(case, grid, index),
    )


def _meets_edge(case: Case, index: Int[np.ndarray, "n 3"]) -> bool:
    low, high = index.min(axis=0), index.max(axis=0)
    box = case.field or tuple(slice(0, n) for n in case.ct.grid.shape)
    return any(a <= b.start or c >= b.stop - 1 for a, b, c in zip(low, box, high, strict=True))


def pet_figures(case: Case, grid: Grid, index: Int[np.ndarray, "n 3"]) -> PetFigures | None:
    """SUV of the voxels `index` (z, y, x of `grid`), measured on the PET's own grid.

    PET voxels whose centre lies in a lesion voxel are taken; a lesion that holds no centre is
    measured on the PET voxels nearest to its voxels. None where the PET doesn't reach it.
    """
    if case.pet is None:
        return None
    pet = case.pet.native
    inside, nearest = _centres_within(pet.grid, grid, index), False
    if not len(inside):
        inside, nearest = _nearest_voxels(pet.grid, grid, index), True
    if not len(inside):
        return None
    values = pet.array[tuple(inside.T)].astype(np.float64)
    return PetFigures(
        suv_max=float(values.max()),
        suv_mean=float(values.mean()),
        suv_peak=_peak(pet, inside),
        pet_voxels=len(inside),
        covered=float(case.pet.coverage[tuple(index.T)].mean()),
        nearest=nearest,
        metabolic=() if nearest else metabolic(values, pet.grid.voxel_ml),
    )


def metabolic(values: Float[np.ndarray, " n"], voxel_ml: float) -> tuple[Metabolic, ...]:
    """MTV and TLG of a lesion's PET values (SUV, g/ml) at each threshold; values at it count."""
    out = []
    for name, suv in zip(THRESHOLDS, (SHARE_OF_MAX * float(values.max()), *FIXED_SUV), strict=True):
        above = values[values >= suv]
        out.append(Metabolic(name, suv, len(above) * voxel_ml, float(above.sum()) * voxel_ml))
    return tuple(out)


def _centres_within(pet: Grid, grid: Grid, index: Int[np.ndarray, "n 3"]) -> Int[np.ndarray, "m 3"]:
    """PET voxels whose centre lies in one of the voxels `index` of `grid`."""
    low, high = index.min(axis=0), index.max(axis=0)
    corners = np.array(np.meshgrid(*zip(low - 0.5, high + 0.5, strict=True))).reshape(3, -1).T
    reach = pet.to_index(grid.to_world(corners))
    first = np.maximum(np.floor(reach.min(axis=0)).astype(int), 0)
    last = np.minimum(np.ceil(reach.max(axis=0)).astype(int), np.asarray(pet.shape) - 1)
    if (last < first).any():
        return np.empty((0, 3), dtype=np.int64)
    box = np.indices(tuple(last - first + 1)).reshape(3, -1).T + first
    nearest = _rounded(grid.to_index(pet.to_world(box))) - low
    own = np.zeros(tuple(high - low + 1), dtype=bool)
    own[tuple((index - low).T)] = True
    within = ((nearest >= 0) & (nearest < own.shape)).all(axis=1)
    within[within] = own[tuple(nearest[within].T)]
    return box[within]


def _nearest_voxels(pet: Grid, grid: Grid, index: Int[np.ndarray, "n 3"]) -> Int[np.ndarray, "m 3"]:
    nearest = _rounded(pet.to_index(grid.to_world(index)))
    within = ((nearest >= 0) & (nearest < pet.shape)).all(axis=1)
    return np.unique(nearest[within], axis=0)


def _rounded(index: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, "n 3"]:
    # not rint: it sends .5 to even indices, so that neighbours would get unequal shares;
    # 1e-6: a centre exactly on a face must not depend on rounding
    return np.floor(index + 0.5 + 1e-6).astype(np.int64)


def _peak(pet: Volume, inside: Int[np.ndarray, "m 3"]) -> float:
    """Highest mean of the PET voxels whose centre is within 6.2 mm of one of `inside`."""
    sphere = _sphere(pet.grid)
    margin = np.asarray(sphere.shape) // 2
    first = np.maximum(inside.min(axis=0) - margin, 0)
    last = np.minimum(inside.max(axis=0) + margin, np.asarray(pet.grid.shape) - 1)
    box = pet.array[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))]
    weights = sphere.astype(np.float64)
    total = ndimage.correlate(box.astype(np.float64), weights, mode="constant")
    # only at the image's border does a sphere lose voxels: elsewhere the box has its margin
    count = ndimage.correlate(np.ones(box.shape), weights, mode="constant")
    return float((total / count)[tuple((inside - first).T)].max())


def _sphere(grid: Grid) -> Bool[np.ndarray, "z y x"]:
    reach = np.ceil(PEAK_RADIUS_MM * np.abs(np.linalg.inv(grid.steps)).sum(axis=0)).astype(int)
    axes = [np.arange(-r, r + 1) for r in reach]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    distance = np.linalg.norm(offsets @ grid.steps, axis=-1)
    return np.asarray(distance <= PEAK_RADIUS_MM)
