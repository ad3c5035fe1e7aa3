"""What a machine offers a prediction: device, precision of its layers, threads."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from hnuiseg.errors import WrongCall
from hnuiseg.inference.options import PredictOptions
from hnuiseg.networks import Precision, chosen_precision

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of processor time allowed, and per how many


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where a prediction runs, decided."""

    device: torch.device
    precision: Precision
    threads: int

    @classmethod
    def chosen(cls, options: PredictOptions) -> "Hardware":
        """What the options name, and what suits this machine where they leave it open.

        Exact results are float32 unless a precision is named. WrongCall for what isn't there.
        """
        device = check_device(options.device)
        named = options.precision
        if named == "auto" and options.exact:
            named = "float32"
        threads = options.threads or _processors()
        return cls(device, chosen_precision(named, device), threads)

    @property
    def device_name(self) -> str:
        """The GPU's name, or "cpu"."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def __str__(self) -> str:
        return f"{self.device_name}, {self.precision}, {self.threads} threads"


def check_device(name: str) -> torch.device:
    """What `device` in `PredictOptions` stands for here: WrongCall for one that isn't there."""
    if name not in ("cpu", "cuda", "auto"):
        raise WrongCall(f"device {name!r}", "cpu, cuda or auto", "name one of these")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise WrongCall(
            "device cuda, but PyTorch finds no GPU here",
            "cuda only with a GPU, its driver and a PyTorch built for it",
            "use --device cpu",
        )
    return torch.device("cpu" if name == "cpu" or not there else "cuda")


@contextmanager
def threads_of(hardware: Hardware) -> Iterator[None]:
    """Within: PyTorch uses so many threads; as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(hardware.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _processors() -> int:
    """Threads worth starting: PyTorch's own choice, or fewer where a container allows less."""
    try:
        allowed, period = _QUOTA.read_text().split()
        return max(1, min(torch.get_num_threads(), math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return torch.get_num_threads()
