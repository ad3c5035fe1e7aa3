"""What some tests need from outside: real images, judges. Absent: skipped with the reason.

With HNUISEG_REQUIRE_JUDGES=1, as in CI, absence is a failure instead.
"""

import os
import shutil
import tarfile
from pathlib import Path
from typing import NoReturn

import pytest


def _absent(reason: str) -> NoReturn:
    if os.environ.get("HNUISEG_REQUIRE_JUDGES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def data_folder() -> Path:
    """The folder of real images with reference values."""
    named = os.environ.get("HNUISEG_DATA")
    if not named:
        _absent("HNUISEG_DATA is not set: no real images to compare with")
    folder = Path(named)
    if not folder.is_dir():
        _absent("HNUISEG_DATA names no folder")
    return folder


def unpacked(archive: str, into: Path) -> Path:
    """`dicom/ARCHIVE.tar.xz` of the real images, unpacked into a folder; returns that folder."""
    source = data_folder() / "dicom" / f"{archive}.tar.xz"
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(source) as tar:
        tar.extractall(into, filter="data")
    return into


def program(name: str) -> str:
    """The path of an outside judge."""
    found = shutil.which(name)
    if found is None:
        _absent(f"{name} is not installed")
    return found


def node_package(name: str) -> Path:
    """The folder of an outside judge written for node, as `.ci/run` installs it."""
    folder = Path(__file__).parents[1] / "build" / "judges" / "node_modules" / name
    if not folder.is_dir():
        _absent(f"{name} is not installed under build/judges")
    return folder


def chromium() -> str:
    """The browser that pages are tried in: Debian's, or the one that HNUISEG_CHROMIUM names."""
    return program(os.environ.get("HNUISEG_CHROMIUM", "chromium"))


def viewer_modules() -> Path:
    """What the page is built with, as `make viewer` installs it."""
    program("node")
    program("npm")
    folder = Path(__file__).parents[1] / "viewer" / "node_modules"
    if not (folder / ".package-lock.json").is_file():
        _absent("viewer/node_modules isn't installed: `npm ci --prefix viewer`")
    return folder
