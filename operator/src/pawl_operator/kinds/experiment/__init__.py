"""Experiment: a question put to one Rollout, answered by users on two arms, decided by evidence."""
