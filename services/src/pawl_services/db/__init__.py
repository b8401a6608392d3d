"""The one schema of interactions, labels and evidence, on SQLite or Postgres."""
