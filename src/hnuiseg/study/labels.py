"""Drawings of GTVp and GTVn from anywhere as label maps, and two of them on one grid.

A label map, an RTSTRUCT or a SEG serves as truth, or as a segmentation to begin with.
Nothing is resampled here: voxels of one lattice are put side by side, whatever their order of
storage and the size of their images, and anything else is left as it came.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Bool, UInt8

from hnuiseg.dicom import (
    NameRule,
    RoiNames,
    drawn_on,
    map_roi_names,
    read_drawing,
    read_rtstruct,
    read_seg,
    roi_name_rules,
    scan_folder,
    series_geometry,
    tumour_of_code,
)
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.files import IMAGE_ENDINGS, read_image
from hnuiseg.volume import Grid, Volume

IGNORE = 255  # of a truth: nobody said what is there, so nothing there is right or wrong
TRUTH_VALUES = (0, 1, 2, IGNORE)  # background, GTVp, GTVn, unknown

_VALUES = {"GTVp": 1, "GTVn": 2}
_SAME_LATTICE_MM = 0.1  # so far may a slice lie off its series' regular grid
_EXACT_MM = 1e-3
_MOST_VOXELS = 2**31
_SHOWN = 6


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """Labels 0 background, 1 GTVp, 2 GTVn (a file may hold 255, ignore), and what to know."""

    volume: Volume
    bounded: bool  # False: the grid is only as large as what was drawn, and beyond is empty
    notes: tuple[str, ...] = ()


def read_labels(path: Path, *, ct: Path | None = None, roi_names: Path | None = None) -> LabelMap:
    """The drawing in one file: NIfTI, NRRD or MHA label map, DICOM RTSTRUCT or SEG.

    Contours have no grid: an RTSTRUCT lies on the slices of `ct`, a folder with the series it
    was drawn on (or its image as NIfTI, NRRD or MHA). Which regions and segments are GTVp
    and GTVn is decided by their names, where these don't say by a segment's property type; a
    pattern file (`roi_names`) has the whole say. Everything else is left out and said. A voxel in
    both is GTVp, and said.

    Raises InputRefused for what can't be read right, for drawings without a GTVp or GTVn, for
    a FRACTIONAL segmentation, and for frames of reference that differ; WrongCall for an
    RTSTRUCT without `ct`.
    """
    if path.is_dir() or not path.exists() or path.name.lower().endswith(IMAGE_ENDINGS):
        return LabelMap(read_image(path, "label"), True)
    kind, dataset = read_drawing(path)
    rules = roi_name_rules(roi_names)
    if kind == "SEG":
        return _from_seg(dataset, path.name, rules, types_count=roi_names is None)
    if ct is None:
        raise WrongCall(
            f"{path.name} holds contours, which have no voxels of their own",
            "contours with the CT that they were drawn on",
            "add --ct FOLDER",
        )
    grid, notes = _grid_of(ct, drawn_on(dataset), dataset.get("FrameOfReferenceUID", ""))
    return _from_rtstruct(dataset, path.name, rules, grid, notes)


def side_by_side(a: LabelMap, b: LabelMap) -> tuple[LabelMap, LabelMap] | None:
    """Both on one grid, each value at its own voxel; None where their voxels don't coincide.

    The grid is `b`'s lattice over both images. Axes may be stored in any order. Images up to
    0.1 mm apart, as slices may lie off a regular grid, are put together with a note. Raises
    InputRefused for two frames of reference.
    """
    refuse_two_frames(a.volume.grid, b.volume.grid)
    turned = _turned(a.volume, b.volume.grid)
    if turned is None:
        return None
    volume, start, apart_mm = turned
    notes = a.notes
    if apart_mm > _EXACT_MM:
        notes += (f"the two images lie {apart_mm:.3f} mm apart and count as one grid",)
    low = np.minimum(start, 0)
    high = np.maximum(start + np.array(volume.array.shape), b.volume.grid.shape)
    shape = tuple(int(n) for n in high - low)
    if np.prod(shape, dtype=float) > _MOST_VOXELS:
        return None
    grid = b.volume.grid.cropped(_three(low), _three(shape))
    on_a = Volume(_placed(volume.array, start - low, shape), grid, "label")
    on_b = Volume(_placed(b.volume.array, -low, shape), grid, "label")
    notes += _beyond(on_a, b, -low, "the truth's")
    b_notes = b.notes + _beyond(on_b, replace(a, volume=volume), start - low, "the prediction's")
    return replace(a, volume=on_a, notes=notes), replace(b, volume=on_b, notes=b_notes)


def on_grid(labels: LabelMap, grid: Grid) -> LabelMap:
    """The same labels at the voxels of `grid`, placed by position, never by index.

    A row or slice too many is cut off, one too few counts as background; both are noted where a
    label is lost. InputRefused where the voxels don't coincide: truth isn't resampled, and for
    two frames of reference.
    """
    refuse_two_frames(labels.volume.grid, grid)
    turned = _turned(labels.volume, grid)
    if turned is None:
        raise InputRefused(
            f"labels on another grid than the CT's ({_described(labels.volume.grid)} against "
            f"{_described(grid)})",
            "labels whose voxels coincide with the CT's",
            "give the labels as they were drawn on this CT; truth isn't resampled",
        )
    volume, start, apart_mm = turned
    notes = labels.notes
    if apart_mm > _EXACT_MM:
        notes += (f"labels and CT lie {apart_mm:.3f} mm apart and count as one grid",)
    placed = np.zeros(grid.shape, dtype=volume.array.dtype)
    ends = start + np.array(volume.array.shape)
    low, high = np.maximum(start, 0), np.minimum(ends, grid.shape)
    kept = 0
    if (low < high).all():
        there = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        from_ = tuple(slice(int(a), int(b)) for a, b in zip(low - start, high - start, strict=True))
        placed[there] = volume.array[from_]
        kept = int(np.count_nonzero(placed))
    lost = int(np.count_nonzero(volume.array)) - kept
    if lost:
        ml = lost * grid.voxel_ml
        notes += (f"{ml:.2f} ml of the labels lie where the CT has ended, and are left out",)
    return LabelMap(Volume(placed, grid, "label"), True, notes)


def _described(grid: Grid) -> str:
    size = " × ".join(map(str, grid.shape))
    spacing = " × ".join(f"{s:.3g}" for s in grid.spacing)
    return f"{size} voxels of {spacing} mm"


def widened(labels: LabelMap, other: LabelMap) -> LabelMap:
    """`labels` on a grid of its lattice that also holds what the other has drawn.

    Only where its grid is no image's (a SEG's): an image's own border stands.
    """
    if labels.bounded or not other.volume.array.any():
        return labels
    grid, drawn = labels.volume.grid, other.volume.array != 0
    edges = [np.flatnonzero(drawn.any(axis=tuple({0, 1, 2} - {k}))) for k in range(3)]
    ends = [(int(e[0]) - 0.5, int(e[-1]) + 0.5) for e in edges]
    corners = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T
    index = grid.to_index(other.volume.grid.to_world(corners))
    low = np.minimum(np.floor(index.min(axis=0)).astype(int), 0)
    high = np.maximum(np.ceil(index.max(axis=0)).astype(int) + 1, grid.shape)
    shape = tuple(int(n) for n in high - low)
    if np.prod(shape, dtype=float) > _MOST_VOXELS:
        raise InputRefused(
            f"two drawings that span {' × '.join(map(str, shape))} voxels together",
            "drawings of one patient in one frame of reference",
            "check that they belong together",
        )
    array = _placed(labels.volume.array, -low, shape)
    volume = Volume(array, grid.cropped(_three(low), _three(shape)), "label")
    return replace(labels, volume=volume)


def refuse_two_frames(a: Grid, b: Grid) -> None:
    """InputRefused where both name a frame of reference, and not the same one."""
    if a.frame_of_reference and b.frame_of_reference != a.frame_of_reference:
        if not b.frame_of_reference:
            return
        raise InputRefused(
            "prediction and truth lie in different frames of reference",
            "the same Frame of Reference UID (0020,0052), or files that carry none",
            "register them first; their positions can't be compared as they are",
        )


def _from_seg(
    dataset: pydicom.Dataset, name: str, rules: tuple[NameRule, ...], *, types_count: bool
) -> LabelMap:
    seg = read_seg(dataset)
    if seg.kind == "FRACTIONAL":
        raise InputRefused(
            f"{name} is a FRACTIONAL segmentation: probabilities, and no word where a tumour ends",
            "a BINARY or LABELMAP segmentation",
            "give the binary one",
        )
    names = map_roi_names((s.label for s in seg.segments), rules)
    by_type, drawn = [], []
    for segment in seg.segments:
        region = names.region(segment.label)
        if types_count and segment.label in names.unmatched:
            region = tumour_of_code(segment.kind)
            if region is not None:
                by_type.append(segment.label)
        if region is not None:
            drawn.append((region, segment.array))
    notes = [*seg.notes, *_name_notes(names, by_type)]
    return LabelMap(*_merged(drawn, seg.grid, name, notes, bounded=False))


def _from_rtstruct(
    dataset: pydicom.Dataset,
    name: str,
    rules: tuple[NameRule, ...],
    grid: Grid,
    notes: Sequence[str],
) -> LabelMap:
    heard: dict[str, None] = {}

    def wanted(roi: str) -> bool:
        heard[roi] = None
        return _mapped(roi, rules).region(roi) is not None

    found = read_rtstruct(dataset, grid, wanted)
    names = map_roi_names(heard, rules)
    # a second region of one name is called "name (2)"
    drawn = [
        (names.region(roi) or names.region(roi.rpartition(" (")[0]) or "", mask)
        for roi, mask in found.masks.items()
    ]
    said = [*notes, *found.notes, *_name_notes(names)]
    return LabelMap(*_merged(drawn, grid, name, said, bounded=True))


def _name_notes(names: RoiNames, by_type: Sequence[str] = ()) -> list[str]:
    """What was read on doubt, and what was left out: organs by the dozen in one line."""
    known = replace(names, unmatched=()).notes
    typed = [f"{label}: taken for what its property type says" for label in by_type]
    unknown = [name for name in names.unmatched if name not in by_type]
    if not unknown:
        return [*known, *typed]
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    listed = ", ".join(unknown[:_SHOWN]) + more
    return [*known, *typed, f"left out, as neither GTVp nor GTVn by name: {listed}"]


def _mapped(roi: str, rules: tuple[NameRule, ...]) -> RoiNames:
    return map_roi_names((roi,), rules)


def _merged(
    drawn: Sequence[tuple[str, Bool[np.ndarray, "z y x"]]],
    grid: Grid,
    name: str,
    notes: Sequence[str],
    *,
    bounded: bool,
) -> tuple[Volume, bool, tuple[str, ...]]:
    if not drawn:
        left_out = "; ".join(notes[:3])
        raise InputRefused(
            f"{name} holds no region that is known as GTVp or GTVn"
            + (f" ({left_out})" if left_out else ""),
            "regions whose names, or segments whose types, say so",
            "name them by a pattern file (--roi-names FILE)",
        )
    labels = np.zeros(grid.shape, dtype=np.uint8)
    both = np.zeros(grid.shape, dtype=bool)
    for region in ("GTVn", "GTVp"):  # GTVp last: it has the say
        for mask in (m for r, m in drawn if r == region):
            both |= mask & (labels != 0) & (labels != _VALUES[region])
            labels[mask] = _VALUES[region]
    if both.any():
        ml = int(np.count_nonzero(both)) * grid.voxel_ml
        notes = [*notes, f"{ml:.2f} ml are in GTVp and GTVn at once, and count as GTVp"]
    return Volume(labels, grid, "label"), bounded, tuple(notes)


def _grid_of(ct: Path, series_uids: frozenset[str], frame: object) -> tuple[Grid, tuple[str, ...]]:
    """The grid that contours are filled on, and what to know about it."""
    if ct.is_file() and ct.name.lower().endswith(IMAGE_ENDINGS):
        return read_image(ct, "HU").grid, ()
    stacks = [s for s in scan_folder(ct).series if s.is_image and s.excluded_because is None]
    named = [s for s in stacks if s.uid in series_uids]
    if len(named) == 1:
        return series_geometry(named[0]).grid, ()
    alike = [s for s in stacks if s.modality == "CT" and s.frame_of_reference == str(frame)]
    if not named and len(alike) == 1:
        note = "the series that the contours name isn't there; they lie on another in its frame"
        return series_geometry(alike[0]).grid, (note,)
    raise InputRefused(
        f"{ct.name} doesn't hold the one series that the contours were drawn on",
        "the folder of that series",
        "give that folder with --ct",
    )


def _turned(volume: Volume, grid: Grid) -> tuple[Volume, np.ndarray, float] | None:
    """A volume with its axes as those of `grid`, the voxel where it begins, and mm off."""
    matrix, _ = volume.grid.index_map(grid)
    order = np.rint(matrix)
    if not np.array_equal(np.abs(order).sum(axis=0), [1, 1, 1]) or not np.array_equal(
        np.abs(order).sum(axis=1), [1, 1, 1]
    ):
        return None
    axes = np.abs(order).argmax(axis=1)  # of `grid`: which axis of the volume runs along it
    array = volume.array.transpose(axes)
    flips = [k for k in range(3) if order[k, axes[k]] < 0]
    first = np.zeros(3)
    for k in flips:
        first[axes[k]] = volume.grid.shape[axes[k]] - 1
    start = np.rint(grid.to_index(volume.grid.to_world(first[None]))[0]).astype(int)
    there = grid.cropped(_three(start), _three(array.shape))
    steps = volume.grid.steps[axes] * np.where(np.isin(range(3), flips), -1.0, 1.0)[:, None]
    here = Grid.from_steps(
        _three(array.shape),
        steps,
        volume.grid.to_world(first[None])[0],
        volume.grid.frame_of_reference,
    )
    apart = _farthest_corner(here, there)
    if apart > _SAME_LATTICE_MM:
        return None
    return Volume(np.flip(array, tuple(flips)), here, "label"), start, apart


def _farthest_corner(a: Grid, b: Grid) -> float:
    ends = [(0, n - 1) for n in a.shape]
    corners = np.array(np.meshgrid(*ends, indexing="ij"), dtype=float).reshape(3, -1).T
    return float(np.abs(a.to_world(corners) - b.to_world(corners)).max())


def _placed(
    array: UInt8[np.ndarray, "z y x"], start: np.ndarray, shape: Sequence[int]
) -> UInt8[np.ndarray, "Z Y X"]:
    if tuple(array.shape) == tuple(shape):
        return array
    whole = np.zeros(tuple(shape), dtype=np.uint8)
    z, y, x = (slice(int(s), int(s) + n) for s, n in zip(start, array.shape, strict=True))
    whole[z, y, x] = array
    return whole


def _beyond(labels: Volume, other: LabelMap, start: np.ndarray, whose: str) -> tuple[str, ...]:
    """How much is drawn where the other's image has ended: it counts as nothing drawn there."""
    if not other.bounded:
        return ()
    outside = labels.array != 0
    z, y, x = (
        slice(int(s), int(s) + n) for s, n in zip(start, other.volume.array.shape, strict=True)
    )
    inside = int(np.count_nonzero(labels.array[z, y, x]))
    lost = int(np.count_nonzero(outside)) - inside
    if not lost:
        return ()
    return (f"{lost * labels.grid.voxel_ml:.2f} ml lie outside {whose} image",)


def _three(values: Sequence[int] | np.ndarray) -> tuple[int, int, int]:
    z, y, x = (int(v) for v in values)
    return z, y, x
