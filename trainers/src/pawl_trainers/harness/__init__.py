"""What surrounds every trainer: dataset, split, fit, judgement against the champion, registration, report."""
