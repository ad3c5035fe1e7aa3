"""The three stages of the paper (section 2.2) in one folder: RUN/stage1, stage2, stage3.

Each stage starts from the one before it, or from a published model, and leaves `model.safetensors`.
What it was started with is in its `run.json` and must be the same to go on.
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnuiseg.errors import InputRefused, ModelMismatch, OutputFailed
from hnuiseg.files import atomic_write
from hnuiseg.models import Card, ModelFile, model_bytes, read_model
from hnuiseg.networks import Precision, ResidualEncoderUNet, build, patch_masks
from hnuiseg.training.corrections import Corrections
from hnuiseg.training.data import Parts, samples_of
from hnuiseg.training.first_masks import FirstMasks
from hnuiseg.training.licence import all_licences
from hnuiseg.training.loop import CHECKPOINT, Method, Schedule, train
from hnuiseg.training.losses import Terms, loss_of_each
from hnuiseg.training.patches import Patches
from hnuiseg.training.recipe import STAGES, Recipe, Scale
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.training.validation import Validation, validation_rows
from hnuiseg.training.workers import Workers
from hnuiseg.volume import Triple

RECORD = "run.json"
MODEL = "model.safetensors"
_FIRST_MASKS = "first-masks"
PATIENTS = "patients.json"  # whom a stage, and all that feed it, learnt from
_DROPOUT = 0x4D41

Told = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Everything that decides what a stage's training comes to."""

    number: int
    recipe: Recipe
    scale: Scale
    parts: Parts
    fold: str
    seed: int
    precision: Precision
    begin: ModelFile | None  # None: fresh weights
    learnt: frozenset[str] = frozenset()  # patients that `begin` learnt from, as far as is known

    def record(self) -> dict[str, Any]:
        """What `run.json` says; a run goes on only where it is the same."""
        return {
            "stage": self.number,
            "recipe": self.recipe.to_json(),
            "scale": self.scale.to_json(),
            "data": self.parts.sha256,
            "fold": self.fold,
            "seed": self.seed,
            "precision": self.precision,
            "begins with": None if self.begin is None else self.begin.sha256,
            "licence": self.parts.licence,
            "software": f"hnuiseg {metadata.version('hnuiseg')}",
        }

    @property
    def steps_an_epoch(self) -> int:
        """At least one."""
        if self.scale.steps_an_epoch is not None:
            return self.scale.steps_an_epoch
        return math.ceil(len(self.parts.training) / self.scale.batch)

    @property
    def schedule(self) -> Schedule:
        """Steps and learning rate."""
        epoch = self.steps_an_epoch
        return Schedule(
            steps=self.recipe.epochs * epoch,
            warm_up=self.recipe.warm_up_epochs * epoch,
            learning_rate=self.scale.learning_rate * self.recipe.rate_of_stage[self.number - 1],
            weight_decay=self.recipe.weight_decay,
            clip_norm=self.recipe.clip_norm,
            hold_from=self.scale.hold_from,
            precision=self.precision,
        )


def stage_folder(run: Path, number: int) -> Path:
    """Where a stage of a run lies."""
    return run / f"stage{number}"


def model_before(run: Path, number: int) -> ModelFile | None:
    """What stage `number` starts from within its run: None for stage 1.

    InputRefused where the stage before isn't finished.
    """
    if number == STAGES[0]:
        return None
    file = stage_folder(run, number - 1) / MODEL
    if not file.exists():
        raise InputRefused(
            f"stage {number} without a finished stage {number - 1} in {run.name}",
            f"a run whose stage {number - 1} is finished, or a published model",
            f"train stage {number - 1} first, or add --from MODEL",
        )
    return read_model(file)


def read_record(folder: Path) -> dict[str, Any]:
    """What a stage was started with. InputRefused where that can't be read."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text())
        if not {"fold", "data", "begins with"} <= record.keys():
            raise ValueError("it says too little")
        return record
    except (OSError, ValueError, AttributeError) as error:
        raise InputRefused(
            f"{RECORD} in {folder.name} can't be read ({type(error).__name__})",
            "a stage of `hnuiseg train`",
            "train it again",
        ) from error


def run_stage(
    stage: Stage, run: Path, crew: Workers, *, resume: bool, told: Told | None = None
) -> Path:
    """Train one stage and return its model file; a finished one is returned as it is.

    Raises OutputFailed where the folder holds another run, or the same one and `resume` isn't
    asked for; TrainingStopped where the loss is no number.
    """
    tell = told or (lambda fraction, what: None)
    folder = stage_folder(run, stage.number)
    if crew.rank == 0:
        _check_begin(stage)
        _refuse_leaks(run, stage)
        _claim(folder, stage, resume)
        _prepare(stage, folder, crew, tell)
    crew.wait()
    file = folder / MODEL
    if file.exists():
        return file
    settings = stage.scale.settings
    samples = samples_of(stage.parts.training, settings)
    network = _network(stage)
    patches = Patches(
        samples,
        stage.recipe,
        stage.scale,
        stage.number,
        stage.seed,
        FirstMasks(folder / _FIRST_MASKS, samples) if _needs_first_masks(stage) else None,
    )
    numbers = range(crew.rank, stage.scale.batch, crew.count)

    def masks(step: int) -> AbstractContextManager[None]:
        key = [stage.seed, _DROPOUT, stage.number, step]
        return patch_masks(network, settings.dropout_rate, key, numbers)

    terms = _terms(stage.recipe, settings.working_spacing or (1.0, 1.0, 1.0))

    def loss_of(logits: Any, labels: torch.Tensor) -> torch.Tensor:
        return loss_of_each(logits, labels, terms)

    corrected = None
    if stage.recipe.rounds:
        corrected = Corrections(stage.recipe, settings, stage.number, stage.seed, list(numbers))

    train(
        network,
        lambda first: patches.batches(first, numbers),
        stage.schedule,
        folder,
        lambda done, of, loss: tell(done / of, f"stage {stage.number}, loss {loss:.2f}"),
        method=Method(loss_of, masks, corrected, _watch(stage, network, folder, crew, tell)),
        workers=crew,
    )
    if crew.rank == 0:
        card = _card(stage, validation_rows(folder))
        atomic_write(file, model_bytes(card, settings, _weights(network)))
    crew.wait()
    return file


def check_crew(scale: Scale, crew: Workers) -> None:
    """InputRefused where a step's patches can't be shared evenly."""
    if scale.batch % crew.count:
        raise InputRefused(
            f"{crew.count} processes for {scale.batch} patches a step",
            f"a number of processes that divides {scale.batch}",
            "start another number with torchrun --nproc-per-node",
        )


def _check_begin(stage: Stage) -> None:
    """ModelMismatch where the model to start from prepares images otherwise."""
    if stage.begin is None:
        return
    own = stage.scale.settings
    # what these say is of the model's answers, not of what it is shown
    theirs = replace(
        stage.begin.settings,
        temperatures=own.temperatures,
        least_ml=own.least_ml,
        least_peak=own.least_peak,
    )
    if theirs != own:
        names = [f.name for f in fields(own) if getattr(own, f.name) != getattr(theirs, f.name)]
        raise ModelMismatch(
            f"{stage.begin.card.name} has another {', '.join(names)} than scale "
            f"{stage.scale.name} of recipe {stage.recipe.name}",
            "a model of the same recipe and scale",
            "name another --scale, recipe or --from",
        )


def _refuse_leaks(run: Path, stage: Stage) -> None:
    """No patient who validates, calibrates or is tested on was learnt from before (law 11).

    InputRefused where one was. Whom a published model has learnt from isn't known; its card says
    what it has seen.
    """
    others = (stage.parts.validation, stage.parts.calibration, stage.parts.testing)
    kept = {ref.patient for part in others for ref in part}
    leaked = sorted(kept & _learnt_before(run, stage))
    if leaked:
        raise InputRefused(
            f"patient {leaked[0]} was learnt from before and is held back in stage {stage.number}",
            "the same fold of a patient in everything that feeds another",
            "use the same --fold and splits throughout",
        )


def _learnt_before(run: Path, stage: Stage) -> frozenset[str]:
    """Whom the weights that it starts from have learnt from, as far as anybody knows."""
    if stage.begin is None:
        return frozenset()
    before = stage_folder(run, stage.number - 1) / MODEL
    own = before.exists() and read_model(before).sha256 == stage.begin.sha256
    return stage.learnt | (learnt_by(before) if own else frozenset())


def learnt_by(model: Path) -> frozenset[str]:
    """Whom a stage's model and all before it learnt from; empty for what is no stage's.

    InputRefused where a stage's record of it is damaged or gone.
    """
    file = model.parent / PATIENTS
    if not model.exists() or not (file.exists() or (model.parent / RECORD).exists()):
        return frozenset()
    try:
        return frozenset(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise InputRefused(
            f"{PATIENTS} in {model.parent.name} can't be read ({type(error).__name__})",
            "a stage of `hnuiseg train`, which says whom it learnt from",
            "train that stage again",
        ) from error


def _corrects(stage: Stage) -> bool:
    return stage.number == STAGES[-1]


def _clicks(stage: Stage) -> bool:
    """Whether the network learns what clicks on an answer mean."""
    prompted = stage.recipe.prompted[stage.number - 1] > 0
    return _corrects(stage) or (stage.recipe.rounds > 0 and prompted)


def _needs_first_masks(stage: Stage) -> bool:
    """Where clicks are drawn from the errors of masks, and not of the network's own answers."""
    return _corrects(stage) and not stage.recipe.rounds


def _prepare(stage: Stage, folder: Path, crew: Workers, tell: Told) -> None:
    """Samples and first masks, before anybody needs them."""
    settings = stage.scale.settings

    def making(done: int, of: int) -> None:
        tell(done / max(1, of), "images as the network sees them")

    samples = samples_of(stage.parts.training, settings, making)
    samples_of(stage.parts.validation, settings, making)
    if _needs_first_masks(stage):
        assert stage.begin is not None  # stage 1 alone starts from nothing
        FirstMasks(folder / _FIRST_MASKS, samples).make(
            samples,
            stage.begin,
            crew.device,
            lambda done, of: tell(done / of, "first masks to correct"),
        )


def _network(stage: Stage) -> ResidualEncoderUNet:
    torch.manual_seed(stage.seed)  # first weights: torch draws them from its own state
    network = build(stage.scale.settings.network, stage.scale.settings.network_settings)
    assert isinstance(network, ResidualEncoderUNet)
    if stage.begin is None:
        network.start_at_background()
        return network
    weights = {name: torch.from_numpy(np.array(a)) for name, a in stage.begin.weights.items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelMismatch(
            f"the weights of {stage.begin.card.name} don't fit scale {stage.scale.name}",
            f"a model of scale {stage.scale.name}",
            "name another --scale or --from",
        ) from error
    return network


def _terms(recipe: Recipe, spacing: Triple) -> Terms:
    return Terms(recipe.every_scale, recipe.absent_ml * 1000 / math.prod(spacing), recipe.lesions)


def _watch(
    stage: Stage, network: ResidualEncoderUNet, folder: Path, crew: Workers, tell: Told
) -> Callable[[int], None]:
    """Validation every so many epochs and at the end."""
    samples: tuple[StoredSample, ...] = ()
    if crew.rank == 0:
        samples = samples_of(stage.parts.validation, stage.scale.settings)
    seen = Validation(samples, folder, _clicks(stage), stage.seed, crew.device)
    every = stage.recipe.validate_every * stage.steps_an_epoch
    last = stage.schedule.steps

    def watched(done: int) -> None:
        if not samples or (done % every and done != last):
            return
        tell(done / last, "validating")
        card = _card(stage, ())
        seen.measure(ModelFile(card, stage.scale.settings, _weights(network), ""), done)

    return watched


def _weights(network: torch.nn.Module) -> Mapping[str, np.ndarray]:
    return {
        name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()
    }


def _claim(folder: Path, stage: Stage, resume: bool) -> None:
    """A folder holds one stage's training: what it was started with must not change."""
    wanted = json.dumps(stage.record(), indent=1)
    record = folder / RECORD
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if record.exists():
            if not resume and ((folder / CHECKPOINT).exists() or (folder / MODEL).exists()):
                raise OutputFailed(
                    f"{folder.name} holds a training already",
                    "a new folder, or the same call with --resume",
                    "add --resume to go on, or name another --out",
                )
            before, now = json.loads(record.read_text()), json.loads(wanted)
            changed = [name for name in now if before.get(name) != now[name]]
            if not changed:
                return
            if any((folder / name).exists() for name in (CHECKPOINT, MODEL)):
                raise OutputFailed(
                    f"{folder.name} holds a training with another {', '.join(changed)}",
                    "the same call as before to go on",
                    "name another --out, or call it as before",
                )
            shutil.rmtree(folder / _FIRST_MASKS, ignore_errors=True)  # of another model, perhaps
        own = {ref.patient for ref in stage.parts.training}
        learnt = sorted(own | _learnt_before(folder.parent, stage))
        atomic_write(folder / PATIENTS, json.dumps(learnt).encode())
        atomic_write(record, wanted.encode())
    except (OSError, ValueError) as error:
        raise OutputFailed(
            f"{folder.name} can't be used ({error})",
            "a folder that can be written to",
            "choose another --out",
        ) from error


def _card(stage: Stage, rows: Any) -> Card:
    figures: dict[str, float] = {}
    if rows:
        for kind in ("dice", "dice after clicks"):
            for name, value in rows[-1].get(kind, {}).items():
                if value is not None:
                    figures[f"validation mean {kind} {name}"] = value
    cases = len(stage.parts.training)
    data = f"stage {stage.number}: {cases} cases, data {stage.parts.sha256[:12]}, fold {stage.fold}"
    before = stage.begin
    return Card(
        name=f"{stage.recipe.name}-{stage.scale.name}-stage{stage.number}",
        recipe=stage.recipe.name,
        scale=stage.scale.name,
        summary=f"Stage {stage.number} of recipe {stage.recipe.name} at scale {stage.scale.name}.",
        training_data=data if before is None else f"{before.card.training_data}; {data}",
        licence_of_training_data=all_licences(
            ["" if before is None else before.card.licence_of_training_data, stage.parts.licence]
        ),
        command=f"hnuiseg train {stage.recipe.name} --scale {stage.scale.name} "
        f"--stage {stage.number} --fold {stage.fold} --seed {stage.seed}",
        seed=stage.seed,
        figures=figures,
        limits="Research use only. Not for clinical use.",
        classes=stage.parts.classes,
    )
