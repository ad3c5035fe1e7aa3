"""How a model is run on a case."""

from dataclasses import dataclass
from typing import Literal

from hnuiseg.errors import WrongCall
from hnuiseg.networks import Precision

_MOST_MEMBERS = 1000  # far beyond use; votes are counted in 16 bits


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """How to run a model. The same options, threads and machine give the same bytes.

    `device` "auto" takes a GPU where there is one. `precision` is that of the network's layers;
    softmax, blending and sums stay float32. "auto" is float32 where `exact`, else bfloat16 on
    hardware that has it built in. `threads` None are as many as the machine allows. Without
    `uncertainty` one pass is made without dropout and transforms, and `members` is not used.

    With `exact` every approximation is off: the model's own windows, half overlapping, in float32.
    Without it a network that allows it sees larger windows (`hnuiseg.inference.passes`).

    With `every_component` what the model asks of components is set aside, and each is drawn.
    """

    members: int = 10
    seed: int = 0
    uncertainty: bool = True
    variance: bool = False
    device: str = "cpu"
    precision: Literal["auto"] | Precision = "auto"
    threads: int | None = None
    overlap: float = 0.5
    exact: bool = False
    every_component: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.members <= _MOST_MEMBERS:
            raise WrongCall(
                f"{self.members} members",
                f"1 to {_MOST_MEMBERS}, and at least 2 for any disagreement",
                "ask for 10 or so, or for no uncertainty",
            )
        if self.seed < 0:
            raise WrongCall(f"seed {self.seed}", "integers from 0", "name another seed")
        if self.threads is not None and self.threads < 1:
            raise WrongCall(f"{self.threads} threads", "at least one", "leave it out for the usual")
