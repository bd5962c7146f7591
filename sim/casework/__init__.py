"""Judicial workflows: what they are, how cases go through them, and what is lost on the way."""
