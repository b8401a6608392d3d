"""Anything may happen in any order, six hundred times."""

from hypothesis import HealthCheck, settings
from rollout_machine import Anything

TestAnything = Anything.TestCase
TestAnything.settings = settings(
    max_examples=600, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
