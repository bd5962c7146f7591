"""A small country for years by tables: two workflows over two chains that load moves, and one that passes through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sim

if TYPE_CHECKING:
    from sim.scenario import Scenario

FOLDER = Path(__file__).parents[1] / "scenarios"
COUNTRY: dict[str, Any] = {
    "start": "2022-09-26T00:00+08:00",  # a Monday; Saturday the first of October begins a week of holidays
    "horizon": "2d",
    "faults": [],
    "slo": [],
    "casework.share": "5%",
    "casework.outside": ["w13-query-control"],
    "chains.jc.validators": "7",
    "chains.jc.observers": "0",
    **{f"chains.{chain}.block.interval": "10s" for chain in ("jc", "exe", "mr")},
    **{f"chains.{chain}.consensus.timeout": "30s" for chain in ("jc", "exe", "mr")},
    "chains.jc.block.max_transactions": "30",
}
"""A twentieth of the country's filings, judgments and enforcement; blocks of the hub are full in the busiest hours."""


def ordinary(**keys: object) -> Scenario:
    """The country as it is run record by record, however long: its windows cover all of it."""
    windows = {"casework.windows.count": "10000", "casework.windows.length": "2min"}
    return _loaded({**COUNTRY, **windows, **keys})


def by_tables(**keys: object) -> Scenario:
    """The same by tables, one case in five."""
    usual = {"proofs": "sampled", "year.one_in": "5", "year.levels": "8", "year.bursts": "2", "year.proved": "20"}
    return _loaded({**COUNTRY, **usual, **keys})


def _loaded(keys: dict[str, Any]) -> Scenario:
    return sim.load(FOLDER / "casework" / "trial-to-enforcement.yaml", set=keys)
