"""Scores of one interaction: pure functions from an answer and the truth to a numerator and a denominator."""
