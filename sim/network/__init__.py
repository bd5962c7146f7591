"""Regions, links and transport: when does a message arrive? Knows nothing of what it means."""
