"""Entry points that a model server loads; nothing here needs a training library."""
