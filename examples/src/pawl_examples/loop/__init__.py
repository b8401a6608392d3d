"""The second act of the demo: a model that begins as rules, learns from corrections, and is proved on other people."""
