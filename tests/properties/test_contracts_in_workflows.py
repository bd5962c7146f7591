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

from sim.casework.compiled.stepping import Terms
from sim.casework.contracts.registry import CONTRACTS, LONGEST_YEARS, contracts
from sim.casework.country import Country
from sim.casework.definition import Answer
from sim.casework.docket import Docket
from sim.casework.keys import RECORD, key_of
from sim.casework.known import Known
from sim.casework.newborn import Beginning, Nursery
from sim.casework.oracle import Oracle, World
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
    from sim.casework.running import Pass

FILES = Path(__file__).parents[2] / "scenarios" / "workflows"
START = datetime.fromisoformat("2023-06-01T00:00+08:00")
HALF_A_YEAR, TWO_WEEKS = (180, 720), (14, 150)
"""Days of the run, and before it."""
PER_DAY = 60
DEBTORS = 500
SECOND_NS = 10**9
PROVINCES = (3.0, 1.0, 2.0)


@cache
def workflows() -> Sequence[Workflow]:
    """The committed workflows in a country of a few debtors, so that their cases meet."""
    loaded = [load_workflow(path) for path in sorted(FILES.glob("*.yaml"))]
    return [replace(workflow, subjects=min(workflow.subjects, DEBTORS)) for workflow in loaded]


def beginnings(seed: int, days: int, past_days: int) -> Beginning:
    """Cases of all workflows that begin by themselves, as many of each."""
    rng = np.random.default_rng(seed)
    count = PER_DAY * (days + past_days)
    own = np.array([number for number, workflow in enumerate(workflows()) if workflow.starts is not None])
    times_ns = np.sort(rng.integers(-past_days * DAY_NS, days * DAY_NS, count))
    return Beginning(rng.choice(own, count).astype(np.int16), np.arange(1, count + 1, dtype=np.uint64), times_ns)


def calendar_of(days: int, past_days: int) -> Calendar:
    return Calendar(START, past_days + 30, days + LONGEST_YEARS * 366 + 400)


def idle_ns() -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """What idle chains take to commit a record, and links to deliver a message."""
    ways = [way for flow in workflows() for state in flow.states.values() for way in state.transitions]
    chains = {flow.chain for flow in workflows()} | {record.chain for way in ways for record in way.records}
    pairs = {(way.message.source, way.message.destination) for way in ways if way.message is not None}
    return dict.fromkeys(sorted(chains), 2 * SECOND_NS), dict.fromkeys(sorted(pairs), 20 * SECOND_NS)


def docket(
    seed: int, replaced: Mapping[str, type[Contract]] | None = None, span: tuple[int, int] = HALF_A_YEAR
) -> Docket:
    days, past_days = span
    calendar = calendar_of(days, past_days)
    program, names = assemble(workflows(), calendar, calendar, *idle_ns())
    counters = Counters(Draws(seed), "casework")
    terms = Terms(counters.key, np.zeros(3, dtype=np.int64), HOUR_NS, days * DAY_NS, calm=False, own_rules=False)
    made = {name: make() for name, make in (replaced or {}).items()}
    return Docket(
        Country(
            program,
            names,
            civil_arrays(calendar),
            terms,
            counters,
            Nursery(names, counters, PROVINCES),
            beginnings(seed, days, past_days),
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


def test_the_plain_interpreter_and_the_docket_call_the_same_contracts_with_the_same_answers() -> None:
    seed = 1
    country = docket(seed, span=TWO_WEEKS)
    calendar = calendar_of(*TWO_WEEKS)
    known = storm(country.go(calm()), seed)
    fast = country.go(known)
    told = {
        key: (delay_ns, Answer(answer))
        for key, delay_ns, answer in zip(*(column.tolist() for column in known), strict=True)
    }
    horizon_ns = TWO_WEEKS[0] * DAY_NS
    counters, skew = country.country.counters, (0,) * len(PROVINCES)
    world = World(workflows(), calendar, calendar, counters, PROVINCES, skew, *idle_ns(), told, HOUR_NS, horizon_ns)
    plain = Oracle(world, contracts(calendar.due_ns), FreeDesks(calendar))
    plain.run(beginnings(seed, *TWO_WEEKS))
    assert fast.calls > 1000
    assert {name: contract.summary() for name, contract in fast.contracts.items()} == {
        name: contract.summary() for name, contract in plain.contracts.items()
    }
