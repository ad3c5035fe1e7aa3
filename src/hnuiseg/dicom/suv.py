"""SUVbw from DICOM PET headers.

Which way leads from stored values to SUVbw depends on Units (0054,1001):

BQML   activity: weight ÷ dose, the dose decayed as Decay Correction (0054,1102) says
CNTS   Philips: its private SUV factor, or its private activity factor and on as BQML
GML    an SUV already: of body weight, or brought to it from lean mass or ideal weight
CM2ML  an SUV of body surface, brought to body weight

Sources: QIBA FDG-PET/CT profile, vendor-neutral pseudo-code; IBSI, "Standardizing SUV
computation", whose 17 reference objects are tests here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pydicom

from hnuiseg.dicom.attributes import named, number, private_values, same_in_all, words
from hnuiseg.dicom.decay import (
    acquisition_moments,
    decay_reference,
    frame_seconds,
    half_life_s,
    since_injection_s,
    tracer,
)
from hnuiseg.dicom.physique import (
    MASSES_KG,
    WEIGHTS_KG,
    believable,
    check_stated_weight,
    surface_cm2,
)
from hnuiseg.dicom.series import StoredSeries
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Volume

_CT_ONLY = "segment from the CT alone with --ct-only"
_HEIGHTS_M = (0.3, 2.6)
# Doses as typed: becquerel, or megabecquerel in a field for becquerel. Under 30 it could
# be millicurie, between the ranges kilobecquerel; nothing unambiguous lies there.
_DOSES_BQ = (1e6, 1e10)
_DOSES_MBQ = (30.0, 1e4)
_OF_THE_INJECTION = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)


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
    sex_mean: bool = False  # the mean of both sexes' formulas was used, as --accept-sex-mean allows


@dataclass(frozen=True, slots=True)
class _Body:
    """The patient's weight where a branch needs it."""

    weight_kg: float
    stated: bool
    warnings: tuple[str, ...]


def suv_factor(
    headers: Sequence[pydicom.Dataset],
    weight_kg: float | None = None,
    *,
    accept_sex_mean: bool = False,
) -> SuvFactor:
    """What turns a PET series, after each slice's own rescale, into SUVbw (g/ml).

    `headers` are all slices, in the order in which per-slice factors shall come.
    `weight_kg` is the user's statement and goes before the header's. With
    `accept_sex_mean` the lean mass of a patient of sex "O" is the mean of both formulas,
    for which there is no consensus.

    Raises InputRefused, by the name of what is missing or unknown; nothing is assumed but
    an unambiguous slip of units, which is warned of. WrongCall for an impossible weight.
    """
    check_stated_weight(weight_kg)
    _corrected(headers)
    units = same_in_all(headers, "Units").upper()
    if units == "BQML":
        factor = _from_activity(headers, units, weight_kg)
    elif units == "CNTS":
        factor = _from_philips(headers, weight_kg)
    elif units == "GML":
        factor = _from_other_suv(headers, weight_kg, accept_sex_mean)
    elif units == "CM2ML":
        factor = _from_surface_suv(headers, weight_kg)
    else:
        raise InputRefused(
            f"PET in {named('Units')} {units!r}" if units else f"no {named('Units')} in the PET",
            "BQML, GML, CM2ML, or CNTS of Philips",
            f"have the PET exported in Bq/ml, or {_CT_ONLY}",
        )
    if weight_kg is not None and factor.weight_kg is None:
        said = "the weight stated with --weight-kg isn't needed, and wasn't used"
        factor = replace(factor, warnings=(*factor.warnings, said))
    return factor


def apply_suv(stored: StoredSeries, factor: SuvFactor) -> Volume:
    """A PET in SUVbw (g/ml) on its own grid, float32."""
    count = stored.grid.shape[0]
    if len(factor.factors) not in (1, count):
        raise InputRefused(
            f"{len(factor.factors)} SUV factors for {count} slices",
            "one, or one a slice",
            "take the factor from the headers of this series",
        )
    array = np.empty(stored.grid.shape, dtype=np.float32)
    for z in range(count):
        scale = factor.factors[z if len(factor.factors) > 1 else 0]
        array[z] = stored.array[z].astype(np.float64) * scale
    return Volume(array, stored.grid, "g/ml")


def suvbw_factor(weight_kg: float, dose_bq: float, half_life_s: float, elapsed_s: float) -> float:
    """Factor from activity concentration (Bq/ml) to SUVbw (g/ml).

    `elapsed_s` runs from injection to the time that decay is corrected to; 0 where Decay
    Correction (0054,1102) is ADMIN.

    >>> round(suvbw_factor(70.0, 350e6, half_life_s=6586.2, elapsed_s=3600.0), 9)
    0.000292127
    """
    return weight_kg * 1000.0 / (dose_bq * 2.0 ** (-elapsed_s / half_life_s))


def _corrected(headers: Sequence[pydicom.Dataset]) -> None:
    """Refuse a PET without attenuation or decay correction, or with an offset in rescale."""
    done = {words(h, "CorrectedImage") for h in headers}
    correction = same_in_all(headers, "DecayCorrection").upper()
    for corrected in done:
        if "ATTN" not in corrected:
            raise InputRefused(
                f"PET without attenuation correction: no ATTN in {named('CorrectedImage')}",
                "an attenuation-corrected PET",
                f"choose the corrected series, or {_CT_ONLY}",
            )
        if ("DECY" in corrected) == (correction == "NONE"):
            said = "DECY" if "DECY" in corrected else "no DECY"
            raise InputRefused(
                f"{said} in {named('CorrectedImage')}, but {named('DecayCorrection')} "
                f"{correction or 'missing'}",
                "DECY with START or ADMIN, or neither with NONE",
                f"correct the header, or {_CT_ONLY}",
            )
    offsets = [number(h, "RescaleIntercept") for h in headers]
    odd = [o for o in offsets if o]
    if odd:
        raise InputRefused(
            f"PET with {named('RescaleIntercept')} {odd[0]:g}",
            "0, as the standard asks (PS3.3 C.8.9.4)",
            f"export the series again, or {_CT_ONLY}",
        )


def _from_activity(
    headers: Sequence[pydicom.Dataset],
    units: str,
    weight_kg: float | None,
    bq_per_unit: tuple[float, ...] = (1.0,),
) -> SuvFactor:
    """Values that are Bq/ml, at once or after a factor."""
    body = _body(headers, weight_kg)
    items = [tracer((header,)) for header in headers]
    for keyword in _OF_THE_INJECTION:
        same_in_all(items, keyword)
    item = items[0]
    dose_bq, dose_warnings = _dose_bq(item)
    correction = same_in_all(headers, "DecayCorrection").upper()
    base = SuvFactor(
        factors=(1.0,),
        units=units,
        branch=f"{units}, {correction}",
        time_reference=None,
        elapsed_s=None,
        weight_kg=body.weight_kg,
        weight_stated=body.stated,
        warnings=(*body.warnings, *dose_warnings),
    )
    factors: tuple[float, ...]
    if correction == "ADMIN":
        factors = (suvbw_factor(body.weight_kg, dose_bq, 1.0, 0.0),)
    elif correction == "START":
        half_life, half_life_warnings = half_life_s(item)
        reference = decay_reference(headers, half_life)
        elapsed, warnings = since_injection_s(headers[0], reference.moment, half_life)
        factors = (suvbw_factor(body.weight_kg, dose_bq, half_life, elapsed),)
        base = replace(
            base,
            time_reference=reference.words,
            elapsed_s=elapsed,
            warnings=(*base.warnings, *half_life_warnings, *reference.warnings, *warnings),
        )
    elif correction == "NONE":
        base, factors = _uncorrected(headers, base, item, body.weight_kg, dose_bq)
    else:
        raise InputRefused(
            f"{named('DecayCorrection')} {correction!r}",
            "START, ADMIN or NONE",
            f"correct the header, or {_CT_ONLY}",
        )
    return replace(base, factors=_per_slice(factors, bq_per_unit))


def _uncorrected(
    headers: Sequence[pydicom.Dataset],
    base: SuvFactor,
    item: pydicom.Dataset,
    weight_kg: float,
    dose_bq: float,
) -> tuple[SuvFactor, tuple[float, ...]]:
    """Decay up to each frame's start, and during the frame, undone slice by slice."""
    half_life, warnings = half_life_s(item)
    acquired = acquisition_moments(headers)
    elapsed, more = since_injection_s(headers[0], min(acquired), half_life)
    factors = []
    for header, moment in zip(headers, acquired, strict=True):
        x = math.log(2) * frame_seconds(header) / half_life
        since = elapsed + (moment - min(acquired)).total_seconds()
        factors.append(suvbw_factor(weight_kg, dose_bq, half_life, since) * x / -math.expm1(-x))
    base = replace(
        base,
        time_reference="Acquisition Time (0008,0032) of each slice",
        elapsed_s=elapsed,
        warnings=(*base.warnings, *warnings, *more),
    )
    return base, tuple(factors)


def _per_slice(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    """Products, one for all slices if they agree."""
    length = max(len(a), len(b))
    products = [x * y for x, y in zip(_spread(a, length), _spread(b, length), strict=True)]
    return (products[0],) if len(set(products)) == 1 else tuple(products)


def _spread(values: tuple[float, ...], length: int) -> tuple[float, ...]:
    return values * length if len(values) == 1 else values


def _from_philips(headers: Sequence[pydicom.Dataset], weight_kg: float | None) -> SuvFactor:
    """Counts, made SUV or activity by one of two private factors."""
    to_suv = _philips_factors(headers, 0x00)
    if to_suv is not None:
        return SuvFactor(
            factors=_per_slice(to_suv, (1.0,)),
            units="CNTS",
            branch="CNTS, Philips SUV factor (7053,xx00)",
            time_reference=None,
            elapsed_s=None,
            weight_kg=None,
            weight_stated=False,
        )
    to_activity = _philips_factors(headers, 0x09)
    if to_activity is not None:
        factor = _from_activity(headers, "CNTS", weight_kg, to_activity)
        return replace(factor, branch=f"{factor.branch}, Philips activity factor (7053,xx09)")
    raise InputRefused(
        "PET in counts (CNTS) without a Philips factor (7053,xx00) or (7053,xx09)",
        "one of them in every slice, and not 0",
        f"have the PET exported in Bq/ml, or {_CT_ONLY}",
    )


def _philips_factors(headers: Sequence[pydicom.Dataset], element: int) -> tuple[float, ...] | None:
    """A private factor of every slice, or None where one is missing or not positive."""
    factors = []
    for header in headers:
        found = private_values(header, 0x7053, element, "Philips PET Private Group", "Philips")
        try:
            value = float(found[0]) if len(found) == 1 else 0.0
        except ValueError:
            value = 0.0
        if not (math.isfinite(value) and value > 0):
            return None
        factors.append(value)
    return tuple(factors)


def _from_other_suv(
    headers: Sequence[pydicom.Dataset], weight_kg: float | None, accept_sex_mean: bool
) -> SuvFactor:
    """SUV of body weight as it is, of lean mass or ideal weight brought to body weight."""
    kind = same_in_all(headers, "SUVType").upper()
    if kind in ("", "BW"):
        return SuvFactor(
            factors=(1.0,),
            units="GML",
            branch=f"GML, {kind or 'no SUV Type, so BW'}",
            time_reference=None,
            elapsed_s=None,
            weight_kg=None,
            weight_stated=False,
        )
    if kind not in MASSES_KG:
        raise InputRefused(
            f"PET in GML with {named('SUVType')} {kind!r}",
            f"BW, {', '.join(MASSES_KG)}",
            f"have the PET exported in Bq/ml, or {_CT_ONLY}",
        )
    body = _body(headers, weight_kg)
    height_cm, warnings = _height_cm(headers)
    sex = same_in_all(headers, "PatientSex").upper()
    men, women = (formula(body.weight_kg, height_cm) for formula in MASSES_KG[kind])
    sex_mean = sex == "O" and accept_sex_mean
    if sex_mean:
        mass = (men + women) / 2
        warnings = (
            *warnings,
            f"{named('PatientSex')} O: the mean of both formulas of {kind}, as was accepted",
        )
    elif sex in ("M", "F"):
        mass = men if sex == "M" else women
    else:
        raise InputRefused(
            f"{named('PatientSex')} {sex or 'missing'} with {named('SUVType')} {kind}, "
            "for which no formula is agreed",
            "M or F where the PET is scaled to lean mass or ideal weight",
            ("take the mean of both formulas with --accept-sex-mean, " if sex == "O" else "")
            + f"have the PET exported in Bq/ml, or {_CT_ONLY}",
        )
    if mass <= 0:
        raise InputRefused(
            f"{kind} of {mass:.1f} kg for {body.weight_kg:g} kg and {height_cm:g} cm",
            "a mass above 0 kg",
            f"correct weight and height in the header, or {_CT_ONLY}",
        )
    return SuvFactor(
        factors=(body.weight_kg / mass,),
        units="GML",
        branch=f"GML, {kind}, mean of both sexes" if sex_mean else f"GML, {kind}",
        time_reference=None,
        elapsed_s=None,
        weight_kg=body.weight_kg,
        weight_stated=body.stated,
        warnings=(*body.warnings, *warnings),
        sex_mean=sex_mean,
    )


def _from_surface_suv(headers: Sequence[pydicom.Dataset], weight_kg: float | None) -> SuvFactor:
    """SUV of body surface (cm²/ml) brought to body weight."""
    kind = same_in_all(headers, "SUVType").upper()
    if kind not in ("", "BSA"):
        raise InputRefused(
            f"PET in CM2ML with {named('SUVType')} {kind!r}",
            "BSA",
            f"have the PET exported in Bq/ml, or {_CT_ONLY}",
        )
    body = _body(headers, weight_kg)
    height_cm, warnings = _height_cm(headers)
    return SuvFactor(
        factors=(body.weight_kg * 1000.0 / surface_cm2(body.weight_kg, height_cm),),
        units="CM2ML",
        branch="CM2ML, BSA",
        time_reference=None,
        elapsed_s=None,
        weight_kg=body.weight_kg,
        weight_stated=body.stated,
        warnings=(*body.warnings, *warnings),
    )


def _body(headers: Sequence[pydicom.Dataset], stated_kg: float | None) -> _Body:
    """The weight: as stated, or as found. Never a default."""
    same_in_all(headers, "PatientWeight")
    found = number(headers[0], "PatientWeight")
    warnings: tuple[str, ...] = ()
    name = named("PatientWeight")
    if stated_kg is not None:
        if found is not None and found > 0 and abs(found - stated_kg) > 0.01 * stated_kg:
            warnings = (f"{name} is {found:g}, but {stated_kg:g} kg as stated is used",)
        return _Body(stated_kg, True, warnings)
    remedy = f"state it with --weight-kg, or {_CT_ONLY}"
    if found is None or found <= 0:
        raise InputRefused(
            f"the PET has no patient weight: {name} {'missing' if found is None else f'{found:g}'}",
            "a weight above 0 kg",
            remedy,
        )
    kg = found
    if found > 1000:
        kg = found / 1000
        warnings = (f"{name} {found:g} is taken as grams, {kg:g} kg",)
    if not believable(kg):
        raise InputRefused(
            f"{name} {found:g}", f"{WEIGHTS_KG[0]:g} to {WEIGHTS_KG[1]:g} kg", remedy
        )
    return _Body(kg, False, warnings)


def _height_cm(headers: Sequence[pydicom.Dataset]) -> tuple[float, tuple[str, ...]]:
    same_in_all(headers, "PatientSize")
    found = number(headers[0], "PatientSize")
    name = named("PatientSize")
    metres, warnings = found or 0.0, tuple[str, ...]()
    if metres > 3:
        metres /= 100
        warnings = (f"{name} {found:g} is taken as centimetres",)
    if not _HEIGHTS_M[0] <= metres <= _HEIGHTS_M[1]:
        raise InputRefused(
            f"the PET's unit needs the patient's height: {name} "
            f"{'missing' if found is None else f'{found:g}'}",
            f"{_HEIGHTS_M[0]:g} to {_HEIGHTS_M[1]:g} m",
            f"have the PET exported in Bq/ml, or {_CT_ONLY}",
        )
    return metres * 100, warnings


def _dose_bq(item: pydicom.Dataset) -> tuple[float, tuple[str, ...]]:
    dose = number(item, "RadionuclideTotalDose")
    name = named("RadionuclideTotalDose")
    if dose is not None and _DOSES_BQ[0] < dose <= _DOSES_BQ[1]:
        return dose, ()
    if dose is not None and _DOSES_MBQ[0] <= dose < _DOSES_MBQ[1]:
        return dose * 1e6, (f"{name} {dose:g} is taken as megabecquerel",)
    raise InputRefused(
        f"the PET has no usable dose: {name} {'missing' if dose is None else f'{dose:g}'}",
        f"{_DOSES_BQ[0]:g} to {_DOSES_BQ[1]:g} Bq (or, plainly, MBq)",
        f"correct the header, or {_CT_ONLY}",
    )
