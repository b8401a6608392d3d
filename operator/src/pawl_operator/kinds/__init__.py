"""The kinds of Pawl, one folder each: observe, decide, apply."""
