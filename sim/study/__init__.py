"""Running scenarios: one replication to one run, its summary, its tables, and where they are kept."""
