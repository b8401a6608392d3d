"""Anything may happen in any order: a sample of it (much more in tests/prove/operator)."""

import pytest
from hypothesis import HealthCheck, settings
from rollout_machine import Anything

# Half a minute alone; beside builds it was seen to take four.
TestAnything = pytest.mark.timeout(600)(Anything.TestCase)
TestAnything.settings = settings(
    max_examples=90, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
