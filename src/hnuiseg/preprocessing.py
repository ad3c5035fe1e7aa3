"""Named intensity schemes: the paper's section 3.2 and every variant of its Tables 3 and 4.

A scheme clips (where the paper does) and then scales by a constant of its own, so that a value
means the same in every patient; only `zscore` looks at the scan. The paper names the clipping
but not the scaling; the constants are our choice. With each CT scheme air (-1000 HU) is -1.

| CT scheme     | clipped to HU | scaled          | in the paper          |
|---------------|---------------|-----------------|-----------------------|
| `raw`         | -             | HU / 1000       | Table 3, CT-HU (raw)  |
| `window_soft` | [-200, 400]   | (HU - 100) / 300| Table 3               |
| `window_wide` | [-1024, 3071] | HU / 1000       | Table 3; its choice   |

| PET scheme    | clipped to    | scaled                        | in the paper         |
|---------------|---------------|-------------------------------|----------------------|
| `bq`          | -             | Bq/ml / 10,000                | Table 4, PET-Bq (raw)|
| `suv_raw`     | -             | SUVbw / 3                     | Table 4              |
| `zscore`      | -             | (SUVbw - mean) / sd of scan   | Table 4              |
| `suv_0_50`    | [0, 50] g/ml  | SUVbw / 3                     | Table 4; its choice  |
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped

from hnuiseg.dicom import SuvFactor
from hnuiseg.errors import InputRefused, WrongCall

_AIR_HU = -1000.0  # by the definition of the Hounsfield unit


@dataclass(frozen=True, slots=True)
class Scheme:
    """Clip to `window`, then (value - centre) / scale."""

    window: tuple[float, float] | None
    centre: float
    scale: float


CT_SCHEMES: dict[str, Scheme] = {
    "raw": Scheme(None, 0.0, 1000.0),
    "window_soft": Scheme((-200.0, 400.0), 100.0, 300.0),
    "window_wide": Scheme((-1024.0, 3071.0), 0.0, 1000.0),
}
"""CT schemes by name; values in HU."""

PET_SCHEMES: dict[str, Scheme | None] = {
    "bq": Scheme(None, 0.0, 10_000.0),
    "suv_raw": Scheme(None, 0.0, 3.0),
    "zscore": None,  # centre and scale are the scan's own
    "suv_0_50": Scheme((0.0, 50.0), 0.0, 3.0),
}
"""PET schemes by name; values in SUVbw (g/ml), for `bq` in Bq/ml."""


def prepare_ct(hu: Shaped[np.ndarray, "*space"], scheme: str) -> Float[np.ndarray, "*space"]:
    """HU scaled as the scheme says, float32. WrongCall for an unknown scheme."""
    return _scaled(hu, _known_ct(scheme))


def ct_padding(scheme: str) -> float:
    """Scaled value of air: what padding and the corners of a rotated image hold."""
    return float(prepare_ct(np.array([_AIR_HU]), scheme)[0])


def prepare_pet(
    suv: Shaped[np.ndarray, "*space"],
    coverage: Bool[np.ndarray, "*space"],
    scheme: str,
    *,
    bq_per_suv: float | None = None,
) -> Float[np.ndarray, "*space"]:
    """SUVbw (g/ml) scaled as the scheme says, float32; 0 outside the coverage, after scaling.

    `zscore` takes mean and standard deviation over covered voxels (all 0 where nothing varies).
    `bq` multiplies by `bq_per_suv`, from the function of that name, and is refused without it:
    a PET whose slices have different factors, or whose units aren't Bq/ml, has no one number
    that leads back. WrongCall for an unknown scheme.
    """
    if scheme not in PET_SCHEMES:
        raise _unknown("PET", scheme, list(PET_SCHEMES))
    if scheme == "bq":
        if bq_per_suv is None:
            raise InputRefused(
                "this PET has no single factor back to Bq/ml, which scheme bq needs",
                "a PET in Bq/ml with one SUV factor for all slices",
                "use a model with another PET scheme, or --ct-only",
            )
        suv = suv * np.float32(bq_per_suv)
    known = PET_SCHEMES[scheme]
    scaled = _scaled(suv, _standardised(suv, coverage) if known is None else known)
    scaled[~coverage] = 0.0
    return scaled


def suv_again(
    scaled: Float[np.ndarray, "*space"], scheme: str
) -> Float[np.ndarray, "*space"] | None:
    """SUVbw (g/ml) of a scaled PET, as far as it wasn't clipped; None for schemes by scan or Bq."""
    known = PET_SCHEMES.get(scheme)
    if known is None or scheme == "bq":
        return None
    suv: Float[np.ndarray, "*space"] = scaled * np.float32(known.scale) + np.float32(known.centre)
    return suv


def bq_per_suv(suv: SuvFactor) -> float | None:
    """Bq/ml per g/ml, where one number holds for the whole PET; None elsewhere."""
    one = set(suv.factors)
    if suv.units not in ("BQML", "Bq/ml") or len(one) != 1:
        return None
    return 1.0 / one.pop()


def images_for_network(
    ct: Shaped[np.ndarray, "z y x"],
    pet: Shaped[np.ndarray, "z y x"] | None,
    coverage: Bool[np.ndarray, "z y x"] | None,
    ct_scheme: str,
    pet_scheme: str,
    *,
    bq_per_suv: float | None = None,
) -> Float[np.ndarray, "2 z y x"]:
    """The network's image channels, CT then PET, float32.

    CT in HU, PET in SUVbw on the same grid. A missing PET is 0 everywhere, and a PET is 0
    outside its coverage (None: it covers everything), both after scaling.
    """
    images = np.zeros((2, *ct.shape), dtype=np.float32)
    images[0] = prepare_ct(ct, ct_scheme)
    if pet is not None:
        reached = np.ones(pet.shape, dtype=bool) if coverage is None else coverage
        images[1] = prepare_pet(pet, reached, pet_scheme, bq_per_suv=bq_per_suv)
    elif pet_scheme not in PET_SCHEMES:
        raise _unknown("PET", pet_scheme, list(PET_SCHEMES))
    return images


def _scaled(values: Shaped[np.ndarray, "*space"], scheme: Scheme) -> Float[np.ndarray, "*space"]:
    scaled = np.array(values, dtype=np.float32)
    if scheme.window is not None:
        np.clip(scaled, *scheme.window, out=scaled)
    scaled -= np.float32(scheme.centre)
    scaled /= np.float32(scheme.scale)
    return scaled


def _standardised(
    suv: Shaped[np.ndarray, "*space"], coverage: Bool[np.ndarray, "*space"]
) -> Scheme:
    reached = suv[coverage].astype(np.float64)  # float32 sums drift over 10^8 voxels
    if reached.size == 0:
        return Scheme(None, 0.0, 1.0)
    deviation = float(reached.std())
    return Scheme(None, float(reached.mean()), deviation if deviation > 0 else 1.0)


def _known_ct(scheme: str) -> Scheme:
    if scheme not in CT_SCHEMES:
        raise _unknown("CT", scheme, list(CT_SCHEMES))
    return CT_SCHEMES[scheme]


def _unknown(modality: str, scheme: str, known: list[str]) -> WrongCall:
    return WrongCall(
        f"no {modality} scheme is called {scheme!r}", ", ".join(known), "name one of these"
    )
