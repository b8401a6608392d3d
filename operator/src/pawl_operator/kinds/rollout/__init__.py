"""Rollout: the long-lived owner of one route rule."""
