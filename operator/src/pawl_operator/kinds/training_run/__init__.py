"""TrainingRun: attempts at one training, one after the other, until one of them reports what came out."""
