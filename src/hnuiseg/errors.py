"""The error family, and the exit status each member leads to.

HnuisegError                1  a fault of ours
├── TrainingStopped         1  going on makes no sense; the last good state is kept
├── WrongCall               2  the call can't be understood
├── InputRefused            3  the study can't be read safely
├── WarningsUnderStrict     4  done, but warnings stand and --strict was asked for
├── ModelMismatch           5  the model can't be used
└── OutputFailed            6  the outputs can't be written
"""


class HnuisegError(Exception):
    """One line in three parts: what came, what is allowed, what to do."""

    exit_status = 1

    def __init__(self, came: str, allowed: str, remedy: str) -> None:
        super().__init__(came, allowed, remedy)  # in args: survives a worker process

    @property
    def came(self) -> str:
        """What was found, with its value, tag or file name."""
        return str(self.args[0])

    def __str__(self) -> str:
        came, allowed, remedy = self.args
        return f"{came}; allowed: {allowed}; what to do: {remedy}"


class WrongCall(HnuisegError):
    """Options that contradict each other or name what doesn't exist."""

    exit_status = 2


class InputRefused(HnuisegError):
    """The study can't be read safely. Nothing was guessed."""

    exit_status = 3


class WarningsUnderStrict(HnuisegError):
    """Every output was written, but warnings stand and `--strict` was asked for."""

    exit_status = 4


class ModelMismatch(HnuisegError):
    """The model is unknown, damaged, or made for other inputs."""

    exit_status = 5


class OutputFailed(HnuisegError):
    """The outputs can't be written. Earlier outputs are as they were."""

    exit_status = 6


class TrainingStopped(HnuisegError):
    """A training came to where going on makes no sense; its last good state is kept."""

    exit_status = 1
