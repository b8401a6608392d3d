"""Anything may happen to a TrainingRun in any order."""

import pytest
from hypothesis import HealthCheck, settings
from training_machine import AnyTraining

TestAnyTraining = pytest.mark.timeout(600)(AnyTraining.TestCase)
TestAnyTraining.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
