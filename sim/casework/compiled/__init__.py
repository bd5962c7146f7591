"""Compiled loops over cases: the same steps as the plain interpreter in `sim.casework.oracle`, many at a time."""
