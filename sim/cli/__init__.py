"""The command `alliance`: one verb per file. Heavy libraries are imported when a verb needs them, never for --help."""

from sim.cli.app import main

__all__ = ["main"]
