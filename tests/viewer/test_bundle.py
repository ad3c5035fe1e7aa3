"""What is committed is what the lock file and the sources build; node's own tests of its parts."""

import gzip
import json
import re
import subprocess
from pathlib import Path

from hnuiseg.server.static_files import STATIC
from needs import program, viewer_modules

_ROOT = Path(__file__).parents[2]
_VIEWER = _ROOT / "viewer"


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_committed_page_is_what_the_sources_build(tmp_path: Path) -> None:
    """Otherwise: `make viewer`."""
    viewer_modules()
    subprocess.run([program("npm"), "run", "--silent", "check"], cwd=_VIEWER, check=True)
    vite = [program("npx"), "--no-install", "vite", "build", "--logLevel", "error"]
    subprocess.run([*vite, "--outDir", str(tmp_path / "built")], cwd=_VIEWER, check=True)
    assert _files(tmp_path / "built") == _files(STATIC)


def test_its_parts_keep_their_laws() -> None:
    viewer_modules()
    subprocess.run([program("npm"), "test", "--silent"], cwd=_VIEWER, check=True)


def test_it_is_small_and_needs_nobody_else() -> None:
    content = _files(STATIC)
    assert sum(len(gzip.compress(part)) for part in content.values()) <= 1 << 20
    for name, part in content.items():
        addresses = set(re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", part))
        assert addresses <= {b"http://www.w3.org"}, name  # the name of SVG, which nobody fetches


def test_versions_are_exact_and_name_no_registry() -> None:
    package = json.loads((_VIEWER / "package.json").read_text())
    versions = {**package.get("dependencies", {}), **package["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    lock = (_VIEWER / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert not re.search(r"https?://(?!(?:opencollective|github|tidelift|paulmillr)\b)", lock)
    assert not package.get("dependencies")  # so the bundle holds nobody else's code
