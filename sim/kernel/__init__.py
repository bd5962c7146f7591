"""Time and chance: the engine, addressed random draws, distributions and the trace hash. Knows no blockchain."""
