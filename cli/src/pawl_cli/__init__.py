"""Pawl's command line."""
