"""Machines that run tests are busy: how long an example takes proves nothing, so Hypothesis does not watch the clock."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
