"""What an assessment is asked to do; it goes on only where this is the same."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from hnuiseg.errors import WrongCall
from hnuiseg.training.assess.users import USERS, USUAL
from hnuiseg.training.calibrate import SCANS

Part = Literal["testing", "validation", "calibration"]
PARTS: tuple[Part, ...] = ("testing", "validation", "calibration")


@dataclass(frozen=True, slots=True)
class AssessOptions:
    """Who is measured, with whom, and how the network is asked."""

    part: Part = "testing"
    fold: int = 0
    users: tuple[str, ...] = USUAL
    scans: tuple[str, ...] = SCANS
    members: int = 0  # behind the labels; 0: one pass without dropout
    uncertainty_members: int = 5  # behind calibration and ranking; 0: neither is measured
    within_region: bool = False  # a click changes its region alone, as in a session
    every_component: bool = False  # those that reach too little for the model count too
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for given, known, what in (
            ((self.part,), PARTS, "part"),
            (self.users, tuple(USERS), "user"),
            (self.scans, SCANS, "scan"),
        ):
            wrong = [name for name in given if name not in known]
            if wrong or len(set(given)) < len(given) or not given:
                raise WrongCall(
                    f"{what} {', '.join(wrong or given) or 'none'}",
                    f"{', '.join(known)}, each once",
                    "name some of these",
                )
        guided = [name for name in self.users if USERS[name].robot is None]
        if guided and not (self.within_region and self.uncertainty_members):
            raise WrongCall(
                f"user {guided[0]} without regions or without uncertainty",
                "suggestions, which a session makes from its doubt",
                "add --within-region, and leave --uncertainty-members above 1",
            )
        deleting = [name for name in self.users if USERS[name].deletes]
        if deleting and not self.within_region:
            raise WrongCall(
                f"user {deleting[0]} without regions",
                "a session, in which what was deleted stays so",
                "add --within-region",
            )
        if self.uncertainty_members == 1:
            raise WrongCall(
                "1 member for uncertainty", "0, or 2 and more", "ask for 5, or 0 to leave it out"
            )

    def to_json(self) -> dict[str, Any]:
        """Without the device: what it computes in is recorded with the machine."""
        return {name: value for name, value in asdict(self).items() if name != "device"}

    def command(self, model: str, data: tuple[str, ...]) -> str:
        """The command that makes the same again; what is as usual is left out."""
        usual = AssessOptions()
        words = ["hnuiseg assess", model, *(f"--data {name}" for name in data), "--out FOLDER"]
        if self.users != usual.users:
            words += [f"--user {user}" for user in self.users]
        if self.scans != usual.scans:
            words.append("--scan pet-ct" if self.scans == SCANS[:1] else "--scan ct")
        if self.within_region:
            words.append("--within-region")
        if self.every_component:
            words.append("--every-component")
        for name in ("part", "fold", "members", "uncertainty_members", "seed", "device"):
            value = getattr(self, name)
            if value != getattr(usual, name):
                words.append(f"--{name.replace('_', '-')} {value}")
        return " ".join(words)
