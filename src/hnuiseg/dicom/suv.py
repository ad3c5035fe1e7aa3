"""SUVbw from DICOM PET headers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SuvFactor:
    """How values after rescale become SUVbw (g/ml), and by which branch."""

    factors: tuple[float, ...]  # one per slice, or one for all; g/ml per unit after rescale
    units: str  # (0054,1001), or "SUV" / "Bq/ml" as stated for plain files
    branch: str  # words for the report: "BQML, START, series time", "GML, BW", …
    time_reference: str | None  # which reference time was used; None where none is needed
    elapsed_s: float | None  # injection to that time
    weight_kg: float | None
    weight_stated: bool  # by --weight-kg, rather than found in the header
    warnings: tuple[str, ...] = ()
