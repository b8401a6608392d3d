"""The facts task: real chat messages, annotated spans of personal facts, and how an extractor is scored on them."""
