"""A real browser, and pages of it that may ask nobody but the server under test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import Browsing, browsing
from needs import chromium
from served import Served, serving


@pytest.fixture(
    scope="module"
)  # its driver runs an event loop in this thread: not beyond these tests
def browser() -> Iterator[Browsing]:
    with browsing(chromium()) as running:
        yield running


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "work") as running:
        yield running
