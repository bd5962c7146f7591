"""`alliance validate`: are these files good? All errors of all files at once."""

from __future__ import annotations

import sys

from sim.cli.options import Files, Settings
from sim.scenario import ScenarioError, load, parse_assignments


def validate(files: Files, settings: Settings = None) -> int:
    """Check scenario files without running them. Exit code 2 if any has an error."""
    overrides = parse_assignments(settings or [])
    broken = 0
    for file in files:
        try:
            scenario = load(file, set=overrides)
        except ScenarioError as error:
            print(error, file=sys.stderr)
            broken += 1
        else:
            print(f"{file}: ok, {scenario.name} with {len(scenario.chains)} chains")
    return 2 if broken else 0
