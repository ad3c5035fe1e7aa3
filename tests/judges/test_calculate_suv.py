"""@cornerstonejs/calculate-suv 1.1.0 gives our factors, but where it is known to be wrong."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

from generated_pet import GeneratedPet, generated_pet
from hnuiseg.dicom import suv_factor
from hnuiseg.errors import InputRefused
from needs import node_package, program

SEED, COUNT = 2026, 700
RTOL = 2e-6  # a factor is compared after decimal strings of 16 characters and microseconds

Headers = Sequence[pydicom.Dataset]
Factors = tuple[float, ...] | None  # one a slice; None: refused


@dataclass(frozen=True)
class Compared:
    made: GeneratedPet
    ours: Factors
    branch: str | None
    judge: Factors
    left_out: tuple[str, ...]  # why, where the judge is known to be wrong


def item(headers: Headers) -> pydicom.Dataset:
    only: pydicom.Dataset = headers[0].RadiopharmaceuticalInformationSequence[0]
    return only


def private(header: pydicom.Dataset, group: int, creator: str) -> dict[int, str]:
    try:
        block = header.private_block(group, creator)
    except KeyError:
        return {}
    return {e: str(block[e].value) for e in (0x00, 0x09, 0x0D) if e in block}


def suv_already(headers: Headers) -> bool:
    philips = private(headers[0], 0x7053, "Philips PET Private Group").get(0x00, "0")
    units = headers[0].Units
    return units == "GML" or (units == "CNTS" and float(philips) != 0)


def activity(headers: Headers) -> bool:
    return headers[0].Units in ("BQML", "CNTS") and not suv_already(headers)


def stamps(headers: Headers) -> list[str]:
    times = ("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime")
    own = [str(item(headers).get(k) or "") for k in times]
    return own + [str(h.get(k, "")) for h in headers for k in ("SeriesTime", "AcquisitionTime")]


def late_series(headers: Headers) -> bool:
    acquired = min(h.AcquisitionDate + h.AcquisitionTime for h in headers)
    return bool(headers[0].SeriesDate + headers[0].SeriesTime > acquired)


def incomplete(headers: Headers) -> bool:
    tracer = item(headers)
    needed = (tracer.get("RadionuclideTotalDose"), tracer.get("RadionuclideHalfLife"))
    injected = "".join(stamps(headers)[:2])
    return None in needed or not headers[0].PatientWeight or not injected


def injected_by_time_the_day_before(headers: Headers) -> bool:
    date, time = stamps(headers)[:2]
    scanned = headers[0].SeriesTime if not late_series(headers) else headers[0].AcquisitionTime
    other_day = headers[0].SeriesDate != headers[0].AcquisitionDate
    return bool(not date and time and (other_day or time > scanned))


# What it is known to get wrong; one reason each, and what of a header shows it.
LEFT_OUT: dict[str, Callable[[Headers], bool]] = {
    "ADMIN: it lets the dose decay all the same": lambda h: (
        activity(h) and h[0].DecayCorrection == "ADMIN"
    ),
    "NONE: it demands DECY in Corrected Image": lambda h: h[0].DecayCorrection == "NONE",
    "GML of lean mass: it takes every GML for body weight": lambda h: (
        h[0].Units == "GML" and h[0].get("SUVType", "BW") != "BW"
    ),
    "CM2ML: unknown to it": lambda h: h[0].Units == "CM2ML",
    "an SUV already: it demands weight, dose, half-life and times all the same": lambda h: (
        suv_already(h) and incomplete(h)
    ),
    "sex O with a height: it throws in a lean mass that nobody asked for": lambda h: (
        h[0].get("PatientSex") == "O" and "PatientSize" in h[0]
    ),
    "a dose in MBq, or implausible: it takes any number": lambda h: (
        activity(h) and (item(h).get("RadionuclideTotalDose") or 1e8) < 1e6
    ),
    "a weight in grams, or implausible: it takes any number": lambda h: (
        activity(h) and not 20 <= (h[0].PatientWeight or 70) <= 400
    ),
    "a half-life missing or in minutes: it does not ask the radionuclide's code": lambda h: (
        activity(h)
        and "RadionuclideCodeSequence" in item(h)
        and (item(h).get("RadionuclideHalfLife") or 0) < 1000
    ),
    "injection by time alone, on the day before: it does not cross midnight": (
        injected_by_time_the_day_before
    ),
    "injection by time alone, of a tracer that lasts for days: it guesses the day": lambda h: (
        activity(h)
        and not stamps(h)[0].startswith("20")
        and (item(h).get("RadionuclideHalfLife") or 0) >= 8640
    ),
    "a date of injection moved by de-identification: it takes any": lambda h: (
        stamps(h)[0][:2] == "19"
    ),
    "a late series, neither GE's tag nor first bed: it has no way back by the frame": lambda h: (
        activity(h)
        and late_series(h)
        and "FrameReferenceTime" in h[0]
        and not private(h[0], 0x0009, "GEMS_PETD_01")
    ),
    "a fraction of a second that begins with 0: it reads .05 as .5": lambda h: (
        activity(h) and any(s.partition(".")[2].startswith("0") for s in stamps(h))
    ),
}


def instance(header: pydicom.Dataset) -> dict[str, object]:
    """What a viewer hands to the judge: DICOM's keywords, both private groups by creator."""
    tracer = header.RadiopharmaceuticalInformationSequence[0]
    found: dict[str, object] = {"CorrectedImage": [str(c) for c in header.CorrectedImage]}
    for source, keywords, kind in (
        (header, ("Units", "DecayCorrection", "PatientSex"), str),
        (header, ("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime"), str),
        (header, ("PatientWeight", "PatientSize"), float),
        (header, ("FrameReferenceTime", "ActualFrameDuration"), float),
        (tracer, ("RadionuclideTotalDose", "RadionuclideHalfLife"), float),
        (tracer, ("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"), str),
    ):
        for keyword in keywords:
            if source.get(keyword) is not None:
                found[keyword] = kind(source[keyword].value)
    philips = private(header, 0x7053, "Philips PET Private Group")
    if philips:
        found["PhilipsPETPrivateGroup"] = {
            "SUVScaleFactor": float(philips[0x00]),
            "ActivityConcentrationScaleFactor": float(philips[0x09]),
        }
    ge = private(header, 0x0009, "GEMS_PETD_01")
    if ge:
        found["GEPrivatePostInjectionDateTime"] = ge[0x0D]
    return found


def judged(series: Sequence[Headers]) -> list[Factors]:
    """The judge on many series, in one process."""
    script = Path(__file__).with_name("calculate_suv.cjs")
    package = node_package("@cornerstonejs/calculate-suv")
    assert json.loads((package / "package.json").read_text())["version"] == "1.1.0"
    asked = json.dumps([[instance(h) for h in headers] for headers in series])
    done = subprocess.run(
        [program("node"), str(script), str(package)],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [tuple(a["factors"]) if "factors" in a else None for a in json.loads(done.stdout)]


def compare(made: GeneratedPet, judge: Factors) -> Compared:
    left_out = tuple(why for why, concerns in LEFT_OUT.items() if concerns(made.headers))
    try:
        found = suv_factor(made.headers)
    except InputRefused:
        return Compared(made, None, None, judge, left_out)
    factors = found.factors * (len(made.headers) if len(found.factors) == 1 else 1)
    return Compared(made, factors, found.branch, judge, left_out)


def same(a: Factors, b: Factors) -> bool:
    if a is None or b is None:
        return a is b
    return list(a) == pytest.approx(list(b), rel=RTOL)


@pytest.fixture(scope="module")
def compared() -> list[Compared]:
    made = [generated_pet(SEED, index) for index in range(COUNT)]
    answers = judged([m.headers for m in made])
    return [compare(m, answer) for m, answer in zip(made, answers, strict=True)]


def test_every_header_gives_the_factor_that_it_was_made_from(compared: list[Compared]) -> None:
    for c in compared:
        assert same(c.ours, c.made.factors), (c.ours, c.made.factors, c.made.headers[0])


def test_the_judge_agrees_on_every_header_that_is_not_left_out(compared: list[Compared]) -> None:
    both = [c for c in compared if not c.left_out]
    assert len(both) >= 300
    assert sum(c.ours is None for c in both) >= 10
    for c in both:
        assert same(c.ours, c.judge), (c.ours, c.judge, c.made.headers[0])


def test_headers_of_every_kind_are_compared(compared: list[Compared]) -> None:
    kinds = Counter(c.branch for c in compared if not c.left_out and c.branch is not None)
    assert set(kinds) == {
        "BQML, START",
        "CNTS, Philips SUV factor (7053,xx00)",
        "CNTS, START, Philips activity factor (7053,xx09)",
        "GML, BW",
        "GML, no SUV Type, so BW",
    }
    assert min(kinds.values()) >= 8


@pytest.mark.parametrize("why", LEFT_OUT)
def test_nothing_is_left_out_without_need(why: str, compared: list[Compared]) -> None:
    """Where this is the only reason, the judge is wrong at least once."""
    alone = [c for c in compared if c.left_out == (why,)]
    assert any(not same(c.judge, c.made.factors) for c in alone)
