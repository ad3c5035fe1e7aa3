"""Robot users by name."""

from collections.abc import Callable, Mapping
from typing import Any

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.robots.autopet_iv import AutopetIV
from hnuiseg.interaction.robots.cvpr_2025 import Cvpr2025
from hnuiseg.interaction.robots.each_lesion import EachLesion
from hnuiseg.interaction.robots.human import Human
from hnuiseg.interaction.robots.inventions_first import InventionsFirst
from hnuiseg.interaction.robots.largest_error import LargestError
from hnuiseg.interaction.robots.predicted_places import PredictedPlaces
from hnuiseg.interaction.robots.ten_clicks import TenClicks
from hnuiseg.interaction.scene import Robot

ROBOTS: Mapping[str, Callable[..., Robot]] = {
    "each-lesion": EachLesion,
    "ten-clicks": TenClicks,
    "largest-error": LargestError,
    "cvpr-2025": Cvpr2025,
    "autopet-iv": AutopetIV,
    "human": Human,
    "predicted-places": PredictedPlaces,
    "inventions-first": InventionsFirst,
}


def robot(name: str, **settings: Any) -> Robot:
    """The robot of that name, with its own settings unless others are given.

    WrongCall for a name or a setting that isn't known.
    """
    if name not in ROBOTS:
        raise WrongCall(f"no robot is called {name!r}", ", ".join(ROBOTS), "choose one of these")
    try:
        return ROBOTS[name](**settings)
    except TypeError as error:
        raise WrongCall(
            f"robot {name} with {', '.join(settings)}",
            "settings of its own",
            "see the fields of its class",
        ) from error
