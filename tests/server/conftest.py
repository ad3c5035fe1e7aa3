"""One running server that tests share where they don't stop it."""

from collections.abc import Iterator

import pytest

from served import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("server") / "work") as running:
        yield running
