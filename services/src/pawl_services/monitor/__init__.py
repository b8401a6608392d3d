"""The monitor: closes batches of users and exports what they show, for every release that is on its way."""
