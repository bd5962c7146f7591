"""`alliance show`: what a scenario says once everything that it extends is filled in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.options import Settings
from sim.scenario import load, parse_assignments

if TYPE_CHECKING:
    from sim.scenario import Scenario

_SECOND = 1e9


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario file.", show_default=False)],
    settings: Settings = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the whole resolved scenario as YAML.")] = False,
) -> None:
    """Show a scenario: chains and rates."""
    scenario = load(file, set=parse_assignments(settings or []))
    if as_yaml:
        print(scenario.to_yaml(), end="")
    else:
        _tables(scenario)


def _tables(scenario: Scenario) -> None:
    from rich.console import Console
    from rich.table import Table

    from sim.report.wording import by_messages

    console = Console()
    console.print(f"[bold]{scenario.name}[/]  {scenario.question}", highlight=False)
    console.print(f"{scenario.start.isoformat()} for {scenario.horizon / _SECOND:g} s, seed {scenario.seed}\n")
    chains = Table("chain", "member", "zone", "nodes", "hash", "regions")
    for chain_id, chain in scenario.chains.items():
        nodes = f"{chain.validators}+{chain.observers}" if chain.observers else str(chain.validators)
        member, zone = scenario.members[chain.member].zh, scenario.zones[chain.zone].zh
        chains.add_row(chain_id, member, zone, nodes, chain.hash, str(len(chain.regions)))
    console.print(chains)
    console.print(_streams(scenario))
    for note in by_messages(scenario):
        console.print(note, highlight=False)


def _streams(scenario: Scenario) -> object:
    from rich.table import Table

    from sim.build import rate_at_start

    streams = Table("stream", "chain", "action", "year", "mean/s", "at start/s", "in the run")
    for stream_id, stream in scenario.workload.items():
        year = str(stream.year) if stream.year else ""
        if stream.rate is None:
            numbers = f"{stream.clients:,} clients", "", ""
        else:
            rate, expected = rate_at_start(scenario, stream_id)
            numbers = f"{stream.rate:,.3f}", f"{rate:,.3f}", f"{expected:,.0f}"
        streams.add_row(stream_id, stream.chain, stream.action, year, *numbers)
    return streams
