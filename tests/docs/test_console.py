"""Commands that the docs show are run, in the order of the pages, against one phantom."""

import json
import re
import shlex
from importlib import resources
from pathlib import Path

import pytest
import torch

from hnuiseg.cli.main import run
from hnuiseg.cli.train import train
from hnuiseg.cohorts.trees_of_dicom import write_clinic_tree, write_hn1_tree
from hnuiseg.cohorts.trees_of_files import (
    write_folder_tree,
    write_hecktor_tree,
    write_openkbp_tree,
    write_planning_tree,
)
from hnuiseg.models import COMPACT, Card, model_bytes, read_model, shipped_models
from hnuiseg.networks import build

_ROOT = Path(__file__).parents[2]
_PAGES = (
    "README.md",
    "docs/how-to/segment.md",
    "docs/how-to/refine.md",
    "docs/how-to/evaluate.md",
    "docs/reference/commands.md",
)
_EDITS = _ROOT / "docs" / "how-to" / "refine.md"
_FILE = re.compile(r"`(\w+\.json)`:\n\n```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown() -> list[str]:
    """Every command line once, as first shown: a page may repeat what another one has."""
    lines: dict[str, None] = {}
    for page in _PAGES:
        for block in _BLOCK.findall((_ROOT / page).read_text(encoding="utf-8")):
            for line in block.splitlines():
                assert line.startswith("$ hnuiseg "), f"{page}: {line}"
                lines[line.removeprefix("$ hnuiseg ")] = None
    return list(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("docs")
    write_hecktor_tree(made / "HECKTOR_FOLDER", 2026)
    write_hn1_tree(made / "TCIA_FOLDER")
    write_clinic_tree(made / "CLINIC_FOLDER")
    write_openkbp_tree(made / "OPENKBP_FOLDER", packed=True)
    write_planning_tree(made / "PLANNING_CTS", patients=1)
    write_folder_tree(made / "IMAGES", patients=10)
    patterns = resources.files("hnuiseg.dicom").joinpath("roi_names.toml").read_text("utf-8")
    (made / "names.toml").write_text(patterns)
    for name, content in _FILE.findall(_EDITS.read_text(encoding="utf-8")):
        (made / name).write_text(content)
    for fold in range(2):
        torch.manual_seed(fold)
        network = build(COMPACT.network, COMPACT.network_settings)
        weights = {name: value.numpy() for name, value in network.state_dict().items()}
        card = Card(f"fold{fold}", "paper", "mini", "", "", "", "", fold, {}, "")
        (made / f"fold{fold}.safetensors").write_bytes(model_bytes(card, COMPACT, weights))
    return made


def test_commands_are_found() -> None:
    words = {line.split()[0] for line in shown()}
    assert words >= {"segment", "inspect", "phantom", "models", "evaluate"}


@pytest.mark.parametrize("line", shown())
def test_shown_commands_run(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not shipped_models() and line.split(maxsplit=1)[0] in ("segment", "refine", "evaluate"):
        pytest.fail("no model is shipped: the commands of the docs can't run")
    monkeypatch.chdir(folder)
    assert run(shlex.split(line)) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert out
    if "--json" in line:
        json.loads(out)


def test_shown_python_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the commands, in their folder: block after block of one page, as one program."""
    monkeypatch.chdir(folder)
    blocks = _PYTHON.findall(_EDITS.read_text(encoding="utf-8"))
    assert blocks
    exec(compile("".join(blocks), "refine.md", "exec"), {})


def test_links_between_pages_lead_somewhere() -> None:
    for page in [_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", *(_ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_names_demo_and_test_first() -> None:
    first = re.search(r"```sh\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first.group(1).splitlines()] == [
        "make demo",
        "make test",
    ]


def test_nothing_of_one_machine_is_in_the_docs() -> None:
    for page in [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md"), _ROOT / "constraints.txt"]:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"(?:^|[\s`(])/(?:work|root|home|opt)/", text), page.name
        assert "file://" not in text


def test_no_shown_phantom_was_trained_on() -> None:
    """Seeds name cohorts: a patient of the training's seed would flatter the demo."""
    lines = [*shown(), *(_ROOT / "Makefile").read_text(encoding="utf-8").splitlines()]
    seeds = {int(s) for line in lines for s in re.findall(r"phantom .*--seed (\d+)", line)}
    assert seeds
    assert not seeds & {read_model(path).card.seed for path in shipped_models().values()}
    (trained,) = (p.default for p in train.commands["phantom"].params if p.name == "seed")
    assert trained not in seeds
