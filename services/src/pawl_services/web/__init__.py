"""What every HTTP process of Pawl shares: settings, logs, health, metrics, errors, and a server that drains."""
