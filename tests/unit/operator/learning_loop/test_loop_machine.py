"""Anything may happen to a LearningLoop in any order: a sample of it (much more in tests/prove/operator)."""

import pytest
from hypothesis import HealthCheck, settings
from loop_machine import AnythingLearned

TestAnythingLearned = pytest.mark.timeout(600)(AnythingLearned.TestCase)
TestAnythingLearned.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
