"""A system call that fails once: full disks and interruptions, where they hurt most."""

from collections.abc import Callable


class Fault:
    """Lets a step of the operating system succeed `n` times, then raises once."""

    def __init__(self, real: Callable[..., object], n: int, error: BaseException) -> None:
        self.real, self.left, self.error, self.raised = real, n, error, False

    def __call__(self, *args: object, **kwargs: object) -> object:
        if self.left == 0 and not self.raised:
            self.raised = True
            raise self.error
        self.left -= 1
        return self.real(*args, **kwargs)
