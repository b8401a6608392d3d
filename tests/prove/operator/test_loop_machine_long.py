"""Anything may happen to a LearningLoop in any order: six hundred times (a sample of it in tests/unit/operator)."""

import pytest
from hypothesis import HealthCheck, settings
from loop_machine import AnythingLearned

TestAnythingLearnedLong = pytest.mark.timeout(3600)(AnythingLearned.TestCase)
TestAnythingLearnedLong.settings = settings(
    max_examples=600, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
