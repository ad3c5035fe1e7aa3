"""When a tracer was injected, and the moment to which its decay was corrected."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pydicom

from hnuiseg.dicom.attributes import is_made_by, named, number, private_values, text
from hnuiseg.errors import InputRefused

_APART_S = 60.0  # candidates further apart are worth a warning: 0.6 % for F-18
_CLOCK_S = 1.0  # rounding between Series Time and Acquisition Time
_DAY_S = 86400.0
_MOST_HALF_LIVES = 10.0  # nothing is left to image after that
_CT_ONLY = "correct the header, or segment from the CT alone with --ct-only"

# Half-lives in seconds (IAEA, MIRD) and codes of the radionuclide (PS3.16 CID 4020 in SCT,
# and its forerunner SRT, which scanners still write).
_NUCLIDES = {
    "C-11": (1221.8, {"40565003", "C-105A1"}),
    "N-13": (597.9, {"21576001", "C-107A1"}),
    "O-15": (122.2, {"129504001", "C-B1038"}),
    "F-18": (6586.2, {"77004003", "C-111A1"}),
    "Cu-64": (45724.0, {"3932008", "C-127A2"}),
    "Ga-68": (4060.0, {"35337001", "C-131A3"}),
    "Rb-82": (75.5, {"79197006", "C-159A2"}),
    "Zr-89": (282280.0, {"63360001", "C-168A4"}),
    "I-124": (360806.0, {"40937006"}),
    "Sc-44": (14292.0, {"126600"}),
    "Y-86": (53064.0, {"10738001"}),
}
_HALF_LIFE_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Reference:
    """The moment of decay correction, and how it was found."""

    moment: datetime  # local time of the scanner
    words: str  # for the report
    warnings: tuple[str, ...] = ()


def tracer(headers: Sequence[pydicom.Dataset]) -> pydicom.Dataset:
    """The only item of Radiopharmaceutical Information Sequence (0054,0016)."""
    items = list(headers[0].get("RadiopharmaceuticalInformationSequence") or [])
    if len(items) != 1:
        raise InputRefused(
            f"{named('RadiopharmaceuticalInformationSequence')} with {len(items)} items",
            "one tracer, with dose, half-life and time of injection",
            _CT_ONLY,
        )
    return items[0]


def half_life_s(item: pydicom.Dataset) -> tuple[float, tuple[str, ...]]:
    """Half-life of the tracer in seconds, with warnings.

    Where (0018,1075) is missing or fits no PET nuclide, the radionuclide's code decides.
    """
    stored = number(item, "RadionuclideHalfLife")
    codes = {text(code, "CodeValue") for code in item.get("RadionuclideCodeSequence") or () if code}
    coded = [name for name, (_, known) in _NUCLIDES.items() if known & codes]
    fits = [
        name
        for name, (seconds, _) in _NUCLIDES.items()
        if stored is not None and abs(stored - seconds) <= _HALF_LIFE_TOLERANCE * seconds
    ]
    came = f"{named('RadionuclideHalfLife')} {'missing' if stored is None else f'{stored:g} s'}"
    if stored is not None and fits and (not coded or coded == fits):
        return stored, ()
    if fits and coded:
        raise InputRefused(
            f"{came}, which is {fits[0]}, though the radionuclide is coded as {coded[0]}",
            "half-life and code of one nuclide",
            _CT_ONLY,
        )
    if not coded:
        raise InputRefused(
            f"{came}, and no known code in {named('RadionuclideCodeSequence')}",
            "the half-life of a PET nuclide in seconds",
            _CT_ONLY,
        )
    seconds = _NUCLIDES[coded[0]][0]
    return seconds, (f"{came}: {seconds:g} s of {coded[0]} is used, as its code says",)


def acquisition_moments(headers: Sequence[pydicom.Dataset]) -> tuple[datetime, ...]:
    """When each slice's frame began."""
    moments = tuple(_acquired(h) for h in headers)
    found = tuple(m for m in moments if m is not None)
    if len(found) < len(moments):
        raise InputRefused(
            f"{named('AcquisitionTime')} missing in {len(moments) - len(found)} slices",
            "date and time of acquisition in every slice",
            _CT_ONLY,
        )
    return found


def decay_reference(headers: Sequence[pydicom.Dataset], half_life: float) -> Reference:
    """The one moment for a series with Decay Correction START.

    In this order: (a) Series Date and Time, if not after the first acquisition; (b) GE's
    private scan time (0009,xx0D); (d) acquisition time taken back by Frame Reference Time;
    (c) the first acquisition. A warning says when they lie more than a minute apart.
    Sources: QIBA FDG-PET/CT pseudo-code; IBSI manual on SUV, whose reference objects need
    this order.
    """
    acquired = [m for m in map(_acquired, headers) if m is not None]
    first = min(acquired, default=None)
    warnings: list[str] = []
    candidates: list[tuple[str, datetime]] = []
    series = _series_moment(headers)
    if series is not None and first is not None and (series - first).total_seconds() > _CLOCK_S:
        warnings.append(
            f"Series Time {_clock(series)} lies after the first acquisition, {_clock(first)}, "
            "so it isn't the time of decay correction"
        )
    elif series is not None:
        candidates.append(("Series Time (0008,0031)", series))
    private = _ge_scan_moment(headers[0])
    if private is not None:
        candidates.append(("GE scan time (0009,xx0D)", private))
    taken_back = _taken_back(headers, half_life)
    if taken_back is not None:
        candidates.append(("acquisition less Frame Reference Time (0054,1300)", taken_back))
    if first is not None and taken_back is None:
        candidates.append(("first Acquisition Time (0008,0032)", first))
    if not candidates:
        raise InputRefused(
            "no time of decay correction: Series Time (0008,0031) and Acquisition Time "
            "(0008,0032) are missing",
            "one of them with its date",
            _CT_ONLY,
        )
    name, moment = candidates[0]
    for other, when in candidates[1:]:
        apart = (when - moment).total_seconds()
        if abs(apart) > _APART_S:
            effect = 100 * (2 ** (abs(apart) / half_life) - 1)
            warnings.append(
                f"decay is taken as corrected to {name}, {_clock(moment)}, but {other} is "
                f"{_clock(when)}: SUV would differ by {effect:.1f} %"
            )
    return Reference(moment, f"{name}, {_clock(moment)}", tuple(warnings))


def since_injection_s(
    header: pydicom.Dataset, reference: datetime, half_life: float
) -> tuple[float, tuple[str, ...]]:
    """Seconds from injection to `reference`, with warnings.

    Start DateTime (0018,1078) where it makes sense; otherwise Start Time (0018,1072), on
    the day of the reference or, if that is later, the day before.
    """
    item = tracer((header,))
    longest = _MOST_HALF_LIVES * half_life
    by_date, warnings = _by_date(header, item, reference)
    by_time = _by_time(item, reference)
    if by_time is not None and longest > _DAY_S:
        by_time = None  # imaged days after injection: a time alone says too little
    stamp = named("RadiopharmaceuticalStartDateTime")
    clock = named("RadiopharmaceuticalStartTime")
    if by_date is not None and 0 <= by_date <= longest:
        if by_time is not None and abs(by_time - by_date) > _APART_S:
            said = f"{clock} contradicts {stamp}; the latter, {by_date:.0f} s before, is used"
            warnings = (*warnings, said)
        return by_date, warnings
    if by_time is not None and by_time <= longest:
        if by_date is None:
            return by_time, ()
        return by_time, (
            f"{stamp} lies {by_date:.0f} s before the time of decay correction, which can't be; "
            f"{clock}, {by_time:.0f} s before, is used",
        )
    if by_date is None and by_time is None:
        raise InputRefused(
            f"no usable time of injection in {stamp} or {clock}",
            f"one of them; with a half-life of {half_life:.0f} s "
            + ("its date, too" if longest > _DAY_S else "the time is enough"),
            _CT_ONLY,
        )
    elapsed = by_date if by_date is not None else by_time
    raise InputRefused(
        f"the injection lies {elapsed:.0f} s before the time of decay correction",
        f"0 to {longest:.0f} s, ten half-lives",
        _CT_ONLY,
    )


def _by_date(
    header: pydicom.Dataset, item: pydicom.Dataset, reference: datetime
) -> tuple[float | None, tuple[str, ...]]:
    stamp = text(item, "RadiopharmaceuticalStartDateTime")
    injected = _moment(stamp)
    if injected is None:
        return None, ()
    elapsed = (reference - injected).total_seconds()
    stated, local = _offset_s(stamp), _offset_s(text(header, "TimezoneOffsetFromUTC"))
    if stated is None or stated == local:
        return elapsed, ()
    if local is None:
        said = f"{named('RadiopharmaceuticalStartDateTime')} has an offset from UTC"
        return elapsed, (f"{said}, the scan has none; both are taken as local time",)
    return elapsed + stated - local, ()


def _offset_s(stamp: str) -> float | None:
    """The offset from UTC at the end of a DT value, or None."""
    for sign, factor in (("+", 1.0), ("-", -1.0)):
        _, found, offset = stamp.rpartition(sign)
        if found and len(offset) == 4 and offset.isdigit():
            return factor * (int(offset[:2]) * 3600.0 + int(offset[2:]) * 60.0)
    return None


def frame_seconds(header: pydicom.Dataset) -> float:
    """Length of a slice's frame in seconds, Actual Frame Duration (0018,1242)."""
    duration = number(header, "ActualFrameDuration")
    if duration is None or duration <= 0:
        raise InputRefused(
            f"{named('ActualFrameDuration')} {'missing' if duration is None else duration}",
            "the length of every frame, more than 0 ms",
            _CT_ONLY,
        )
    return duration / 1000.0


def _by_time(item: pydicom.Dataset, reference: datetime) -> float | None:
    clock = text(item, "RadiopharmaceuticalStartTime")
    if not clock:
        return None
    injected = _moment(f"{reference:%Y%m%d}{clock}")
    if injected is None:
        return None
    elapsed = (reference - injected).total_seconds()
    return elapsed if elapsed >= 0 else elapsed + _DAY_S


def _series_moment(headers: Sequence[pydicom.Dataset]) -> datetime | None:
    moments = {
        _moment(date + clock)
        for date, clock in ((text(h, "SeriesDate"), text(h, "SeriesTime")) for h in headers)
        if date and clock
    } - {None}
    found = sorted(m for m in moments if m is not None)
    if len(found) > 1 and (found[-1] - found[0]).total_seconds() > _CLOCK_S:
        raise InputRefused(
            f"{named('SeriesTime')} differs between the slices of a series",
            "one value in a series",
            _CT_ONLY,
        )
    return found[0] if found else None


def _acquired(header: pydicom.Dataset) -> datetime | None:
    # A frame that crosses midnight has the date of its own start.
    date = text(header, "AcquisitionDate") or text(header, "SeriesDate")
    clock = text(header, "AcquisitionTime")
    if date and clock:
        return _moment(date + clock)
    return _moment(text(header, "AcquisitionDateTime"))


def _taken_back(headers: Sequence[pydicom.Dataset], half_life: float) -> datetime | None:
    """Acquisition time less Frame Reference Time, of the earliest frame.

    Frame Reference Time marks when activity equals its mean over the frame, which lies a
    little before the frame's middle; GE marks the frame's start.
    """
    starts = []
    for header in headers:
        acquired, offset = _acquired(header), number(header, "FrameReferenceTime")
        if acquired is not None and offset is not None:
            starts.append((acquired, offset, header))
    if not starts:
        return None
    acquired, offset, header = min(starts, key=lambda s: (s[0], s[1]))
    taken = acquired - timedelta(milliseconds=offset)
    if is_made_by(header, "GE"):
        return taken
    duration = number(header, "ActualFrameDuration")
    if duration is None or duration <= 0:
        return None
    decay = math.log(2) / half_life
    x = decay * duration / 1000.0
    return taken + timedelta(seconds=math.log(x / -math.expm1(-x)) / decay)


def _ge_scan_moment(header: pydicom.Dataset) -> datetime | None:
    found = private_values(header, 0x0009, 0x0D, "GEMS_PETD_01", "GE")
    return _moment(found[0]) if found else None


def _moment(stamp: str) -> datetime | None:
    """A DT value, or DA followed by TM, as local time; an offset from UTC is left out.

    Old files write 2020.12.17 and 10:48:29.
    """
    digits = stamp.replace(":", "").replace(" ", "")
    for sign in "&+-":
        digits = digits.split(sign, maxsplit=1)[0]
    if digits[4:5] == digits[7:8] == ".":
        digits = digits[:4] + digits[5:7] + digits[8:]
    whole, _, fraction = digits.partition(".")
    form = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M", 10: "%Y%m%d%H"}.get(len(whole))
    if form is None or not (fraction or "0").isdigit():
        return None
    try:
        return datetime.strptime(whole, form) + timedelta(seconds=float(f"0.{fraction or 0}"))
    except ValueError:
        return None


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"
