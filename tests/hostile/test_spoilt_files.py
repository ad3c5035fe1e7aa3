"""Each kind of file, spoilt in the same ways every time: it is read and sound, or refused.

Longer, in child processes with a limit of memory and time: `python tests/hostile/fuzz.py`.
"""

from pathlib import Path

import pytest

from hostile_files import Kind, kinds, outcome, spoilt

CASES = 40
NAMES = (
    *("ct", "pet", "deflated", "implicit", "rle", "jpeg-ls", "jpeg-2000", "enhanced"),
    *("rtstruct", "seg", "drawing", "registration", "transform"),
    *("nrrd", "nrrd-gzip", "nhdr", "mha", "mha-zlib", "mhd", "nifti", "nifti-gzip"),
    *("model", "patterns"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Kind]]:
    folder = tmp_path_factory.mktemp("hostile")
    return folder, {kind.name: kind for kind in kinds(folder)}


def test_every_kind_is_here(made: tuple[Path, dict[str, Kind]]) -> None:
    assert tuple(made[1]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_spoilt_files_are_read_or_refused(
    name: str, made: tuple[Path, dict[str, Kind]], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, by_name = made
    kind = by_name[name]
    path = folder / name / kind.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(kind.content)
    assert outcome(kind.read, path) == "read"
    for seed in range(CASES):
        path.write_bytes(spoilt(kind, seed))
        outcome(kind.read, path)
    if name not in ("rle", "jpeg-2000"):  # whose decoders write to the terminal themselves
        assert capfd.readouterr() == ("", "")
