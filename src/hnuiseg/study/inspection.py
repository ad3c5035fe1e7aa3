"""What a study holds and whether it can be segmented: the gates of `read_study`, all answers.

Where reading stops at the first refusal, an inspection goes on and says everything it can.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from hnuiseg.dicom import SeriesHeaders, SuvFactor, scan_folder, series_geometry
from hnuiseg.errors import InputRefused
from hnuiseg.study.case import Notice
from hnuiseg.study.choose import Choice, choose
from hnuiseg.study.field import head_neck_field
from hnuiseg.study.gates import ct_alone_notice, field_notices
from hnuiseg.study.options import Stated
from hnuiseg.study.read import (
    Progress,
    check_stated_for_dicom,
    check_stated_for_files,
    dicom_ct,
    dicom_pet,
    file_ct,
    file_pet,
    joined,
    pet_on_ct,
    step,
    unread_notices,
)
from hnuiseg.volume import Grid, Volume

Role = Literal["ct", "pet", "ignored"]
_T = TypeVar("_T")
_P = ParamSpec("_P")


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """One series, or one file, and what it is to the case."""

    modality: str
    description: str  # or the file's name
    slices: int
    shape: tuple[int, int, int] | None  # z, y, x; None where there is no regular grid
    spacing: tuple[float, float, float] | None  # z, y, x; mm
    units: str | None  # "HU", (0054,1001) of a PET, or as stated for a file
    role: Role
    why: str | None  # it is ignored, or has no grid


@dataclass(frozen=True, slots=True)
class SuvSummary:
    """How the PET's values become SUVbw."""

    factor_min: float  # over slices; g/ml per unit after rescale
    factor_max: float
    units: str
    branch: str
    time_reference: str | None
    elapsed_s: float | None
    weight_kg: float | None
    weight_stated: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """The answer of `hnuiseg inspect`."""

    ready: bool
    reasons: tuple[str, ...]  # refusals, one line each; empty where ready
    series: tuple[SeriesSummary, ...]
    suv: SuvSummary | None
    notices: tuple[Notice, ...]
    registration: str | None = None  # what joins CT and PET of two frames of reference

    def to_json(self) -> dict[str, Any]:
        """The same as plain dicts and lists."""
        return asdict(self)

    def summary(self) -> str:
        """The same as lines for a person."""
        lines = ["Ready to segment." if self.ready else "Not ready to segment:"]
        lines += [f"  refused: {reason}" for reason in self.reasons]
        lines += ["Series:"] if self.series else []
        lines += [f"  {_line(s)}" for s in self.series]
        if self.suv is not None:
            lines += ["SUVbw:", f"  {_suv_line(self.suv)}"]
        lines += [f"CT and PET joined by {self.registration}."] if self.registration else []
        lines += ["Warnings:"] if self.notices else []
        lines += [f"  {n.code}: {n.text}" for n in self.notices]
        return "\n".join(lines)


def inspect_study(
    folder: Path, stated: Stated | None = None, progress: Progress | None = None
) -> Inspection:
    """What a DICOM folder holds; progress and WrongCall as `read_study`, refusals are reasons."""
    stated = stated or Stated()
    check_stated_for_dicom(stated)
    refused = _Refusals()
    scan = refused.unless(scan_folder, folder, step(progress, "Reading headers"))
    if scan is None:
        return Inspection(False, tuple(refused.reasons), (), None, ())
    choice = choose(scan, stated)
    refused.reasons += [str(r) for r in choice.refusals]
    notices = [*unread_notices(scan), *choice.notices]
    ct = pet = None
    if choice.ct is not None:
        read_ct = refused.unless(dicom_ct, choice.ct, progress)
        if read_ct is not None:
            ct = read_ct[0]
            notices += read_ct[2]
    if choice.pet is not None:
        read_pet = refused.unless(dicom_pet, choice.pet, stated, progress)
        if read_pet is not None:
            pet = read_pet[:2]
            notices += read_pet[2]
    elif choice.ct is not None and not stated.ct_only and not choice.refusals:
        notices.append(ct_alone_notice())
    if ct is not None and pet is not None:
        pet = joined(pet[0], choice.join, ct), pet[1]
    notices += _together(ct, pet, refused)
    series = tuple(_of_series(s, choice) for s in scan.series)
    answer = _answer(refused, series, pet, notices)
    return replace(answer, registration=choice.join.words if choice.join else None)


def inspect_files(ct: Path, pet: Path | None, stated: Stated | None = None) -> Inspection:
    """What a CT file and a PET file or none hold; WrongCall as `read_files`."""
    stated = stated or Stated()
    refused = _Refusals()
    refused.unless(check_stated_for_files, pet, stated)
    series = []
    notices: list[Notice] = []
    hu = native = None
    read_ct = refused.unless(file_ct, ct)
    if read_ct is not None:
        hu = read_ct[0]
        notices += read_ct[1]
    series.append(_of_file("CT", ct, hu.grid if hu else None, "HU", "ct", None))
    if pet is not None:
        if stated.ct_only:
            series.append(_of_file("PT", pet, None, None, "ignored", "--ct-only was asked for"))
        else:
            if stated.pet_units == "suv":
                native = refused.unless(file_pet, pet)
            grid = native[0].grid if native is not None else None
            series.append(_of_file("PT", pet, grid, stated.pet_units, "pet", None))
    elif not stated.ct_only:
        notices.append(ct_alone_notice())
    notices += _together(hu, native, refused)
    return _answer(refused, tuple(series), native, notices)


class _Refusals:
    """Reasons gathered from steps that go on after a refusal."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def unless(self, step: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        """What the step returns, or None with its refusal noted."""
        try:
            return step(*args, **kwargs)
        except InputRefused as refusal:
            self.reasons.append(str(refusal))
            return None


def _together(
    ct: Volume | None, pet: tuple[Volume, SuvFactor] | None, refused: _Refusals
) -> tuple[Notice, ...]:
    if ct is None:
        return ()
    field = field_notices(ct, head_neck_field(ct))
    fused = None if pet is None else refused.unless(pet_on_ct, pet[0], pet[1], ct)
    return field if fused is None else (*fused[1], *field)


def _answer(
    refused: _Refusals,
    series: tuple[SeriesSummary, ...],
    pet: tuple[Volume, SuvFactor] | None,
    notices: list[Notice],
) -> Inspection:
    suv = None if pet is None else _suv_summary(pet[1])
    return Inspection(not refused.reasons, tuple(refused.reasons), series, suv, tuple(notices))


def _suv_summary(suv: SuvFactor) -> SuvSummary:
    return SuvSummary(
        min(suv.factors),
        max(suv.factors),
        suv.units,
        suv.branch,
        suv.time_reference,
        suv.elapsed_s,
        suv.weight_kg,
        suv.weight_stated,
    )


def _of_series(series: SeriesHeaders, choice: Choice) -> SeriesSummary:
    role: Role = "ct" if series is choice.ct else "pet" if series is choice.pet else "ignored"
    why = choice.ignored.get(series)
    grid = None
    if series.modality in ("CT", "PT") and series.is_image and not series.excluded_because:
        try:
            grid = series_geometry(series).grid
        except InputRefused as refusal:
            why = why or refusal.came
    return SeriesSummary(
        series.modality,
        series.description,
        len(series.paths),
        grid.shape if grid else None,
        grid.spacing if grid else None,
        _units(series),
        role,
        why,
    )


def _units(series: SeriesHeaders) -> str | None:
    if series.modality == "CT":
        return "HU"
    if series.modality == "PT":
        return str(series.headers[0].get("Units", "")) or None
    return None


def _of_file(
    modality: str, path: Path, grid: Grid | None, units: str | None, role: Role, why: str | None
) -> SeriesSummary:
    slices = 0 if grid is None else grid.shape[0]
    shape, spacing = (None, None) if grid is None else (grid.shape, grid.spacing)
    return SeriesSummary(modality, path.name, slices, shape, spacing, units, role, why)


def _line(series: SeriesSummary) -> str:
    parts = [f"{series.modality or 'no modality'}: {series.description or 'without description'}"]
    if series.shape is not None and series.spacing is not None:
        z, y, x = series.shape
        dz, dy, dx = series.spacing
        parts.append(f"{x} x {y} x {z} voxels of {dx:.4g} x {dy:.4g} x {dz:.4g} mm")
    else:
        parts.append(f"{series.slices} images")
    if series.units is not None:
        parts.append(series.units)
    used = "ignored" if series.role == "ignored" else f"the case's {series.role.upper()}"
    parts.append(f"{used} ({series.why})" if series.why else used)
    return ", ".join(parts)


def _suv_line(suv: SuvSummary) -> str:
    factor = f"{suv.factor_min:.9g}"
    if suv.factor_max != suv.factor_min:
        factor += f" to {suv.factor_max:.9g}"
    parts = [f"factor {factor} g/ml per unit of {suv.units}", suv.branch]
    if suv.time_reference is not None and suv.elapsed_s is not None:
        parts.append(f"{suv.elapsed_s:.0f} s from injection to {suv.time_reference}")
    if suv.weight_kg is not None:
        parts.append(f"weight {suv.weight_kg:g} kg {'stated' if suv.weight_stated else 'found'}")
    return ", ".join(parts)
