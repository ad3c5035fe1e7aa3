"""How much one server takes on."""

from dataclasses import dataclass

from hnuiseg.errors import WrongCall
from hnuiseg.server.lease import LEASE_S


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts and times; WrongCall for what makes no sense."""

    sessions: int = 4  # open at once: each holds a case in memory
    spare_cases: int = 1  # kept in memory after their last session
    idle_s: float = 1800.0  # without any look or edit, a session is closed
    lease_s: float = LEASE_S
    members: int = 0  # stochastic members behind a click where it doesn't say

    def __post_init__(self) -> None:
        for name, number, most in (
            ("sessions", self.sessions, 64),
            ("seconds of idleness", self.idle_s, 7 * 86400.0),
            ("seconds of a lease", self.lease_s, 3600.0),
        ):
            if not 0 < number <= most:
                raise WrongCall(f"{number:g} {name}", f"more than 0, up to {most:g}", "mend it")
