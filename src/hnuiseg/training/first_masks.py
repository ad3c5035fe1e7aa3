"""Stage 3's first masks: the automatic answer for each whole case, computed once and kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from hnuiseg.cohorts import read_array, write_array
from hnuiseg.models import ModelFile
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.training.whole import WholeAnswers


class FirstMasks(Mapping[str, UInt8[np.ndarray, "z y x"]]):
    """By the sample's name; kept in `folder`, of one model. They compress to almost nothing."""

    def __init__(self, folder: Path, samples: Sequence[StoredSample]) -> None:
        self._files = {sample.name: folder / f"{sample.name}.b2nd" for sample in samples}
        self._shapes = {sample.name: sample.shape for sample in samples}

    def __getitem__(self, name: str) -> UInt8[np.ndarray, "z y x"]:
        return read_array(self._files[name], self._shapes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _whole(self, name: str) -> bool:
        try:
            self[name]
        except (OSError, ValueError):
            return False
        return True

    def make(
        self,
        samples: Sequence[StoredSample],
        model: ModelFile,
        device: torch.device,
        told: Callable[[int, int], None] | None = None,
    ) -> None:
        """Those that aren't there yet, or are damaged, by the model's answer without clicks."""
        answers: WholeAnswers | None = None
        for done, sample in enumerate(samples):
            file = self._files[sample.name]
            if self._whole(sample.name):
                continue
            if told is not None:
                told(done, len(samples))
            answers = answers or WholeAnswers(model, device)
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(".part")
            beside.unlink(missing_ok=True)
            write_array(answers.labels(sample), beside)
            beside.rename(file)
