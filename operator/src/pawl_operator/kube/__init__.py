"""Talking to the API server: the port everything else depends on, and its adapter over aiohttp."""
