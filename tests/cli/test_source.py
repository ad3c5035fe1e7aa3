"""What may be said together, and what the user is told otherwise."""

from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "came"),
    [
        ([], "neither STUDY nor --ct"),
        (["{folder}", "--ct", "{file}"], "both a STUDY folder and --ct or --pet"),
        (["{folder}", "--pet", "{file}"], "both a STUDY folder and --ct or --pet"),
        (["--pet", "{file}"], "--pet without --ct"),
        (["--ct", "{file}", "--pet-units", "suv"], "--pet-units without --pet"),
        (["--ct", "{folder}/none.nii"], "'none.nii' doesn't exist"),
        (["{folder}/none"], "'none' doesn't exist"),
        (["{file}"], "STUDY 'a.nii' is not a folder"),
        (["{folder}", "--weight-kg", "-3"], "--weight-kg -3"),
        (["{folder}", "--pet-units", "kbq"], "Invalid value for '--pet-units'"),
    ],
)
@pytest.mark.parametrize("command", ["segment", "inspect"])
def test_calls_that_make_no_sense_are_refused_with_2(
    command: str, arguments: list[str], came: str, call: Call, tmp_path: Path
) -> None:
    file = tmp_path / "a.nii"
    file.write_bytes(b"")
    words = [word.format(folder=tmp_path, file=file) for word in arguments]
    out = ["--out", str(tmp_path / "out")] if command == "segment" else []
    status, stdout, err = call(command, *words, *out)
    assert (status, stdout) == (2, "")
    assert came in err
    assert "what to do" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
