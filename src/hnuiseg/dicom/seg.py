"""Masks and probabilities to a DICOM Segmentation on the slices they were made from.

BINARY holds masks bit by bit; FRACTIONAL holds probabilities in steps of 1/255, so that a value
is off by 1/510 at most. Both are said to be for research and UNAPPROVED.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8
from pydicom.dataset import Dataset

from hnuiseg.dicom.derived import Made, common_arguments, finish, frames, identity, sources
from hnuiseg.dicom.reference import DicomReference
from hnuiseg.dicom.structures import Colour, Structure
from hnuiseg.dicom.tumour_codes import TUMOUR_CODES, Code, TumourCodes
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription

_BINARY_SERIES, _FRACTIONAL_SERIES = 902, 903  # viewers list them after the scanner's
_LEAST_PIXELS = 8
_LEVELS = 255  # Maximum Fractional Value (0062,000E)


def binary_seg(
    structures: Sequence[Structure], grid: Grid, reference: DicomReference, made: Made
) -> Dataset:
    """A BINARY segmentation with one segment for each structure that has a voxel.

    `grid` is the grid of the masks; its first axis runs over the slices of `reference`.
    Segments are numbered from 1 in the order given and may overlap. A structure's name begins
    with GTVp or GTVn, which decides its codes. Frames without a voxel are left out, as the
    standard allows, so a reader finds nothing there. The same arguments give the same bytes.

    Raises OutputFailed if no structure has a voxel (a segmentation of nothing has no frame,
    which the standard doesn't allow), if masks, grid and slices don't fit, or for another name.
    Source: DICOM PS3.3 A.51, C.8.20.2, C.8.20.4.
    """
    drawn = [trimmed for s in structures if (trimmed := s.trimmed()) is not None]
    if not drawn:
        raise OutputFailed(
            "structures without a single voxel",
            "at least one structure that isn't empty",
            "write no segmentation where no tumour was found",
        )
    if grid.shape[1] * grid.shape[2] < _LEAST_PIXELS:  # highdicom 0.28.2 packs their bits wrong
        raise OutputFailed(
            f"slices of {grid.shape[1]} × {grid.shape[2]} pixels",
            f"at least {_LEAST_PIXELS} pixels",
            "segment a series of usual size",
        )
    planes, masks = _stacked(drawn, grid)
    base = identity("BINARY", reference, made, _binary_parts(drawn))
    descriptions = [
        _description(number, s.name, s.algorithm, s.colour, made)
        for number, s in enumerate(drawn, start=1)
    ]
    arguments: dict[str, Any] = {
        **common_arguments(base, made, _BINARY_SERIES, "TUMOUR"),
        **frames(grid, reference, planes),
    }
    from highdicom.seg import Segmentation

    dataset = Segmentation(sources(grid, reference), masks, "BINARY", descriptions, **arguments)
    finish(dataset, reference, made, base)
    return dataset


def fractional_seg(
    probabilities: Mapping[str, Float[np.ndarray, "z y x"]],
    colours: Mapping[str, Colour],
    grid: Grid,
    reference: DicomReference,
    made: Made,
) -> Dataset:
    """A FRACTIONAL segmentation of PROBABILITY: one segment for each name, GTVp or GTVn.

    Values from 0 to 1 are stored as the nearest of 0/255 … 255/255. Frames in which all are
    nearest to 0 are left out.

    Raises OutputFailed for values that are no probabilities, if everything is nearest to 0,
    if arrays, grid and slices don't fit, or for another name.
    Source: DICOM PS3.3 A.51, C.8.20.2.3.
    """
    stored = {name: _levels(values, grid) for name, values in probabilities.items()}
    planes = [k for k in range(grid.shape[0]) if any(s[k].any() for s in stored.values())]
    if not planes:
        raise OutputFailed(
            f"probabilities that are all below 1/{2 * _LEVELS}",
            "at least one above",
            "write no segmentation where no tumour was found",
        )
    names = list(stored)
    base = identity(
        "FRACTIONAL", reference, made, (p for n in names for p in (n.encode(), stored[n].tobytes()))
    )
    descriptions = [
        _description(number, name, "AUTOMATIC", colours[name], made)
        for number, name in enumerate(names, start=1)
    ]
    # highdicom multiplies by the levels and rounds: dividing before gives back the same numbers
    exact = np.stack([stored[name][planes] for name in names], axis=-1) / np.float32(_LEVELS)
    arguments: dict[str, Any] = {
        **common_arguments(base, made, _FRACTIONAL_SERIES, "TUMOUR"),
        **frames(grid, reference, planes),
        "fractional_type": "PROBABILITY",
        "max_fractional_value": _LEVELS,
    }
    from highdicom.seg import Segmentation

    dataset = Segmentation(sources(grid, reference), exact, "FRACTIONAL", descriptions, **arguments)
    finish(dataset, reference, made, base)
    return dataset


def _stacked(
    drawn: Sequence[Structure], grid: Grid
) -> tuple[range, UInt8[np.ndarray, "plane y x segment"]]:
    """The planes from the first to the last with a voxel, one channel a segment."""
    boxes = []
    for s in drawn:
        assert s.offset_zyx is not None  # trimmed
        if not s.fits(grid.shape):
            raise OutputFailed(
                f"a mask of {s.mask.shape} from voxel {s.offset_zyx} on a grid of {grid.shape}",
                "masks on the grid of the referenced series",
                "bring the masks onto the original CT first",
            )
        boxes.append((s, s.offset_zyx))
    first = min(offset[0] for _, offset in boxes)
    last = max(offset[0] + s.mask.shape[0] for s, offset in boxes)
    masks = np.zeros((last - first, *grid.shape[1:], len(drawn)), dtype=np.uint8)
    for channel, (s, (z, y, x)) in enumerate(boxes):
        depth, height, width = s.mask.shape
        masks[z - first : z - first + depth, y : y + height, x : x + width, channel] = s.mask
    return range(first, last), masks


def _binary_parts(drawn: Sequence[Structure]) -> Iterable[bytes]:
    for s in drawn:
        said = s.name, s.colour, s.algorithm, s.offset_zyx, s.mask.shape
        yield repr(said).encode() + np.packbits(s.mask).tobytes()


def _levels(values: Float[np.ndarray, "z y x"], grid: Grid) -> UInt8[np.ndarray, "z y x"]:
    if values.shape != grid.shape:
        raise OutputFailed(
            f"probabilities of {values.shape} on a grid of {grid.shape}",
            "probabilities on the grid of the referenced series",
            "bring them onto the original CT first",
        )
    lowest, highest = float(values.min()), float(values.max())
    if not -1e-5 <= lowest <= highest <= 1 + 1e-5:  # NaN fails too
        raise OutputFailed(
            f"values from {lowest:g} to {highest:g}", "probabilities from 0 to 1", "correct them"
        )
    return np.rint(np.clip(values, 0.0, 1.0) * np.float32(_LEVELS)).astype(np.uint8)


def _codes(name: str) -> TumourCodes:
    for tumour, codes in TUMOUR_CODES.items():
        if name.startswith(tumour):
            return codes
    raise OutputFailed(
        f"a segment called {name!r}, whose codes aren't known",
        "names that begin with " + " or ".join(TUMOUR_CODES),
        "rename it",
    )


def _description(
    number: int, name: str, algorithm: str, colour: Colour, made: Made
) -> "SegmentDescription":
    from highdicom.color import CIELabColor
    from highdicom.content import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes as known

    codes = _codes(name)
    return SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=_concept(codes.category),
        segmented_property_type=_concept(codes.kind),
        algorithm_type=algorithm,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=(made.model or made.software)[:64],
            family=known.DCM.ArtificialIntelligence,
            version=made.software[:64],
            source="hnuiseg, research use only",
        ),
        anatomic_regions=[_concept(codes.region)],
        display_color=CIELabColor.from_rgb(*colour),
    )


def _concept(code: Code) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)
