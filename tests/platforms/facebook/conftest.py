"""Exports that a test opened are closed after it."""

from collections.abc import Iterator

import pytest
from facebook_exports import OPEN


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()
