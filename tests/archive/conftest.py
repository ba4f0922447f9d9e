"""Fixtures of the archive's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive_box import Made, make


@pytest.fixture
def make_archive(tmp_path: Path) -> Iterator[Callable[[], Made]]:
    all_made: list[Made] = []

    def another() -> Made:
        all_made.append(make(tmp_path, f"lane{len(all_made)}"))
        return all_made[-1]

    yield another
    for one in all_made:
        one.close()


@pytest.fixture
def made(make_archive: Callable[[], Made]) -> Made:
    return make_archive()
