"""What a model reaches on phantoms it has never seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hnuiseg.cohorts.phantom import Variant, phantom, phantom_case
from hnuiseg.evaluation import CohortTable, evaluate_many
from hnuiseg.inference import PredictOptions, predict
from hnuiseg.models import ModelFile
from hnuiseg.volume import Volume

FRESH_SEED = 900_001  # the cohort that figures are measured on; no training may use it
NAMES = ("GTVp", "GTVn")


@dataclass(frozen=True, slots=True, eq=False)
class PhantomFigures:
    """Tables over the same patients, with their PET and from the CT alone."""

    with_pet: CohortTable
    ct_only: CohortTable

    def to_json(self) -> dict[str, object]:
        """Both tables, patient by patient."""
        return {"with PET": self.with_pet.to_json(), "CT only": self.ct_only.to_json()}

    def for_card(self) -> dict[str, float]:
        """Mean Dice by class and kind of scan, rounded to three places."""
        found = {}
        for kind, table in (("PET/CT", self.with_pet), ("CT only", self.ct_only)):
            for name in NAMES:
                found[f"mean DSC {name}, {kind}"] = round(table.mean(name, "dsc").value, 3)
        return found


def phantom_figures(
    model: ModelFile,
    patients: int,
    seed: int = FRESH_SEED,
    told: Callable[[int, int], None] | None = None,
) -> PhantomFigures:
    """Measure on `patients` fresh phantoms: one pass without dropout or transforms.

    The CT-only table uses the same patients with the PET left out, so the two are paired.
    """
    pairs: dict[bool, list[tuple[Volume, Volume]]] = {True: [], False: []}
    if told is not None:
        told(0, patients)
    for index in range(patients):
        made = phantom(seed, index, variant=Variant(pet=True))
        case = phantom_case(made)
        for kind in (True, False):
            shown = case if kind else replace(case, pet=None)
            found = predict(shown, model, PredictOptions(uncertainty=False, exact=True))
            labels = Volume(np.asarray(found.labels), made.ct.grid, "label")
            pairs[kind].append((labels, made.truth))
        if told is not None:
            told(index + 1, patients)
    return PhantomFigures(evaluate_many(pairs[True]), evaluate_many(pairs[False]))
