"""Every number of the semi-synthetic disease, with where it comes from; frozen before any training.

What no publication gives is our choice and says so. `realism.py` measures what comes out, and tests
hold it to the limits at the end of this file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class LogNormal:
    """exp of a normal number, drawn again where it leaves `low` to `high`."""

    median: float
    sd: float  # of the logarithm
    low: float
    high: float

    def of(self, normal: float) -> float:
        """The value at a standard normal number, kept within the limits."""
        return float(np.clip(self.median * np.exp(self.sd * normal), self.low, self.high))

    def draw(self, generator: np.random.Generator) -> float:
        """One by chance."""
        while True:
            value = float(self.median * np.exp(self.sd * generator.standard_normal()))
            if self.low <= value <= self.high:
                return value


@dataclass(frozen=True, slots=True)
class Level:
    """Where a neck level's nodes lie (Grégoire 2013), on the left, in mm.

    Offsets from the midline, to the front from the front of the spine, and a range of heights,
    each end counted from a landmark.
    """

    aside: float
    ahead: float
    low: tuple[str, float]
    high: tuple[str, float]


LEAST_EXTENT_MM = 150.0  # of body along z; less holds no neck from skull base to clavicle

# Disease. HECKTOR 2022 and 2026: 3 to 4 % have no primary, 11 to 15 % no nodes
NO_PRIMARY = 0.04
NO_NODES = 0.13
MOST_NODES = 6  # 90 % of dissections with nodes have no more than 5 to 6 (lyDATA)

PRIMARY_ML = LogNormal(18.0, 0.65, 3.0, 90.0)
"""GTV of primaries: means of 18 to 35 ml (Geets; Jager; Romesser 2014: 32.9), medians of 16 to 45
by response (PMC4949739)."""
LARGEST_NODE_MM = LogNormal(24.0, 0.35, 11.0, 60.0)
"""Largest diameter, 91 patients: median 24, from 11 to 108."""
OTHER_NODE_MM = LogNormal(15.0, 0.3, 8.0, 30.0)
"""Our choice, so that all nodes together have about the 8.9 ml (median) of the same 91 patients."""
NODES_IN_A_LEVEL = 1.35  # our choice: positive nodes, where any, number 2 in the median (lyDATA)

INVOLVED: Mapping[str, Mapping[str, float]] = {
    "oropharynx": {"I": 0.13, "II": 0.77, "III": 0.36, "IV": 0.13, "V": 0.08, "RP": 0.09},
    "hypopharynx": {"II": 0.67, "III": 0.49, "IV": 0.20, "V": 0.17},
    "larynx": {"II": 0.32, "III": 0.30, "IV": 0.07, "V": 0.15},
    "nasopharynx": {"II": 0.77, "III": 0.36, "IV": 0.13, "V": 0.17, "RP": 0.30},
}
"""Share of patients by site and level (lyDATA: 879, 55, 121); the nasopharynx is our choice."""
OTHER_SIDE: Mapping[str, float] = {
    "I": 0.25,
    "II": 0.25,
    "III": 0.2,
    "IV": 0.2,
    "V": 0.12,
    "RP": 0.3,
}
"""The opposite side's share of that (lyDATA, oropharynx: II 18 of 77, III 6 of 36, RP 3 of 9)."""
LEVELS: Mapping[str, Level] = {
    "I": Level(30.0, 36.0, ("hyoid", -2.0), ("hyoid", 14.0)),
    "II": Level(36.0, 2.0, ("hyoid", 4.0), ("hyoid", 40.0)),
    "III": Level(34.0, 3.0, ("cricoid", 0.0), ("hyoid", -2.0)),
    "IV": Level(38.0, -2.0, ("cricoid", -34.0), ("cricoid", -4.0)),
    "V": Level(52.0, -28.0, ("cricoid", -15.0), ("hyoid", 12.0)),
    "RP": Level(14.0, 3.0, ("hyoid", 34.0), ("hyoid", 56.0)),
}

# CT, in HU over the patient's own muscle. No published figure was found (tumour and muscle, with or
# without contrast); foreground of HECKTOR on mostly unenhanced CT: median 41, sd 47 (UMCU).
ENHANCEMENT_HU = LogNormal(28.0, 0.35, 10.0, 55.0)
UNEVEN_HU = 6.0  # slow variation within a lesion
NECROTIC_NODES = 0.56  # of patients with nodes; here of nodes above the diameter below
NECROTIC_FROM_MM = 16.0
NECROTIC_HU = (5.0, 28.0)  # of the core: between water and muscle
RIM_HU = (0.0, 14.0)  # by which the rim of a necrotic lesion enhances more
DISPLACED = (0.25, 0.6)  # share of its volume by which a lesion pushes aside rather than replaces
FAT_PLANES_LOST_MM = 4.0  # to which fat round a lesion is stranded

# PET
SUVMAX_PRIMARY = LogNormal(float(np.exp(2.50)), 0.49, 3.0, 43.0)  # HECKTOR 2022, 508 patients
SUVMAX_NODES = LogNormal(float(np.exp(2.17)), 0.60, 1.8, 36.0)  # hottest node, 464 patients
SUVMAX_CORRELATION = 0.20  # of the logarithms
COOLER_NODES = (0.35, 1.0)  # uptake of the others, to the hottest (our choice)
HARMONISED_FWHM_MM = (7.5, 9.0)  # meets all twelve recovery limits of EARL-1
MODERN_FWHM_MM = (5.0, 7.0)
HARMONISED = 0.6  # share of scanners (our choice)
NOISE = (0.06, 0.14)  # standard deviation at SUV 1, correlated over the scanner's blur
COVERAGE_CUT = 0.3  # share of PETs that end before the CT does, at one end (our choice)
COVERAGE_CUT_MM = (8.0, 45.0)

NORMAL_UPTAKE: Mapping[str, tuple[float, float]] = {
    "fat": (0.3, 0.05),
    "muscle": (0.75, 0.12),
    "marrow": (1.3, 0.25),
    "vessel": (1.7, 0.25),
    "brain": (6.5, 1.2),
    "cerebellum": (8.0, 1.2),
    "cord": (2.1, 0.25),
    "parotid": (1.9, 0.7),
    "submandibular": (2.1, 0.7),
    "sublingual": (3.0, 0.9),
    "tonsil": (3.5, 1.4),
    "lingual tonsil": (3.1, 0.9),
    "soft palate": (2.9, 0.8),
    "cords": (1.8, 0.7),
    "thyroid": (1.3, 0.4),
    "mylohyoid": (2.6, 0.6),
    "eye muscles": (3.5, 1.5),
    "oesophagus": (1.6, 0.4),
    "brown fat": (4.5, 2.0),
    "muscle in use": (2.8, 1.0),
}
"""SUV, mean and standard deviation between patients (Nakamoto 2005; Wang 2007); vessel, marrow,
brain cortex and muscles in use are our choice."""
MOST_NORMAL_SUV = 8.0  # tonsils: the upper limit of normal (Nucl Med Commun 2009)
RIGHT_TO_LEFT = 1.5  # ratio below which normal pairs stay (same)
BROWN_FAT = 0.08  # share of patients: 5 to 10 %
MUSCLE_IN_USE = 0.3  # share of patients with a muscle that was used (our choice)

# Position
MOST_FLEXION_DEG = 10.0  # nodding of up to 11 degrees was measured (2007)
MOST_SHIFT_MM = 10.0
BEND_MM = 2.5  # standard deviation of what is neither: non-rigid 2.8 to 3.2 (Ireland 2007)
PET_OFF_MM = 1.2  # standard deviation along each axis, PET against its own CT (our choice)

FINEST_MM = 1.5  # in-plane spacing of what is written, at most
SHELL_MM = 5.0  # round each lesion: known to be background

# What must come out (no short cuts to learn)
CONTRAST_HU = (10.0, 50.0)  # median over lesions: lesion minus soft tissue round it
MOST_CNR = 4.0  # median over lesions: that contrast by the standard deviation of the tissue
MOST_AUC_OF_HU = 0.85  # lesion against soft tissue of the neck, by HU alone
MOST_AUC_OF_TEXTURE = 0.6  # lesion against soft tissue round it, by what is left above a low pass
