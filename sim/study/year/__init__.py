"""A year of the country by tables: one rung above runs of all records, and held against them by tests.

`cases` walks the docket of a sample through the months, `load` says how busy every chain is in every hour, `choice`
which hours and faults chains are run through, `chains` runs them at the whole country's load, `table` says what
anything takes at any load, `answers` what became of everything that the sample asked for, `growth` what is stored and
what it costs, `summary` puts it together, and `run` does all this and goes on where it was interrupted (`work`).
"""
