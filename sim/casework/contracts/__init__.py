"""Smart contracts of the courts, sans-I/O: what may be called by whom, what it answers, and what must never happen."""
