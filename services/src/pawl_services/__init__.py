"""Pawl's services: collector, monitor, modelserver."""
