"""How many packets a second the simulator carries between two chains, by what these believe; calls of a contract.

The packets are those of `scenarios/base/crossing.yaml`: two chains of four validators, polling relayers,
acknowledgements, every proof checked for real. Most of a packet's work is blocks and votes on both chains, so the
engine's own loop, for as many events as the run has, is the limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loops import EVENTS, engine_events
from measure import Against, Items, frequent, targeted

import sim
from sim.build import build
from sim.chain.config import Costs
from sim.crosschain.contracts.channel import SourceEnd
from sim.crosschain.contracts.machine import Machine
from sim.crosschain.contracts.messages import SEND, Call, transfer
from sim.crosschain.contracts.trust import Registered
from sim.crosschain.steps import DESTINATION, SOURCE, Step
from sim.proof import SM3

if TYPE_CHECKING:
    from measure import Measure

    from sim.build import Alliance

CROSSING = Path(__file__).parent.parent / "scenarios" / "base" / "crossing.yaml"
LINK = "exe-bank"
TIMEOUT = {"measure": "destination_time", "value": "10s"}
WAYS: dict[str, dict[str, Any]] = {
    "a gateway's word": {"protocol": "trusted_gateway", "verify": "none"},
    "headers": {"protocol": "trusted_gateway", "verify": "spv"},
    "notaries": {"protocol": "notary", "verify": "committee", "notaries": {"count": 4, "threshold": 3}},
    "light clients": {"protocol": "light_client", "verify": "light_client"},
}
CALLS = 1_000
FREE = Costs(hash_ns=0, hash_per_kilobyte_ns=0, sign_ns=0, verify_ns=0, execute_ns=0, proof_ns=0)


@pytest.mark.parametrize("way", WAYS)
@targeted
def test_carry_packets(measure: Measure, way: str) -> None:
    """No goal: what a packet takes depends on how many share a block."""
    link = {"from": "exe", "to": "bank", "atomicity": "packet", "relayers": 2, "timeout": TIMEOUT, **WAYS[way]}
    scenario = sim.load(CROSSING, set={f"links.{LINK}": link})

    def setup() -> tuple[Alliance]:
        return (build(scenario, 1),)

    def run(alliance: Alliance) -> Alliance:
        alliance.engine.run(until=alliance.horizon_ns)
        return alliance

    def delivered(alliance: Alliance) -> int:
        return sum(Step.EXECUTED in trip.times_ns for trip in alliance.links[LINK].books.trips)

    known = run(*setup())
    packets, events = delivered(known), known.engine.events
    assert packets == len(known.links[LINK].books.trips)
    worth = packets * EVENTS / events
    measure(
        run,
        Items(packets, "packets", delivered),
        limit=Against("bare engine, as many events", lambda: engine_events(1000), worth),
        setup=setup,
        rounds=3,
    )


@frequent
def test_call_a_contract(measure: Measure) -> None:
    """Goal: 20,000 calls a second, ten times what blocks of 1,000 every 500 ms hold; their hashes are the limit."""
    calls = [(row, Call(LINK, SEND, "user", (bytes(8), bytes(8), transfer(5, 400))).to_bytes()) for row in range(CALLS)]

    def setup() -> tuple[Machine]:
        machine, suites = Machine("exe", FREE), {SOURCE: SM3, DESTINATION: SM3}
        machine.contracts[LINK] = SourceEnd(LINK, SM3, suites, {DESTINATION: Registered(LINK)}, ordered=False)
        return (machine,)

    def run(machine: Machine) -> Machine:
        machine.run(1, 1, calls)
        return machine

    measure(
        run,
        Items(CALLS, "calls", lambda machine: sum(receipt.event is not None for receipt in machine.receipts[-1])),
        goal_per_s=20_000,
        limit=Against("its two hashes", lambda: [SM3.digest(SM3.digest(data) + data[:16]) for _, data in calls], CALLS),
        setup=setup,
    )
