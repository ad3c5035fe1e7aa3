"""A real planning CT to plant disease in: HU on the patient's own scale, targets and organs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import signal

from hnuiseg.cohorts.openkbp import HIGHEST
from hnuiseg.cohorts.openkbp_files import OFFSET_HU, PatientFiles
from hnuiseg.cohorts.synthetic.landmarks import REGIONS, Landmarks, landmarks
from hnuiseg.cohorts.synthetic.ranges import LEAST_EXTENT_MM
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Volume, body_mask

TARGETS = ("PTV56", "PTV63", "PTV70")
FAT_HU, MUSCLE_HU = -94.0, 41.0  # median peaks of 230 patients, less 1000
_BODY_VOXELS = 200  # in a slice that counts as covered
_FURTHEST_HU = 40.0  # from its place that a peak is looked for
_BIN_HU = 4.0

Mask = Bool[np.ndarray, "z y x"]


@dataclass(frozen=True, slots=True, eq=False)
class RealCt:
    """Axial: z to the head, y to the back, x to the left; origin at the first voxel."""

    patient: str
    ct: Volume  # HU, anchored
    offset_hu: float  # that anchoring added
    targets: Mask  # of any dose
    high_dose: Mask  # PTV70
    organs: Mapping[str, Mask]
    places: Landmarks


def real_ct(files: PatientFiles) -> RealCt:
    """InputRefused where it can't be read, covers too little or lacks what disease is placed by."""
    found = files.read((*TARGETS, *REGIONS))
    hu = np.minimum(found.values, HIGHEST) - np.float32(OFFSET_HU)
    extent = covered_mm(hu, found.grid.spacing[0])
    if extent < LEAST_EXTENT_MM:
        raise InputRefused(
            f"{extent:.0f} mm of the patient are covered, from feet to head",
            f"at least {LEAST_EXTENT_MM:.0f} mm",
            "leave this patient out",
        )
    targets = [found.masks[name] for name in TARGETS if name in found.masks]
    if "PTV70" not in found.masks or not found.masks["PTV70"].any():
        raise InputRefused("there is no PTV70", "a CT with its targets", "copy it again")
    body = body_mask(Volume(hu, found.grid, "HU"))
    offset = anchoring(hu[body])
    # outside the image stays air
    anchored = np.where(hu > -990.0, hu + np.float32(offset), hu).astype(np.float32)
    ct = Volume(anchored, found.grid, "HU")
    organs = {name: mask for name, mask in found.masks.items() if name in REGIONS}
    return RealCt(
        files.patient,
        ct,
        offset,
        np.logical_or.reduce(targets),
        found.masks["PTV70"],
        organs,
        landmarks(ct, organs),
    )


def covered_mm(hu: Float[np.ndarray, "z y x"], dz: float) -> float:
    """Slices with more than 200 voxels of body, in mm."""
    return float(((hu > -500.0).sum(axis=(1, 2)) > _BODY_VOXELS).sum() * dz)


def anchoring(hu: Float[np.ndarray, " n"]) -> float:
    """What is to be added so that fat and muscle lie where they do in most patients.

    The mean of what the two peaks are off, as one shift: a scale of its own for each patient would
    undo what contrast agents do. A peak that isn't found (lean patients have none of fat) has no
    say; 0 without any.
    """
    edges = np.arange(-220.0, 200.0 + _BIN_HU, _BIN_HU)
    counts = np.convolve(np.histogram(hu, edges)[0], np.ones(5) / 5, mode="same")
    tops, _ = signal.find_peaks(counts)
    middles = (edges[:-1] + edges[1:]) / 2
    off = []
    for place in (FAT_HU, MUSCLE_HU):
        near = tops[np.abs(middles[tops] - place) <= _FURTHEST_HU]
        if len(near):
            off.append(place - float(middles[near[counts[near].argmax()]]))
    return float(np.mean(off)) if off else 0.0
