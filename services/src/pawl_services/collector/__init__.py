"""Takes interactions, feedback and paired predictions, and answers once they are durable."""
