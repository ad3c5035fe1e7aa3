"""A patient with planted disease: a staging PET/CT and a planning CT in another position."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from hnuiseg.cohorts.listing import AnnotatedCase
from hnuiseg.cohorts.openkbp_files import PatientFiles
from hnuiseg.cohorts.synthetic import ranges
from hnuiseg.cohorts.synthetic.disease import GTVN, GTVP, Lesion, drawn_disease
from hnuiseg.cohorts.synthetic.lesion import Blob, Box
from hnuiseg.cohorts.synthetic.painting import Painted, painted
from hnuiseg.cohorts.synthetic.posture import Field, Posture, looked_up
from hnuiseg.cohorts.synthetic.scanner import Scanner
from hnuiseg.cohorts.synthetic.source import RealCt, real_ct
from hnuiseg.cohorts.synthetic.uptake import Uptake, drawn_uptake, with_lesions
from hnuiseg.dicom import SuvFactor
from hnuiseg.errors import InputRefused
from hnuiseg.study import IGNORE, Case, PetImage, Provenance, case_of_ct
from hnuiseg.volume import Grid, Volume, body_box, covered, resample

_PURPOSE = 0x53594E54  # "SYNT": keeps these draws apart from any other use of the same seed
_DISEASE, _PAINT, _UPTAKE, _STAGING = range(4)
_MARGIN_MM = 12.0  # of air round the body
_AIR_HU = -1000.0
_IGNORED_HU = (-200.0, 250.0)  # soft tissue: real disease can't be in air or bone
_LOW_DOSE_HU = (3.0, 8.0)  # noise that a staging CT has more than a planning CT (our choice)

Labels = UInt8[np.ndarray, "z y x"]


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Everything about a patient, on the coarse grid of the real CT."""

    real: RealCt
    lesions: tuple[Lesion, ...]
    art: Painted
    uptake: Uptake
    scanner: Scanner
    activity: Float[np.ndarray, "z y x"]  # SUV as the scanner blurs it, lesions included
    seed: int

    def generator(self, purpose: int) -> np.random.Generator:
        """Of this patient alone, whatever came before."""
        return _generator(self.seed, self.real.patient, purpose)


def planted(files: PatientFiles, seed: int) -> Planted:
    """The same files and seed give the same patient.

    InputRefused where the CT can't carry planted disease, or no place for any was found.
    """
    real = real_ct(files)
    lesions = drawn_disease(real, _generator(seed, real.patient, _DISEASE))
    if not lesions:
        raise InputRefused(
            "no place for a primary or a node was found",
            "a high-dose target beside the airway",
            "leave this patient out",
        )
    art = painted(real, lesions, _generator(seed, real.patient, _PAINT))
    generator = _generator(seed, real.patient, _UPTAKE)
    uptake = drawn_uptake(real, lesions, art, generator)
    scanner = Scanner.drawn(generator)
    grid = real.ct.grid
    normal = scanner.blurred(uptake.normal, grid)
    alone = [scanner.blurred(one, grid) for one in uptake.of_lesions]
    activity = scanner.blurred(with_lesions(uptake, lesions, alone, normal), grid)
    return Planted(real, lesions, art, uptake, scanner, activity, seed)


def planning_case(made: Planted) -> AnnotatedCase:
    """The CT alone, in the position in which the real patient lay."""
    real, grid = made.real, _fine(made.real.ct)
    hu = resample(Volume(made.art.hu, real.ct.grid, "HU"), grid).array
    labels = _labels(made, grid, None, hu, ())
    provenance = Provenance("files", f"semi-synthetic planning CT of {real.patient}", None)
    return _annotated(made, case_of_ct(_as_stored(hu, grid), provenance), labels, grid)


def staging_case(made: Planted) -> AnnotatedCase:
    """PET and CT of another day: in another position, the CT noisier, decoys known as such."""
    real, grid = made.real, _fine(made.real.ct)
    generator = made.generator(_STAGING)
    posture = Posture.drawn(real.ct.grid, real.places, generator)
    places = posture.on(grid).places()
    noise = generator.standard_normal(real.ct.grid.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, 0.5)
    noise *= float(generator.uniform(*_LOW_DOSE_HU)) / noise.std()
    noise[~real.places.body] = 0.0
    hu = looked_up(made.art.hu + noise, real.ct.grid, places, outside=_AIR_HU)
    labels = _labels(made, grid, places, hu, tuple(decoy.blob for decoy in made.uptake.decoys))
    provenance = Provenance(
        "files",
        f"semi-synthetic staging CT of {real.patient}",
        f"semi-synthetic PET of {real.patient}",
    )
    case = case_of_ct(_as_stored(hu, grid), provenance)
    coarse = looked_up(made.activity, real.ct.grid, posture.places(), outside=0.0)
    native = made.scanner.image(Volume(coarse, real.ct.grid, "g/ml"), generator)
    suv = SuvFactor((1.0,), "SUV", "semi-synthetic, made in SUVbw", None, None, None, False)
    pet = PetImage(resample(native, grid), covered(native.grid, grid), native, suv)
    notices = tuple(notice for notice in case.notices if notice.code != "ct-only")
    return _annotated(made, replace(case, pet=pet, notices=notices), labels, grid)


def _generator(seed: int, patient: str, purpose: int) -> np.random.Generator:
    key = [_PURPOSE, seed, int.from_bytes(patient.encode()), purpose]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def _annotated(made: Planted, case: Case, labels: Labels, grid: Grid) -> AnnotatedCase:
    told = tuple(
        f"{'GTVp' if one.value == GTVP else 'GTVn'} planted, {one.where}, "
        f"{2 * one.blob.radius_mm:.0f} mm, SUVmax {one.suv_max:.1f}"
        for one in made.lesions
    )
    return AnnotatedCase(case, Volume(labels, grid, "label"), told)


def _fine(ct: Volume) -> Grid:
    """In-plane spacing of at most 1.5 mm, round the body."""
    dz, dy, dx = ct.grid.spacing
    box = body_box(ct, _MARGIN_MM)
    coarse = ct.grid.cropped(
        (box[0].start, box[1].start, box[2].start),
        (box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start),
    )
    y, x = (float(s / np.ceil(s / ranges.FINEST_MM)) for s in (dy, dx))
    return coarse.resized((dz, y, x))


def _as_stored(hu: Float[np.ndarray, "z y x"], grid: Grid) -> Volume:
    """Whole HU, as scanners store them."""
    return Volume(np.clip(np.round(hu), -1024, 3071).astype(np.int16), grid, "HU")


def _labels(
    made: Planted,
    grid: Grid,
    places: Field | None,
    hu: Float[np.ndarray, "z y x"],
    decoys: Sequence[Blob],
) -> Labels:
    """0, 1, 2, and 255 for soft tissue in the real patient's targets, where real disease may be.

    `places` is where each voxel lies in the planning position; None: there. What is known again:
    lesions, a shell round each and decoys.
    """
    real = made.real
    labels = np.zeros(grid.shape, dtype=np.uint8)
    targets = _seen(real.targets.astype(np.float32), real.ct.grid, grid, places) >= 0.5
    low, high = _IGNORED_HU
    labels[targets & (hu > low) & (hu < high)] = IGNORE
    for blob in decoys:
        box, level = _level(blob, grid, places, 0.0)
        labels[box][level <= 1.0] = 0
    drawn = []
    for lesion in made.lesions:
        box, level = _level(lesion.blob, grid, places, ranges.SHELL_MM + 2.0)
        closed = _seen(made.art.closed, real.ct.grid, grid, places, box)
        inside = (level <= 1.0) & (closed < 0.5)
        drawn.append((box, inside, lesion.value))
        if inside.any():
            away = ndimage.distance_transform_edt(~inside, sampling=grid.spacing)
            labels[box][away <= ranges.SHELL_MM] = 0
    for value in (GTVP, GTVN):  # where both meet, GTVn wins (HECKTOR)
        for box, inside, own in drawn:
            if own == value:
                labels[box][inside] = value
    return labels


def _level(
    blob: Blob, grid: Grid, places: Field | None, margin_mm: float
) -> tuple[Box, Float[np.ndarray, "z y x"]]:
    """A blob's level in the box that holds it and a margin."""
    if places is None:
        box = blob.box(grid, margin_mm)
        z, y, x = (
            (grid.origin[2 - axis] + d * np.arange(s.start, s.stop)).astype(np.float32)
            for axis, (s, d) in enumerate(zip(box, grid.spacing, strict=True))
        )
        return box, blob.level(x[None, None, :], y[None, :, None], z[:, None, None])
    # thinned: a field that bends over centimetres; a voxel's neighbours lie within 4 mm of it
    reach = blob.reach_mm + margin_mm + 4.0
    close = np.logical_and.reduce(
        [
            np.abs(a - c) <= reach
            for a, c in zip(places[:, ::2, ::3, ::3], blob.centre[::-1], strict=True)
        ]
    )
    sides = []
    for axis, (step, n) in enumerate(zip((2, 3, 3), grid.shape, strict=True)):
        found = np.flatnonzero(close.any(axis=tuple(k for k in range(3) if k != axis))) * step
        low, high = (int(found[0]), int(found[-1]) + step) if len(found) else (0, 0)
        sides.append(slice(min(low, n), min(high, n)))
    box = (sides[0], sides[1], sides[2])
    part = places[(slice(None), *box)]
    return box, blob.level(part[2], part[1], part[0])


def _seen(
    values: Float[np.ndarray, "z y x"],
    coarse: Grid,
    grid: Grid,
    places: Field | None,
    box: Box | None = None,
) -> Float[np.ndarray, "a b c"]:
    """Values of the coarse grid on the fine one, or in a box of it."""
    z, y, x = box or tuple(slice(0, n) for n in grid.shape)
    if places is not None:
        return looked_up(values, coarse, places[:, z, y, x], outside=0.0)
    shape = (z.stop - z.start, y.stop - y.start, x.stop - x.start)
    if 0 in shape:
        return np.zeros(shape, dtype=np.float32)
    part = grid.cropped((z.start, y.start, x.start), shape)
    found: Float[np.ndarray, "a b c"] = resample(Volume(values, coarse, "label"), part).array
    return found
