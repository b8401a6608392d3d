"""Add-ons that a cluster gets on demand; one module each."""
