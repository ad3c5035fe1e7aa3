"""A patient's build: weights that are believed, and what other kinds of SUV divide by.

Source of the formulas: IBSI, "Standardizing SUV computation".
"""

from collections.abc import Callable

from hnuiseg.errors import WrongCall

Formula = Callable[[float, float], float]  # of weight in kg and height in cm

# From a child of about six years to beyond what the table of a scanner bears.
WEIGHTS_KG = (20.0, 400.0)

# SUV Type (0054,1006) → kg for men, kg for women
MASSES_KG: dict[str, tuple[Formula, Formula]] = {
    "LBM": (
        lambda w, h: 1.10 * w - 120.0 * (w / h) ** 2,
        lambda w, h: 1.07 * w - 148.0 * (w / h) ** 2,
    ),
    "LBMJAMES128": (
        lambda w, h: 1.10 * w - 128.0 * (w / h) ** 2,
        lambda w, h: 1.07 * w - 148.0 * (w / h) ** 2,
    ),
    "LBMJANMA": (
        lambda w, h: 9270.0 * w / (6680.0 + 216.0 * w / (h / 100.0) ** 2),
        lambda w, h: 9270.0 * w / (8780.0 + 244.0 * w / (h / 100.0) ** 2),
    ),
    "IBW": (
        lambda _, h: 48.0 + 1.06 * (h - 152.0),
        lambda _, h: 45.5 + 0.91 * (h - 152.0),
    ),
}


def believable(weight_kg: float) -> bool:
    """Whether somebody who is scanned can weigh this much; not so for what isn't a number."""
    return WEIGHTS_KG[0] <= weight_kg <= WEIGHTS_KG[1]


def check_stated_weight(weight_kg: float | None) -> None:
    """WrongCall where the user states a weight that nobody who is scanned can have."""
    if weight_kg is not None and not believable(weight_kg):
        raise WrongCall(
            f"--weight-kg {weight_kg:g}",
            f"a weight from {WEIGHTS_KG[0]:g} to {WEIGHTS_KG[1]:g} kg",
            "give the patient's weight at the scan, in kg",
        )


def surface_cm2(weight_kg: float, height_cm: float) -> float:
    """Surface of the body by Du Bois and Du Bois.

    >>> round(surface_cm2(70.0, 175.0))
    18481
    """
    return 1e4 * 0.007184 * height_cm**0.725 * weight_kg**0.425
