"""Prepared data sets of tiny phantoms, and a scale small enough to train in seconds."""

from collections.abc import Callable
from pathlib import Path

from hnuiseg.cohorts import AnnotatedCase, Cohort, ListedCase, phantom, phantom_case, prepare
from hnuiseg.models import ModelSettings
from hnuiseg.training.recipe import Recipe, Scale

TINY = Scale(
    "tiny",
    ModelSettings(
        network="resenc-compact",
        network_settings={},  # by instance: several processes then equal one
        ct_scheme="window_soft",
        pet_scheme="suv_0_50",
        working_spacing=(8.0, 8.0, 8.0),
        window=(16, 16, 16),
        dropout_rate=0.05,
    ),
    patch=(16, 16, 16),
    batch=2,
    learning_rate=1e-3,
    steps_an_epoch=3,
    hold_from=1.0,
)
SHORT = Recipe("paper", epochs=4, warm_up_epochs=1, validate_every=2)


class Killed(Exception):
    """As by kill -9: nothing is tidied up."""


def killed_after(step: int) -> Callable[[float, str], None]:
    """What is told of a training of 12 steps, and kills it."""

    def told(fraction: float, what: str) -> None:
        if "loss" in what and fraction * 12 >= step:
            raise Killed

    return told


def data_set(
    folder: Path, patients: int, *, kind: str = "made", seed: int = 21, people: str = ""
) -> Path:
    """Phantoms at a coarse spacing through `prepare`; the third has no PET."""

    def listed(index: int) -> ListedCase:
        def read() -> AnnotatedCase:
            made = phantom(seed, index, spacing=(8.0, 8.0, 8.0))
            case = phantom_case(made)
            if index == 2:
                case = type(case)(case.ct, None, (), case.provenance, None)
            return AnnotatedCase(case, made.truth)

        return ListedCase(f"case-{index}", f"P{index}", "", (), read)

    cases = tuple(listed(index) for index in range(patients))
    made = Cohort(kind, "none needed", True, ("GTVp", "GTVn"), cases, people=people)
    prepare(made, folder)
    return folder
