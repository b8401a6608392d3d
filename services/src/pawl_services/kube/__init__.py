"""What the services need of an API server: calls, lists, a watch that mends itself, and how to reach it."""
