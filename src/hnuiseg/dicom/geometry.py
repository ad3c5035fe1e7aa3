"""Where the slices of a series lie: one regular grid, or a refusal.

Slices are sorted by Image Position projected on the normal (row direction × column
direction), as ITK does. Slice Thickness, Spacing Between Slices and Instance Number are
never looked at: scanners and exports fill them with something else too often.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydicom
from jaxtyping import Float

from hnuiseg.dicom.attributes import named, numbers, text
from hnuiseg.dicom.scan import SeriesHeaders
from hnuiseg.errors import InputRefused
from hnuiseg.limits import check_grid
from hnuiseg.volume import Grid

_ORIENTATION = 1e-4  # per direction cosine, between slices
_PIXEL_SPACING_MM = 1e-4
_OFF_GRID_MM = 0.1  # in-plane drift, and distance of a slice from the regular grid
_CT_GAP = 0.01  # of the usual gap; or, where that is less, …
_CT_GAP_MM = 0.01
_SAME_POSITION_MM = 1e-3
_EXPORT = "export the series again, whole"


@dataclass(frozen=True, slots=True)
class SeriesGeometry:
    """The grid of a series; its first axis runs along the normal of the slices."""

    grid: Grid
    order: tuple[int, ...]  # indices into the series' headers, along the first axis
    notes: tuple[str, ...] = ()  # what a reader of the report should know


@dataclass(frozen=True, slots=True)
class _Slices:
    """Slices in order along their normal."""

    positions: Float[np.ndarray, "n 3"]  # LPS mm
    along: Float[np.ndarray, " n"]  # mm along the normal
    normal: Float[np.ndarray, "3"]
    names: tuple[str, ...]  # base names, for messages


def series_geometry(series: SeriesHeaders) -> SeriesGeometry:
    """The one regular grid on which the slices of a series lie.

    Step and direction between slices are as ITK gives them: along the normal, the mean
    gap from the first slice to the last. On CT and MR every gap is the usual one within
    1 % or 0.01 mm; on PET, whose beds join unevenly, any slice may lie up to 0.1 mm off the
    grid (so much is allowed on CT, too), which is noted.

    Raises InputRefused for fewer than two slices, missing and doubled slices, uneven gaps,
    a tilted gantry, slices that differ in orientation, shape, pixel spacing, patient or
    frame of reference, and missing attributes.
    """
    if series.excluded_because is not None and series.split_off is None:
        raise InputRefused(
            f"{series.paths[0].name} is {series.excluded_because}",
            "CT, PET or MR stored one slice a file, or Enhanced CT",
            "choose another series, or export this one slice by slice",
        )
    headers = series.headers
    if len(headers) < 2:
        raise InputRefused(
            f"one slice only, {series.paths[0].name}",
            "a series of at least two slices",
            "give the folder of the whole series",
        )
    names = series.names
    rows, columns = _shape(headers, names)
    _one_patient_and_frame(series)
    spacing = _alike(headers, names, "PixelSpacing", 2, _PIXEL_SPACING_MM)
    if min(spacing) <= 0:
        raise InputRefused(
            f"{named('PixelSpacing')} {spacing[0]:g}\\{spacing[1]:g}", "more than 0 mm", _EXPORT
        )
    orientation = _alike(headers, names, "ImageOrientationPatient", 6, _ORIENTATION)
    _perpendicular(orientation)
    normal = _normal(orientation)
    positions = np.array(
        [_needed(h, "ImagePositionPatient", 3, n) for h, n in zip(headers, names, strict=True)]
    )
    order = np.argsort(positions @ normal, kind="stable")
    # Directions of the first slice in space, so that file order decides nothing.
    orientation = _needed(headers[order[0]], "ImageOrientationPatient", 6, names[order[0]])
    normal = _normal(orientation)
    slices = _Slices(
        positions[order], positions[order] @ normal, normal, tuple(names[i] for i in order)
    )
    _one_slice_a_position(slices)
    _not_tilted(slices)
    notes = _regular(slices, is_pet=series.modality == "PT")
    gap = (slices.along[-1] - slices.along[0]) / (len(order) - 1)
    row, column = _unit(orientation[:3]), _unit(orientation[3:])
    grid = Grid.from_steps(
        (len(order), rows, columns),
        np.array([normal * gap, column * spacing[0], row * spacing[1]]),
        slices.positions[0],
        series.frame_of_reference,
    )
    check_grid(grid, f"the series of {series.paths[0].name}")
    return SeriesGeometry(grid, tuple(int(i) for i in order), notes)


def _needed(header: pydicom.Dataset, keyword: str, count: int, name: str) -> tuple[float, ...]:
    values = numbers(header, keyword, count)
    if values is None:
        raise InputRefused(
            f"{name} has no {named(keyword)}", "a value in every slice", "export the series again"
        )
    return values


def _shape(headers: Sequence[pydicom.Dataset], names: Sequence[str]) -> tuple[int, int]:
    shapes = {
        (int(_needed(h, "Rows", 1, n)[0]), int(_needed(h, "Columns", 1, n)[0]))
        for h, n in zip(headers, names, strict=True)
    }
    if len(shapes) > 1:
        listed = " and ".join(f"{r} × {c}" for r, c in sorted(shapes)[:3])
        raise InputRefused(f"slices of {listed} rows × columns", "one shape", _EXPORT)
    rows, columns = shapes.pop()
    if min(rows, columns) < 1:
        raise InputRefused(f"slices of {rows} × {columns} pixels", "at least one", _EXPORT)
    return rows, columns


def _one_patient_and_frame(series: SeriesHeaders) -> None:
    headers = series.headers
    for keyword in ("PatientID", "FrameOfReferenceUID", "Modality"):  # values stay unsaid
        found = {text(h, keyword) for h in headers}
        if len(found) > 1:
            raise InputRefused(
                f"{named(keyword)} has {len(found)} values in one series", "one value", _EXPORT
            )
    frames = [place.frame for place in series.places] or [None] * len(headers)
    instances = {(text(h, "SOPInstanceUID"), k) for h, k in zip(headers, frames, strict=True)}
    if len(instances) < len(headers):
        raise InputRefused(
            f"different slices share one {named('SOPInstanceUID')}", "one UID a slice", _EXPORT
        )


def _alike(
    headers: Sequence[pydicom.Dataset],
    names: Sequence[str],
    keyword: str,
    count: int,
    tolerance: float,
) -> tuple[float, ...]:
    """The values of the first header, after checking that all others are the same."""
    values = np.array([_needed(h, keyword, count, n) for h, n in zip(headers, names, strict=True)])
    apart = np.abs(values - values[0]).max(axis=1)
    worst = int(apart.argmax())
    if apart[worst] > tolerance:
        raise InputRefused(
            f"{names[0]} and {names[worst]} differ in {named(keyword)} by {apart[worst]:.4g}",
            f"equal values in a series, within {tolerance:g}",
            "leave the odd slices out, or export the series again",
        )
    return tuple(float(v) for v in values[0])


def _perpendicular(orientation: tuple[float, ...]) -> None:
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(row @ column)) > 1e-3:
        raise InputRefused(
            f"{named('ImageOrientationPatient')} holds no two perpendicular unit vectors",
            "unit length and a right angle, within 0.001",
            "export the series again",
        )


def _unit(vector: Sequence[float]) -> Float[np.ndarray, "3"]:
    array = np.asarray(vector, dtype=float)
    return array / np.linalg.norm(array)


def _normal(orientation: Sequence[float]) -> Float[np.ndarray, "3"]:
    return _unit(np.cross(orientation[:3], orientation[3:]).tolist())


def _one_slice_a_position(slices: _Slices) -> None:
    doubled = np.flatnonzero(np.diff(slices.along) < _SAME_POSITION_MM)
    if len(doubled):
        a = int(doubled[0])
        raise InputRefused(
            f"{len(doubled) + 1} slices or more share positions, {slices.names[a]} and "
            f"{slices.names[a + 1]} for one"
            if len(doubled) > 1
            else f"{slices.names[a]} and {slices.names[a + 1]} share one position",
            "one slice at a position (no time frames, gates or second reconstruction)",
            "give one frame or reconstruction only",
        )


def _not_tilted(slices: _Slices) -> None:
    offset = slices.positions - slices.positions[0]
    drift = np.linalg.norm(offset - np.outer(offset @ slices.normal, slices.normal), axis=1)
    worst = int(drift.argmax())
    if drift[worst] > _OFF_GRID_MM:
        degrees = math.degrees(math.atan2(drift[worst], abs(offset[worst] @ slices.normal)))
        raise InputRefused(
            f"slices shift in their plane by up to {drift[worst]:.2f} mm, as with a gantry "
            f"tilted by {degrees:.1f}°",
            f"slices stacked along their normal, within {_OFF_GRID_MM:g} mm",
            "have the series reconstructed or resampled without tilt",
        )


def _regular(slices: _Slices, *, is_pet: bool) -> tuple[str, ...]:
    """Notes on a regular stack; anything else is refused."""
    gaps = np.diff(slices.along)
    usual = float(np.median(gaps))
    even = np.linspace(slices.along[0], slices.along[-1], len(slices.along))
    off_grid = float(np.abs(slices.along - even).max())
    uneven = float(np.abs(gaps - usual).max())
    gaps_differ = uneven > max(_CT_GAP * usual, _CT_GAP_MM)
    if off_grid > _OFF_GRID_MM or (gaps_differ and not is_pet):
        raise _irregular(slices, gaps, usual, off_grid)
    if off_grid <= _CT_GAP_MM and not gaps_differ:
        return ()
    return (
        f"gaps between slices run from {gaps.min():.2f} to {gaps.max():.2f} mm; read as a regular "
        f"grid of {(slices.along[-1] - slices.along[0]) / len(gaps):.4f} mm, from which a slice "
        f"lies {off_grid:.3f} mm at most",
    )


def _irregular(
    slices: _Slices, gaps: Float[np.ndarray, " n"], usual: float, off_grid: float
) -> InputRefused:
    smallest = float(gaps.min())
    # With every second slice gone the usual gap is itself a multiple of the smallest.
    for base in (usual, smallest):
        times = np.round(gaps / base)
        tolerance = np.maximum(_CT_GAP * gaps, _OFF_GRID_MM)
        if (times < 1).any() or (np.abs(gaps - times * base) > tolerance).any():
            continue
        holes = np.flatnonzero(times > 1)
        if not len(holes):
            continue
        missing = int((times[holes] - 1).sum())
        where = ", ".join(f"{slices.names[i]} and {slices.names[i + 1]}" for i in holes[:3])
        more = f", and {len(holes) - 3} more places" if len(holes) > 3 else ""
        return InputRefused(
            f"{missing} slice{'s' if missing > 1 else ''} missing: gaps are {base:.2f} mm but "
            f"{gaps[holes[0]]:.2f} mm between {where}{more}",
            "a series without holes",
            "export the series again, whole",
        )
    return InputRefused(
        f"uneven gaps between slices, {smallest:.2f} to {gaps.max():.2f} mm, up to "
        f"{off_grid:.2f} mm off a regular grid",
        "equal gaps within 1 % or 0.01 mm (PET: every slice within 0.1 mm of a regular grid)",
        "export a series with one slice distance, or resample it",
    )
