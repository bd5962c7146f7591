"""The courts' contracts called by the committed workflows, whatever the chains take to commit the calls.

Cases begin at random over two and a half years, half a year of which is the run, so that terms of months come to their
end. What chains take is drawn anew for every record and every message, from a second to days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from broken_contracts import (
    BROKEN,
    BlindLoop,
    CrowdedBankruptcy,
    HastyListing,
    LeakyRegister,
    OpenRegister,
    TirelessFund,
)
from docket_kit import FreeDesks

from sim.casework.compiled.stepping import Known, Terms
from sim.casework.contracts.registry import CONTRACTS, LONGEST_YEARS, contracts
from sim.casework.docket import Country, Docket
from sim.casework.keys import RECORD, key_of
from sim.casework.newborn import Beginning, Nursery
from sim.casework.program import assemble, civil_arrays
from sim.casework.witness import Witness
from sim.kernel.civil import DAY_NS, HOUR_NS, Calendar
from sim.kernel.counters import Counters
from sim.kernel.draws import Draws
from sim.scenario.workflow.loader import load_workflow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Contract
    from sim.casework.definition import Workflow
    from sim.casework.docket import Pass

FILES = Path(__file__).parents[2] / "scenarios" / "workflows"
START = datetime.fromisoformat("2023-06-01T00:00+08:00")
DAYS, PAST_DAYS = 180, 720
PER_DAY = 60
DEBTORS = 500
SECOND_NS = 10**9
PROVINCES = (3.0, 1.0, 2.0)


@cache
def workflows() -> Sequence[Workflow]:
    """The committed workflows in a country of a few debtors, so that their cases meet."""
    loaded = [load_workflow(path) for path in sorted(FILES.glob("*.yaml"))]
    return [replace(workflow, subjects=min(workflow.subjects, DEBTORS)) for workflow in loaded]


def beginnings(seed: int) -> Beginning:
    """Cases of all workflows that begin by themselves, as many of each."""
    rng = np.random.default_rng(seed)
    count = PER_DAY * (DAYS + PAST_DAYS)
    own = np.array([number for number, workflow in enumerate(workflows()) if workflow.starts is not None])
    times_ns = np.sort(rng.integers(-PAST_DAYS * DAY_NS, DAYS * DAY_NS, count))
    return Beginning(rng.choice(own, count).astype(np.int16), np.arange(1, count + 1, dtype=np.uint64), times_ns)


def docket(seed: int, replaced: Mapping[str, type[Contract]] | None = None) -> Docket:
    flows = workflows()
    calendar = Calendar(START, PAST_DAYS + 30, DAYS + LONGEST_YEARS * 366 + 400)
    chains = sorted(
        {flow.chain for flow in flows}
        | {record.chain for flow in flows for s in flow.states.values() for w in s.transitions for record in w.records}
    )
    messages = {
        (way.message.source, way.message.destination)
        for flow in flows
        for state in flow.states.values()
        for way in state.transitions
        if way.message is not None
    }
    program, names = assemble(
        flows,
        calendar,
        calendar,
        dict.fromkeys(chains, 2 * SECOND_NS),
        dict.fromkeys(sorted(messages), 20 * SECOND_NS),
    )
    counters = Counters(Draws(seed), "casework")
    terms = Terms(counters.key, np.zeros(3, dtype=np.int64), HOUR_NS, DAYS * DAY_NS, False)  # noqa: FBT003
    made = {name: make() for name, make in (replaced or {}).items()}
    return Docket(
        Country(
            program,
            names,
            civil_arrays(calendar),
            terms,
            counters,
            Nursery(names, counters, PROVINCES),
            beginnings(seed),
            contracts=lambda: contracts(calendar.due_ns) | made,
            desks=lambda: FreeDesks(calendar),
            witness=Witness,
        )
    )


def calm() -> Known:
    return Known(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int8))


def storm(passed: Pass, seed: int) -> Known:
    """What chains took in a storm: of each record of a pass, from a second to three days."""
    keys = np.unique(key_of(passed.fired.uid, passed.fired.step.astype(np.int64), RECORD))
    rng = np.random.default_rng(seed)
    delays_ns = np.exp(rng.uniform(np.log(SECOND_NS), np.log(3 * DAY_NS), len(keys))).astype(np.int64)
    return Known(keys, delays_ns, np.ones(len(keys), dtype=np.int8))


@pytest.mark.parametrize("seed", [1, 2])
def test_no_workflow_breaks_an_invariant_whatever_the_chains_take(seed: int) -> None:
    country = docket(seed)
    first = country.go(calm())
    stormy = country.go(storm(first, seed))
    for passed in (first, stormy):
        assert passed.violation is None
        assert {name for name, contract in passed.contracts.items() if contract.summary()} == set(CONTRACTS)
        assert passed.calls > 10_000
        bankruptcy = passed.contracts["bankruptcy"].summary()
        assert bankruptcy["illegal"] > 0
        assert bankruptcy["accept-refused"] > 0


LEANT_ON = (BlindLoop, CrowdedBankruptcy, HastyListing, LeakyRegister, OpenRegister, TirelessFund)
"""Those whose broken rule half a year of the workflows meets."""


@pytest.mark.parametrize(
    ("name", "make", "invariants"),
    [broken for broken in BROKEN if broken[1] in LEANT_ON],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_contract_stops_a_run_of_the_workflows(
    name: str, make: type[Contract], invariants: frozenset[str]
) -> None:
    violation = docket(1, {name: make}).go(calm()).violation
    assert violation is not None
    assert violation.chain == f"contract {name}"
    assert violation.invariant in invariants
