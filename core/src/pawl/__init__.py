"""Pawl's domain: API types, statistics, verdicts, assignment; pure."""
