"""Brings up a real Kubernetes with add-ons on one machine."""
