"""One process, or several that train the same network together (`torchrun`, Lightning Fabric).

Each process answers its share of a step's patches; gradients are averaged, so that a step is the
same as one process taking all of them.
"""

import os
from datetime import timedelta
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hnuiseg.errors import OutputFailed, WrongCall
from hnuiseg.networks import Precision, chosen_precision


class Workers(Protocol):
    """What the loop asks of the processes that train together."""

    rank: int  # of this process, from 0
    count: int
    device: torch.device

    def ready(
        self, network: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[Any, torch.optim.Optimizer]:
        """Network and optimiser on the device, averaging gradients over processes."""

    def backward(self, loss: Tensor) -> None:
        """Gradients of this process' loss, averaged with the others'."""

    def mean(self, value: Tensor) -> Tensor:
        """The mean over all processes."""

    def wait(self) -> None:
        """Until every process is here."""


class Alone:
    """This process only."""

    rank, count = 0, 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def ready(
        self, network: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[Any, torch.optim.Optimizer]:
        """Both as they are, on the device."""
        return network.to(self.device), optimiser

    def backward(self, loss: Tensor) -> None:
        """Plain gradients."""
        loss.backward()  # type: ignore[no-untyped-call]

    def mean(self, value: Tensor) -> Tensor:
        """The value."""
        return value

    def wait(self) -> None:
        """Nobody to wait for."""


class Together:
    """A process of `torchrun`: NCCL between GPUs, gloo between processors."""

    def __init__(self, kind: str) -> None:
        try:
            from lightning_fabric import Fabric
            from lightning_fabric.strategies.ddp import DDPStrategy
        except ImportError as error:
            raise OutputFailed(
                "several processes need the package lightning-fabric, which isn't installed",
                "hnuiseg with its training extra",
                "pip install 'hnuiseg[train]'",
            ) from error
        here = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
        self._fabric = Fabric(
            accelerator=kind,
            devices=here,
            num_nodes=int(os.environ["WORLD_SIZE"]) // here,
            # heads of coarser scales have no gradient where a recipe doesn't use them
            # the others wait while the first prepares cases or validates, for as long as it takes
            strategy=DDPStrategy(find_unused_parameters=True, timeout=timedelta(days=7)),
        )
        self._fabric.launch()
        self._network: Any = None
        self.rank, self.count = self._fabric.global_rank, self._fabric.world_size
        self.device = self._fabric.device

    def ready(
        self, network: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[Any, torch.optim.Optimizer]:
        """Both wrapped by Fabric."""
        self._network, optimiser = self._fabric.setup(network, optimiser)
        self._network.mark_forward_method("every_scale")
        return self._network, optimiser

    def backward(self, loss: Tensor) -> None:
        """Fabric's, which averages."""
        self._fabric.backward(loss, model=self._network)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over all processes."""
        found: Tensor = self._fabric.all_reduce(value, reduce_op="mean")  # type: ignore[assignment]
        return found

    def wait(self) -> None:
        """Until every process is here."""
        self._fabric.barrier()


def training_precision(name: str, device: torch.device) -> Precision:
    """A precision by name. "auto" is bfloat16 where it is fast; else float32.

    Never float16: its gradients vanish without a scale of their own.
    """
    chosen = chosen_precision(name, device)
    return "float32" if chosen == "float16" else chosen


def workers(device: str = "auto") -> Workers:
    """This process and those that `torchrun` started with it; "auto" takes a GPU if there is one.

    WrongCall for a device that isn't there.
    """
    kind = device
    if device == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind not in ("cpu", "cuda") or (kind == "cuda" and not torch.cuda.is_available()):
        raise WrongCall(f"no device {device!r} here", "auto, cpu or cuda", "use auto")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return Together(kind)
    return Alone(torch.device(kind))
