"""Fixtures shared by all tests: one real homeserver for the whole run, started when the first test asks for it."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from grouparchive.demo.homeserver import Homeserver

settings.register_profile("any machine", deadline=None)  # how long an example takes tells of the load, not of the code
settings.load_profile("any machine")

pytest.register_assert_rewrite("connector_contract", "connector_stage", "file_archive", "file_contract", "file_stage")


MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it, for this user alone
ROOM = 4 * 1024**3


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders lie in memory where there is room: the tests sync to the disk far more often than disks like."""
    if config.option.basetemp or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM:
        return
    folder = Path(tempfile.mkdtemp(prefix="grouparchive-tests-", dir=MEMORY))
    config.option.basetemp = folder / "tests"
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def homeserver() -> Iterator[Homeserver]:
    if importlib.util.find_spec("synapse") is None:
        pytest.skip("matrix-synapse is not installed (extra: demo)")
    with Homeserver() as server:
        yield server
