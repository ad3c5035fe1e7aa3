"""Cases in memory: those of open sessions, and a few that were looked at last."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hnuiseg.interaction import Network
from hnuiseg.interaction.boxes import Box
from hnuiseg.server.queue import Progress
from hnuiseg.server.refusals import Refused
from hnuiseg.server.sources import Answering, Source
from hnuiseg.study import Case
from hnuiseg.volume import Volume, body_box, thinned

_MARGIN_MM = 10.0  # round the body: skin and mask stay in the picture
_COARSE_MM = 3.0  # the box is looked for on so coarse a picture: 0.5 s for 512 x 512 x 200, not 7


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A case with what pictures of it need."""

    case: Case
    body: Box  # what is sent of it
    suv_largest: float
    network: Network

    @classmethod
    def of(cls, case: Case, network: Network) -> "Loaded":
        """Find the body and the largest uptake."""
        largest = 0.0 if case.pet is None else float(np.max(case.pet.native.array, initial=0.0))
        if case.pet is not None:
            largest = max(largest, float(np.max(case.pet.on_ct.array, initial=0.0)))
        return cls(case, shown_box(case.ct), largest, network)


def shown_box(ct: Volume) -> Box:
    """The body's box with a margin, to within a coarse voxel; it decides what is sent, no more."""
    coarse, steps = thinned(ct, _COARSE_MM)
    z, y, x = (
        slice(side.start * step, min(n, side.stop * step))
        for side, step, n in zip(body_box(coarse, _MARGIN_MM), steps, ct.grid.shape, strict=True)
    )
    return z, y, x


class Shelf:
    """Cases by the id of their study; all methods may be called from any thread."""

    def __init__(self, answering: Answering, spare: int) -> None:
        self.answering = answering
        self._spare = spare
        self._lock = threading.Lock()
        self._cases: dict[str, Loaded] = {}  # the one that was used last is last
        self._pins: dict[str, int] = {}

    def load(self, study: str, source: Source, progress: Progress) -> Loaded:
        """From memory, or read anew."""
        found = self._touched(study)
        if found is not None:
            return found
        case = source.read(progress)
        made = Loaded.of(case, self.answering.network(case))
        with self._lock:
            kept = self._cases.setdefault(study, made)
            self._shed()
        return kept

    def present(self, study: str) -> Loaded:
        """What is in memory; Refused where the study would have to be read first."""
        found = self._touched(study)
        if found is None:
            raise Refused(
                409,
                "study-not-open",
                "a picture of a study that isn't open",
                "studies that are open",
                "start its automatic pass, or open a session of it",
            )
        return found

    def holds(self, study: str) -> bool:
        """Whether a case is in memory, without counting as a look at it."""
        with self._lock:
            return study in self._cases

    def pin(self, study: str) -> Callable[[], None]:
        """Keep a case until what is returned is called."""
        with self._lock:
            self._pins[study] = self._pins.get(study, 0) + 1
        done = threading.Event()

        def unpin() -> None:
            if done.is_set():
                return
            done.set()
            with self._lock:
                self._pins[study] -= 1
                if not self._pins[study]:
                    del self._pins[study]
                self._shed()

        return unpin

    def _touched(self, study: str) -> Loaded | None:
        with self._lock:
            found = self._cases.pop(study, None)
            if found is not None:
                self._cases[study] = found
            return found

    def _shed(self) -> None:
        free = [study for study in self._cases if study not in self._pins]
        for study in free[: max(0, len(free) - self._spare)]:
            del self._cases[study]
