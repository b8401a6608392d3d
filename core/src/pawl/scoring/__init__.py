"""From what people said to a truth, and from an answer and the truth to a score: the same for evidence and trainers."""
