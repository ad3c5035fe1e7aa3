"""The semi-synthetic cohort: disease planted in real planning CTs of heads and necks."""

from collections.abc import Callable
from pathlib import Path

from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, ListedCase
from hnuiseg.cohorts.openkbp import LICENCE
from hnuiseg.cohorts.openkbp_files import PatientFiles, stored_patients
from hnuiseg.cohorts.synthetic.patient import Planted, planning_case, planted, staging_case

KIND = "synthetic"
PEOPLE = "openkbp"
CLASSES = ("GTVp", "GTVn")


def synthetic(folder: Path, seed: int) -> Cohort:
    """Two cases of every patient of OpenKBP below `folder` whose CT can carry disease.

    The patients are OpenKBP's own: a split of that set holds for this one. InputRefused where no
    patient is found; who is left out says why when read.
    """
    found, left_out = stored_patients(folder)
    cases = []
    for files in found:
        last = _Last(files, seed)
        for name, make in (("PLAN", planning_case), ("STAGING", staging_case)):
            cases.append(
                ListedCase(
                    f"{files.patient}-{name}",
                    files.patient,
                    "",
                    (files.place,),
                    last.reader(make),
                    f"seed {seed}",
                )
            )
    licence = f"{LICENCE}; disease is synthetic"
    return Cohort(KIND, licence, True, CLASSES, tuple(cases), left_out, PEOPLE)


class _Last:
    """A patient, planted once for both cases and forgotten after the second."""

    def __init__(self, files: PatientFiles, seed: int) -> None:
        self._files = files
        self._seed = seed
        self._made: Planted | None = None

    def reader(self, make: Callable[[Planted], AnnotatedCase]) -> Callable[[], AnnotatedCase]:
        def read() -> AnnotatedCase:
            made, self._made = self._made or planted(self._files, self._seed), None
            if make is planning_case:
                self._made = made
            return make(made)

        return read
