"""All fuzz targets. A new parser of untrusted bytes gets a line in one of these modules; see fuzz_kit.py."""

import targets_archive
import targets_crypto
import targets_files
import targets_keys
import targets_outside
from fuzz_kit import TARGETS

__all__ = [
    "ONLY_REFUSES",
    "TARGETS",
    "targets_archive",
    "targets_crypto",
    "targets_files",
    "targets_keys",
    "targets_outside",
]

ONLY_REFUSES = {"archive-from-nothing"}
"""Targets that no seed of ours passes."""
