"""From what a user points at to a `Case`: choosing series, gates and warnings."""

from hnuiseg.study.case import Case, Notice, PetImage, Provenance
from hnuiseg.study.field import searched
from hnuiseg.study.inspection import (
    Inspection,
    SeriesSummary,
    SuvSummary,
    inspect_files,
    inspect_study,
)
from hnuiseg.study.labels import (
    IGNORE,
    TRUTH_VALUES,
    LabelMap,
    on_grid,
    read_labels,
    side_by_side,
    widened,
)
from hnuiseg.study.location import Outline
from hnuiseg.study.options import Stated
from hnuiseg.study.read import case_of_ct, read_files, read_study

__all__ = [
    "IGNORE",
    "TRUTH_VALUES",
    "Case",
    "Inspection",
    "LabelMap",
    "Notice",
    "Outline",
    "PetImage",
    "Provenance",
    "SeriesSummary",
    "Stated",
    "SuvSummary",
    "case_of_ct",
    "inspect_files",
    "inspect_study",
    "on_grid",
    "read_files",
    "read_labels",
    "read_study",
    "searched",
    "side_by_side",
    "widened",
]
