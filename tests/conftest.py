"""Makes this folder importable for the tests below it: what several kinds of test share lies here."""
