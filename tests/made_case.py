"""A small synthetic case and prediction, whose figures can be worked out by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from hnuiseg.dicom import SuvFactor
from hnuiseg.inference import NotDrawn, Prediction
from hnuiseg.models import Card
from hnuiseg.study.case import Case, Notice, PetImage, Provenance
from hnuiseg.volume import Grid, Reorientation, Volume, components, covered, resample

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREATED = datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC)

CARD = Card(
    name="made-up",
    recipe="phantom",
    scale="compact",
    summary="for tests",
    training_data="phantoms",
    licence_of_training_data="Apache-2.0",
    command="none",
    seed=1,
    figures={"Dice GTVp (phantom)": 0.8},
    limits="knows nothing",
)

GRID = Grid.axial((16, 40, 48), (3.0, 2.0, 2.0), (-47.0, -39.0, 100.0), "1.2.3")


def made_case(grid: Grid = GRID, *, pet_grid: Grid | None = None, with_pet: bool = True) -> Case:
    """A body of water in air; PET with a hot ball in the patient's left half."""
    centre = grid.to_world((np.asarray([grid.shape]) - 1) / 2)[0]
    ct = np.where(_distance(grid, centre, (40.0, 33.0, 1000.0)) < 1, 40.0, -1000.0)
    pet = None
    if with_pet:
        own = pet_grid or Grid.axial((12, 20, 24), (4.0, 4.0, 4.0), (-46.0, -38.0, 100.0), "1.2.3")
        hot = _distance(own, _moved(centre, (15.0, 0.0, 0.0)), (9.0, 9.0, 9.0)) < 1
        native = Volume(np.where(hot, 9.0, 1.0).astype(np.float32), own, "g/ml")
        suv = SuvFactor((0.0003,), "BQML", "BQML, START", "series time", 3600.0, 71.0, False)
        pet = PetImage(resample(native, grid), covered(own, grid), native, suv)
    return Case(
        ct=Volume(ct.astype(np.float32), grid, "HU"),
        pet=pet,
        notices=(Notice("not-head-neck", "This looks like a <thigh>."),),
        provenance=Provenance("files", "ct.nii.gz", "pet.nii.gz" if with_pet else None, ("that",)),
        dicom=None,
    )


def made_prediction(labels: np.ndarray, grid: Grid = GRID) -> Prediction:
    """Ten members, sure of everything but the lesions."""
    p = np.where(labels[None] == np.arange(3)[:, None, None, None], 0.9, 0.05)
    p = p.astype(np.float32)
    entropy = -(p * np.log(p)).sum(axis=0)
    return Prediction(
        labels=labels.astype(np.uint8),
        probabilities=p,
        entropy=entropy,
        mutual_information=entropy / 4,
        variance=None,
        votes=np.full(labels.shape, 10, dtype=np.int16),
        grid=grid,
        members=10,
        seed=7,
        settings={
            "model": "made-up",
            "device": "cpu",
            "precision": "float32",
            "torch threads": "2",
        },
    )


def undrawn_prediction() -> Prediction:
    """As of a model that drew one of the two nodes and listed the other."""
    labels = ball_labels()
    numbers, _ = components(labels == 2)
    place = np.argwhere(numbers == 2)[0]
    x, y, z = GRID.to_world(place[None].astype(float))[0]
    ml = np.count_nonzero(numbers == 2) * GRID.voxel_ml
    one = NotDrawn("GTVn", ml, 0.9, (float(x), float(y), float(z)))
    drawn = np.where(numbers == 2, 0, labels).astype(np.uint8)
    return replace(made_prediction(labels), labels=drawn, not_drawn=(one,))


def ball_labels(grid: Grid = GRID) -> np.ndarray:
    """A GTVp in the left half, where the PET is hot, and two GTVn in the right half."""
    centre = grid.to_world((np.asarray([grid.shape]) - 1) / 2)[0]
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[_distance(grid, _moved(centre, (15.0, 0.0, 0.0)), (10.0, 10.0, 10.0)) < 1] = 1
    labels[_distance(grid, _moved(centre, (-18.0, 8.0, 6.0)), (7.0, 7.0, 7.0)) < 1] = 2
    labels[_distance(grid, _moved(centre, (-18.0, -14.0, -9.0)), (4.0, 4.0, 4.0)) < 1] = 2
    return labels


def stored_as(
    case: Case, prediction: Prediction, axes: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> tuple[Case, Prediction]:
    """The same patient in another of the 48 orders of storage."""
    turn = Reorientation(axes, flips)
    grid = turn.grid(case.ct.grid)
    pet = case.pet
    if pet is not None:
        on_ct = Volume(turn.array(pet.on_ct.array), grid, "g/ml")
        pet = replace(pet, on_ct=on_ct, coverage=turn.array(pet.coverage))

    def channels(array: np.ndarray) -> np.ndarray:
        return np.stack([turn.array(channel) for channel in array])

    assert prediction.mutual_information is not None
    assert prediction.votes is not None
    turned = replace(
        prediction,
        labels=turn.array(prediction.labels),
        probabilities=channels(prediction.probabilities),
        entropy=turn.array(prediction.entropy),
        mutual_information=turn.array(prediction.mutual_information),
        votes=turn.array(prediction.votes),
        grid=grid,
    )
    return replace(case, ct=Volume(turn.array(case.ct.array), grid, "HU"), pet=pet), turned


def _moved(centre: np.ndarray, by_mm: tuple[float, float, float]) -> np.ndarray:
    return np.asarray(centre + np.asarray(by_mm))


def _distance(grid: Grid, centre: np.ndarray, radii: tuple[float, float, float]) -> np.ndarray:
    """Scaled distance of every voxel centre: below 1 is inside the ellipsoid."""
    index = np.indices(grid.shape).reshape(3, -1).T
    offset = (grid.to_world(index) - centre) / np.asarray(radii)
    return np.asarray(np.linalg.norm(offset, axis=1).reshape(grid.shape))
