"""Training methods (`paper`, `plus`) and sizes (`full`, `mini`): all numbers that decide.

Recipe and scale are independent: results name both. Where the paper leaves a number open,
docs/paper.md says what was chosen and why.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hnuiseg.errors import WrongCall
from hnuiseg.interaction import Placement
from hnuiseg.models import AVAILABILITY, BEFORE, FULL, MINI, ModelSettings
from hnuiseg.training.intensity import Intensity

STAGES = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained. Tuples by stage: 1 pre-training, 2 automatic, 3 interactive."""

    name: str
    epochs: int = 300  # of each stage
    warm_up_epochs: int = 10
    rate_of_stage: tuple[float, float, float] = (1.0, 0.3, 0.3)  # times the scale's learning rate
    weight_decay: float = 1e-4
    clip_norm: float = 12.0  # of the gradient
    around_tumour: float = 0.5  # share of patches that hold a voxel of tumour; others: of the body
    turned: float = 0.5  # share of patches
    most_degrees: float = 15.0
    mirrored: float = 0.5  # share of patches, left to right: no other mirror gives a patient
    intensity: Intensity = field(default_factory=Intensity)
    prompted: tuple[float, float, float] = (0.5, 0.0, 1.0)  # share of patches with clicks
    validate_every: int = 25  # epochs
    every_scale: bool = False  # the decoder's coarser answers are held to the truth too
    absent_ml: float = 0.0  # invented of a class that a patch lacks: so much costs half its Dice
    lesions: float = 0.0  # weight of every lesion's own Dice, to that of the classes'
    rounds: int = 0  # most rounds of corrections a patch; 0: clicks are drawn from labels, once
    placement: Placement = field(default_factory=Placement)  # of clicks in rounds
    each_lesion: float = 0.0  # share of first rounds with a click in every lesion, right or wrong
    pet_hidden: float = 0.0  # share of patches that lose their PET
    pet_shift_mm: float = 0.0  # standard deviation along each axis, CT against PET
    extra_channels: tuple[str, ...] = ()
    click_encoding: str = "ball"

    def to_json(self) -> dict[str, Any]:
        """For the record beside the weights."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is; the same for every method that is compared."""

    name: str
    settings: ModelSettings
    patch: tuple[int, int, int]  # z, y, x; voxels
    batch: int  # patches a step, over all devices together
    learning_rate: float
    steps_an_epoch: int | None  # None: until every case was seen once
    hold_from: float  # of the steps: batch normalisation then keeps what it has found

    def to_json(self) -> dict[str, Any]:
        """For the record beside the weights."""
        return asdict(self)


PAPER = Recipe("paper")
"""The paper's method (sections 2.2, 2.3, 3.2)."""

PLUS = Recipe(
    "plus",
    prompted=(0.6, 0.0, 0.6),  # the others keep the automatic answer good
    every_scale=True,
    absent_ml=4.0,
    lesions=0.5,
    rounds=3,
    each_lesion=0.3,
    pet_hidden=0.25,
    pet_shift_mm=2.0,  # rigid registration leaves about 5 mm, non-rigid 3 (Ireland 2007)
    extra_channels=(AVAILABILITY, *BEFORE),
    click_encoding="edt",
)
"""Corrections of the network's own answers; a PET that may be missing or off; channels for both."""

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (PAPER, PLUS)}

SCALES: dict[str, Scale] = {
    "full": Scale(
        "full",
        FULL,
        patch=FULL.window,
        batch=2,  # one patch on each of two GPUs (section 3.3)
        learning_rate=3e-4,
        steps_an_epoch=None,
        hold_from=1.0,
    ),
    "mini": Scale(
        "mini",
        MINI,
        patch=(48, 64, 64),  # 144 × 192 × 192 mm: what a tumour is depends on what lies far around
        batch=2,
        learning_rate=1e-3,
        steps_an_epoch=16,
        hold_from=0.7,
    ),
}


def sized(recipe: Recipe, scale: Scale) -> Scale:
    """The scale with the network inputs that the recipe adds."""
    settings = scale.settings
    inputs = {"inputs": len(settings.channels) + len(recipe.extra_channels)}
    return replace(
        scale,
        settings=replace(
            settings,
            network_settings=settings.network_settings | (inputs if recipe.extra_channels else {}),
            extra_channels=recipe.extra_channels,
            click_encoding=recipe.click_encoding,
        ),
    )


def recipe_named(name: str) -> Recipe:
    """A recipe by name; WrongCall for another name."""
    if name not in RECIPES:
        raise WrongCall(f"no recipe is called {name!r}", ", ".join(RECIPES), "name one of these")
    return RECIPES[name]


def scale_named(name: str) -> Scale:
    """A scale by name; WrongCall for another name."""
    if name not in SCALES:
        raise WrongCall(f"no scale is called {name!r}", ", ".join(SCALES), "name one of these")
    return SCALES[name]
