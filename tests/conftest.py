"""Settings of every test: reproducible draws, few threads, no screen."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "2")  # before numpy and torch are loaded

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["command_line"]

# No deadline: the first example pays for imports. Derandomized: a red run stays red.
settings.register_profile(
    "hnuiseg",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("hnuiseg")


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> None:
    """Same sums in the same order on any machine (DESIGN law 3)."""
    import torch

    torch.set_num_threads(min(2, torch.get_num_threads()))
