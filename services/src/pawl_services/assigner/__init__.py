"""Tells gateways and applications which arm of an Experiment a user has."""
