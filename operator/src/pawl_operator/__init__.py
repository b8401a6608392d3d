"""Pawl's operator: watches its kinds, decides, shifts traffic."""
