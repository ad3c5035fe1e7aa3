"""Automatic results by content: the same case, model and options are predicted once."""

import shutil
from collections.abc import Callable
from pathlib import Path

from hnuiseg.errors import HnuisegError
from hnuiseg.files import atomic_write
from hnuiseg.inference import Prediction, PredictOptions, predict
from hnuiseg.interaction.content import prediction_hash
from hnuiseg.interaction.start import Start
from hnuiseg.interaction.start_files import (
    description_bytes,
    description_from,
    read_start,
    write_start,
)
from hnuiseg.interaction.whole_folders import new_folder
from hnuiseg.models import ModelFile
from hnuiseg.study import Case

_NAME = "start.json"
Progress = Callable[[float, str], None]


def automatic_start(
    case: Case,
    model: ModelFile,
    options: PredictOptions,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Start:
    """The automatic result of a case, from the cache folder where it is there and whole.

    What the cache can't give, or doesn't hold as it was written, is predicted anew. A cache that
    can't be written raises OutputFailed.
    """
    if cache is None:
        return Start.of_prediction(predict(case, model, options, progress))
    folder = cache / f"start-{prediction_hash(case, model.sha256, options)[:32]}"
    found = cached_start(folder)
    if found is not None:
        return found
    return keep_start(predict(case, model, options, progress), folder)


def keep_start(prediction: Prediction, folder: Path) -> Start:
    """Store a prediction in a folder of its own and give it back from there."""
    if folder.exists():
        found = cached_start(folder)
        if found is not None:  # another program was faster
            return found
        shutil.rmtree(folder, ignore_errors=True)  # damaged: it can be made again
    with new_folder(folder) as made:
        described = write_start(Start.of_prediction(prediction), made)
        atomic_write(made / _NAME, description_bytes(described))
    return read_start(folder, described, verify=False)


def cached_start(folder: Path) -> Start | None:
    """What a folder of the cache holds; None where it is absent or not as it was written."""
    try:
        described = description_from((folder / _NAME).read_bytes())
        return read_start(folder, described)
    except (OSError, ValueError, HnuisegError):
        return None
