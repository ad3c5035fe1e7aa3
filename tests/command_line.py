"""One command as a user calls it, within this process."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.cli.main import run
from hnuiseg.files import write_nifti
from hnuiseg.volume import Grid, Volume

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Exit status, stdout and stderr of `hnuiseg ARGUMENTS…`."""

    def called(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return called


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compact network with random weights: its answers mean nothing."""
    return _random_model(tmp_path_factory.mktemp("model") / "random.safetensors", 0.0)


@pytest.fixture(scope="session")
def blind_model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, but sure that everything is background."""
    return _random_model(tmp_path_factory.mktemp("model") / "blind.safetensors", 100.0)


def _random_model(path: Path, for_background: float) -> Path:
    import torch

    from hnuiseg.models import Card, ModelSettings, model_bytes
    from hnuiseg.networks import build

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build("resenc-compact")
    weights = {name: value.numpy().copy() for name, value in network.state_dict().items()}
    last = sorted(name for name in weights if "seg_layers" in name and name.endswith("bias"))[-1]
    weights[last][0] += for_background
    card = Card(path.stem, "none", "compact", "for tests", "none", "none", "", 0, {}, "useless")
    settings = ModelSettings(
        "resenc-compact", {}, "window_wide", "suv_0_50", None, (16, 32, 32), 0.05
    )
    path.write_bytes(model_bytes(card, settings, weights))
    return path


@pytest.fixture(scope="session")
def ct_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cylinder of water round a rod of bone, with noise; one window."""
    grid = Grid.axial((16, 32, 28), (3.0, 4.0, 5.0), (-90.0, -80.0, 10.0))
    _, y, x = np.indices(grid.shape)
    water = (y - 15.5) ** 2 + (x - 13.5) ** 2 < 12**2
    noise = np.random.default_rng(1).normal(0, 10, grid.shape)
    hu = np.where(water, 40.0, -1000.0) + noise
    hu[:, 14:18, 12:16] += 800.0
    path = tmp_path_factory.mktemp("plain") / "ct.nii.gz"
    write_nifti(Volume(hu.astype(np.float32), grid, "HU"), path)
    return path
