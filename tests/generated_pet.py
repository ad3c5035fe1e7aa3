"""PET headers made from a truth that is known: weight, dose, nuclide and moments come first.

What is written, and how, is drawn afterwards: units, decay correction, makers' private tags,
formats of times, slips of units, faults. The factor follows from the truth, not from the header.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pydicom

from hnuiseg.dicom import suvbw_factor

# Code of the radionuclide (PS3.16 CID 4020) → half-life in seconds (IAEA, MIRD)
NUCLIDES = {"C-105A1": 1221.8, "C-111A1": 6586.2, "C-131A3": 4060.0, "C-127A2": 45724.0}


@dataclass(frozen=True, slots=True)
class GeneratedPet:
    """The headers of a small series, and what its SUVbw factors must be."""

    headers: tuple[pydicom.Dataset, ...]
    factors: tuple[float, ...] | None  # one a slice; None: to be refused


@dataclass(frozen=True, slots=True)
class _Truth:
    weight_kg: float
    dose_bq: float
    code: str
    half_life_s: float
    injected: datetime
    scanned: datetime  # decay is corrected to it
    bed_s: float
    first_bed: int  # of those exported; a scan of the whole body may be cut
    beds: int

    def since_scanned_s(self, bed: int) -> float:
        return (self.first_bed + bed) * self.bed_s

    def began(self, bed: int) -> datetime:
        return self.scanned + timedelta(seconds=self.since_scanned_s(bed))

    @property
    def mean_offset_s(self) -> float:
        """From a bed's start to when activity equals its mean."""
        x = self._decay_in_bed
        return math.log(x / -math.expm1(-x)) * self.half_life_s / math.log(2)

    @property
    def _decay_in_bed(self) -> float:
        return math.log(2) * self.bed_s / self.half_life_s

    def factor(self, correction: str, bed: int) -> float:
        """SUVbw (g/ml) per Bq/ml."""
        since = {"START": self.scanned, "ADMIN": self.injected, "NONE": self.began(bed)}[correction]
        elapsed = (since - self.injected).total_seconds()
        plain = suvbw_factor(self.weight_kg, self.dose_bq, self.half_life_s, elapsed)
        x = self._decay_in_bed
        return plain * x / -math.expm1(-x) if correction == "NONE" else plain


def generated_pet(seed: int, index: int) -> GeneratedPet:
    """The `index`-th series of a seed, two slices a bed; the same two numbers, the same series."""
    rng = np.random.default_rng((seed, index))
    step_s = float(rng.choice([1.0, 0.01, 1e-6]))  # how finely its times are written
    truth = _truth(rng, step_s)
    correction = str(rng.choice(["START", "ADMIN", "NONE"], p=[0.8, 0.1, 0.1]))
    units = str(rng.choice(["BQML", "CNTS", "GML", "CM2ML"], p=[0.72, 0.16, 0.09, 0.03]))
    common = _common(rng, truth, correction, step_s)
    headers = [_slice(common, truth, bed, step_s) for bed in range(truth.beds) for _ in range(2)]
    factors = [truth.factor(correction, bed) for bed in range(truth.beds) for _ in range(2)]
    if units == "CNTS":
        factors = _philips(rng, headers, factors)
    elif units != "BQML":
        factors = [_of_other_suv(rng, headers, truth, units)] * len(headers)
    else:
        _time_of_series(rng, headers, truth, step_s)
    for header in headers:
        header.Units = units
    needed = _needed(headers[0], correction)
    refused = "decay" in needed and not _day_known(headers[0], truth)
    if rng.random() < 0.12:
        missing, spoil = FAULTS[rng.integers(len(FAULTS))]
        refused |= missing in needed
        for header in headers:
            spoil(header)
    return GeneratedPet(tuple(headers), None if refused else tuple(factors))


def _truth(rng: np.random.Generator, step_s: float) -> _Truth:
    code = str(rng.choice(list(NUCLIDES), p=[0.05, 0.75, 0.15, 0.05]))
    half_life = NUCLIDES[code]
    if rng.random() < 0.5:  # scanners write slightly different ones
        half_life = round(half_life * rng.uniform(0.997, 1.003), 1)
    day = datetime(2020, 1, 1) + timedelta(days=int(rng.integers(0, 2000)))
    night = rng.random() < 0.12
    clock_s = rng.uniform(22.6, 24.3) * 3600 if night else rng.uniform(7, 19) * 3600
    injected = day + timedelta(seconds=round(clock_s / step_s) * step_s)
    longest_s = min(7200.0, 4 * half_life)
    uptake_s = round(rng.uniform(0.2, 1) * longest_s / step_s) * step_s
    return _Truth(
        weight_kg=round(float(rng.uniform(25, 160)), 1),
        dose_bq=float(round(rng.uniform(40e6, 800e6))),
        code=code,
        half_life_s=half_life,
        injected=injected,
        scanned=injected + timedelta(seconds=uptake_s),
        bed_s=float(rng.integers(40, 300)),
        first_bed=int(rng.choice([0, 0, 1, 3])),
        beds=int(rng.integers(1, 4)),
    )


def _common(
    rng: np.random.Generator, truth: _Truth, correction: str, step_s: float
) -> pydicom.Dataset:
    header, item = pydicom.Dataset(), pydicom.Dataset()
    header.Manufacturer = "SIEMENS"
    header.CorrectedImage = ["NORM", "ATTN", *(["DECY"] if correction != "NONE" else []), "SCAT"]
    header.DecayCorrection = correction
    slips = ["none", "grams", "megabecquerel"]
    if truth.half_life_s == NUCLIDES[truth.code]:  # what the code alone can tell
        slips += ["no half-life", "minutes"]
    slip = str(rng.choice(slips)) if rng.random() < 0.12 else "none"
    header.PatientWeight = truth.weight_kg * (1000.0 if slip == "grams" else 1.0)
    item.RadionuclideTotalDose = truth.dose_bq * (1e-6 if slip == "megabecquerel" else 1.0)
    if slip != "no half-life":
        item.RadionuclideHalfLife = truth.half_life_s / (60.0 if slip == "minutes" else 1.0)
    if slip in ("no half-life", "minutes") or rng.random() < 0.5:
        item.RadionuclideCodeSequence = [_code(truth.code)]
    _injection(rng, item, truth, step_s)
    header.RadiopharmaceuticalInformationSequence = [item]
    sex = str(rng.choice(["M", "F", "O", ""], p=[0.4, 0.4, 0.1, 0.1]))
    if sex:
        header.PatientSex = sex
    if rng.random() < 0.6:
        header.PatientSize = round(float(rng.uniform(1.45, 2.0)), 2)
    header.SeriesDate, header.SeriesTime = date(truth.scanned), time(truth.scanned, step_s)
    return header


def _code(value: str) -> pydicom.Dataset:
    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator = value, "SRT"
    return code


def _injection(
    rng: np.random.Generator, item: pydicom.Dataset, truth: _Truth, step_s: float
) -> None:
    """Date and time, time alone, both, or a date that de-identification has moved."""
    way = rng.choice(["both", "date", "time", "moved"], p=[0.35, 0.25, 0.35, 0.05])
    stamp = date(truth.injected) + time(truth.injected, step_s)
    if way != "date":
        item.RadiopharmaceuticalStartTime = time(truth.injected, step_s)
    if way in ("both", "date"):
        item.RadiopharmaceuticalStartDateTime = stamp + ("+0000" if rng.random() < 0.1 else "")
    elif way == "moved":
        item.RadiopharmaceuticalStartDateTime = f"1999{stamp[4:]}"


def _day_known(header: pydicom.Dataset, truth: _Truth) -> bool:
    """A time of injection alone is enough where the tracer is gone within a day."""
    stamp = header.RadiopharmaceuticalInformationSequence[0].get(
        "RadiopharmaceuticalStartDateTime", ""
    )
    return stamp.startswith("20") or 10 * truth.half_life_s < 86400


def _slice(common: pydicom.Dataset, truth: _Truth, bed: int, step_s: float) -> pydicom.Dataset:
    header = pydicom.Dataset()
    header.update(common)
    began = truth.began(bed)
    header.AcquisitionDate, header.AcquisitionTime = date(began), time(began, step_s)
    header.ActualFrameDuration = round(truth.bed_s * 1000)
    offset_ms = (truth.since_scanned_s(bed) + truth.mean_offset_s) * 1000
    header.FrameReferenceTime = f"{offset_ms:.12g}"
    return header


def _time_of_series(
    rng: np.random.Generator, headers: list[pydicom.Dataset], truth: _Truth, step_s: float
) -> None:
    """Sometimes that of a later reconstruction: GE's tag, a frame or the first bed tells then."""
    way = rng.choice(["scan", "GE", "frame", "first bed"], p=[0.6, 0.18, 0.1, 0.12])
    if way == "scan" or (way == "first bed" and truth.first_bed > 0):
        return
    late = truth.began(truth.beds) + timedelta(seconds=int(rng.integers(30, 5000)))
    other = rng.random() < 0.5
    for k, header in enumerate(headers):
        header.SeriesDate, header.SeriesTime = date(late), time(late, step_s)
        if way == "GE":
            header.Manufacturer = "GE MEDICAL SYSTEMS"
            # another's block first, so that GE's isn't always the first of its group
            if other:
                header.private_block(0x0009, "SOMEBODY ELSE", create=True).add_new(
                    0x0D, "DT", "20010101000000"
                )
            block = header.private_block(0x0009, "GEMS_PETD_01", create=True)
            block.add_new(0x0D, "DT", date(truth.scanned) + time(truth.scanned, step_s))
            header.FrameReferenceTime = truth.since_scanned_s(k // 2) * 1000  # GE: a frame's start
        elif way == "first bed":
            del header.FrameReferenceTime


def _philips(
    rng: np.random.Generator, headers: list[pydicom.Dataset], factors: list[float]
) -> list[float]:
    to_suv = rng.random() < 0.5
    of_slices = [float(f"{v:.9g}") for v in rng.uniform(2e-4, 8e-4, len(headers))]
    if rng.random() < 0.5:
        of_slices = [of_slices[0]] * len(headers)
    to_activity = float(f"{rng.uniform(0.5, 20):.9g}")
    other = rng.random() < 0.3
    for header, factor in zip(headers, of_slices, strict=True):
        header.Manufacturer = "Philips Medical Systems"
        if other:
            header.private_block(0x7053, "SOMEBODY ELSE", create=True).add_new(0x00, "DS", "7")
        block = header.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", f"{factor:.9g}" if to_suv else "0")
        block.add_new(0x09, "DS", f"{to_activity:.9g}")
    return of_slices if to_suv else [f * to_activity for f in factors]


def _of_other_suv(
    rng: np.random.Generator, headers: list[pydicom.Dataset], truth: _Truth, units: str
) -> float:
    kind = str(rng.choice(["", "BW", "LBM"], p=[0.4, 0.4, 0.2])) if units == "GML" else "BSA"
    kg, cm = truth.weight_kg, float(rng.integers(145, 200))
    man = bool(rng.random() < 0.5)
    for header in headers:
        if kind:
            header.SUVType = kind
        if kind in ("LBM", "BSA"):
            header.PatientSize, header.PatientSex = cm / 100, "M" if man else "F"
    if kind == "LBM":
        a, b = (1.1, 120.0) if man else (1.07, 148.0)
        return kg / (a * kg - b * (kg / cm) ** 2)
    return 1000 * kg / (71.84 * kg**0.425 * cm**0.725) if kind == "BSA" else 1.0


def _needed(header: pydicom.Dataset, correction: str) -> set[str]:
    """What a series can't be read without."""
    needed = {"attenuation", "units", *({"factor"} if header.Units == "CNTS" else ())}
    to_suv = header.Units == "CNTS" and _philips_block(header)[0x00].value != 0
    if to_suv or (header.Units == "GML" and header.get("SUVType", "BW") == "BW"):
        return needed
    if header.Units in ("GML", "CM2ML"):
        return needed | {"weight"}
    return needed | {"weight", "dose", *({"decay"} if correction != "ADMIN" else ())}


def _set(keyword: str, value: object) -> Callable[[pydicom.Dataset], None]:
    return lambda header: setattr(header, keyword, value)


def _set_of_tracer(*keywords: str, value: object = None) -> Callable[[pydicom.Dataset], None]:
    def edit(header: pydicom.Dataset) -> None:
        for keyword in keywords:
            setattr(header.RadiopharmaceuticalInformationSequence[0], keyword, value)

    return edit


def _without_attenuation(header: pydicom.Dataset) -> None:
    header.CorrectedImage = [c for c in header.CorrectedImage if c != "ATTN"]


def _without_factor(header: pydicom.Dataset) -> None:
    if header.Units == "CNTS":
        for element in (0x00, 0x09):
            _philips_block(header)[element].value = "0"


# What is written wrongly, and which of what is needed is then missing.
FAULTS: tuple[tuple[str, Callable[[pydicom.Dataset], None]], ...] = (
    ("weight", _set("PatientWeight", None)),
    ("weight", _set("PatientWeight", 7.0)),
    ("dose", _set_of_tracer("RadionuclideTotalDose")),
    ("dose", _set_of_tracer("RadionuclideTotalDose", value=350e3)),
    ("decay", _set_of_tracer("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime")),
    ("decay", _set_of_tracer("RadionuclideHalfLife", "RadionuclideCodeSequence")),
    ("attenuation", _without_attenuation),
    ("units", _set("Units", "PROPCPS")),
    ("factor", _without_factor),
)


def _philips_block(header: pydicom.Dataset) -> pydicom.dataset.PrivateBlock:
    return header.private_block(0x7053, "Philips PET Private Group")


def date(moment: datetime) -> str:
    """A DA value."""
    return f"{moment:%Y%m%d}"


def time(moment: datetime, step_s: float) -> str:
    """A TM value in steps of 1 s, 10 ms or 1 µs."""
    whole, micro = f"{moment:%H%M%S}", f".{moment.microsecond:06d}"
    return whole + ("" if step_s == 1.0 else micro[:3] if step_s == 0.01 else micro)
