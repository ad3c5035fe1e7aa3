"""Help is immediate, because nothing heavy is loaded for it (DESIGN law 12)."""

import resource
import subprocess
import sys

import pytest

from hnuiseg.cli.reference import commands

_HEAVY = ("torch", "numpy", "pydicom", "scipy", "rich", "SimpleITK")


@pytest.mark.parametrize("words", ["", *(name.removeprefix("hnuiseg ") for name, _ in commands())])
def test_law_12_help_loads_neither_torch_nor_numpy(words: str) -> None:
    script = (
        "import sys; from hnuiseg.cli.main import run; "
        f"status = run({[*words.split(), '--help']!r}); "
        f"loaded = [m for m in {_HEAVY!r} if m in sys.modules]; "
        "sys.exit(f'loaded {loaded}' if loaded else status)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: hnuiseg")


def test_help_within_half_a_second() -> None:
    """Of processor time: the machine may be busy, the program may not."""
    command = [sys.executable, "-c", "from hnuiseg.cli.main import main; main()", "--help"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    assert spent < 0.5
