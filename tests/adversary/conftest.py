"""Fixtures of the adversary's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from adversary_kit import Between, Computer

from grouparchive.demo.homeserver import Homeserver


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path / "computer", tmp_path / "drawer")


@pytest.fixture
def between(homeserver: Homeserver) -> Iterator[Between]:
    wire = Between(homeserver)
    yield wire
    wire.close()
