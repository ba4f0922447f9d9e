"""Fixtures shared by all tests: one real homeserver for the whole run, started when the first test asks for it."""

import importlib.util
from collections.abc import Iterator

import pytest

from grouparchive.demo.homeserver import Homeserver

pytest.register_assert_rewrite("connector_contract", "connector_stage", "file_archive", "file_contract", "file_stage")


@pytest.fixture(scope="session")
def homeserver() -> Iterator[Homeserver]:
    if importlib.util.find_spec("synapse") is None:
        pytest.skip("matrix-synapse is not installed (extra: demo)")
    with Homeserver() as server:
        yield server
