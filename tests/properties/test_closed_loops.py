"""Closed loops: no client ever has two records under way, Little's law holds to the nanosecond, nothing is lost.

And a closed loop is the open loop of the times at which its clients turned out to send, block for block.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import CHEAP, FREE, chain, checks, columns, config, crash, deposits, network, played, small, table

from sim.chain.chain import Chain
from sim.chain.config import Costs, Offered
from sim.kernel.distributions import Constant, Distribution, Exponential
from sim.kernel.draws import Draws
from sim.kernel.engine import MILLISECOND, SECOND, Engine
from sim.metrics.recorder import Recorder
from sim.network.topology import Link, Topology, deal
from sim.network.transport import Network
from sim.workload.clients import Clients
from sim.workload.streams import ClosedLoop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.build import Alliance

PROTOCOLS = ["pbft", "tendermint", "qbft", "rpbft", "hotstuff", "jolteon", "raft"]
_CHUNK = 64


def closed(clients: int, think_ms: int, backoff_ms: int = 50, **keys: object) -> dict[str, Any]:
    """A closed loop of records of 500 bytes, with exponential think times where any."""
    think = {"think": {"exponential": {"mean": f"{think_ms}ms"}}} if think_ms else {}
    return {"chain": "a", "clients": clients, "size": "500B", "backoff": f"{backoff_ms}ms", **think, **keys}


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """The keys of a small scenario with a closed loop, perhaps beside an open one, and perhaps crashes."""
    protocol, validators = draw(st.sampled_from(PROTOCOLS)), draw(st.integers(4, 7))
    observers = draw(st.integers(0, 2))
    tolerated = (validators - 1) // (2 if protocol == "raft" else 3)
    down = draw(st.permutations(range(validators)))[: draw(st.integers(0, tolerated))]
    down += draw(st.permutations(range(validators, validators + observers)))[: draw(st.integers(0, observers))]
    faults = [
        crash(
            f"{draw(st.integers(1, 1500))}ms",
            [node],
            draw(st.one_of(st.none(), st.integers(1, 1500).map("{}ms".format))),
        )
        for node in down
    ]
    consensus = {"protocol": protocol, "timeout": "300ms", "window": draw(st.integers(1, 4))}
    workload = {
        "load": closed(
            draw(st.integers(1, 30)),
            draw(st.sampled_from([0, 5, 60])),
            draw(st.integers(1, 300)),
            begin=f"{draw(st.sampled_from([0, 130]))}ms",
            end=f"{draw(st.sampled_from([1400, 2000, 2500]))}ms",
            history=draw(st.integers(0, 3)),
        )
    }
    if draw(st.booleans()):
        workload |= {"files": deposits("150/s"), "look": checks("load", absent="10%", altered="20%")}
    return {
        "network": network(jitter={"exponential": {"mean": draw(st.sampled_from(["1us", "3ms"]))}}),
        "chains": {
            "a": chain(
                validators,
                observers=observers,
                consensus=consensus,
                mempool={"capacity": draw(st.sampled_from([4, 1000]))},
                block={"max_transactions": draw(st.integers(1, 30)), "max_bytes": "20kB", "interval": "30ms"},
                regions=draw(st.sampled_from([["east"], ["east", "west"]])),
                fidelity=draw(st.sampled_from(["message", "auto"])),
            )
        },
        "workload": workload,
        "costs": {**draw(st.sampled_from([FREE, CHEAP])), "execute": draw(st.sampled_from(["0ns", "1ms"]))},
        "faults": faults,
        "seed": draw(st.integers(0, 2**32)),
    }


@dataclass(frozen=True)
class Record:
    """A client's record: its last try decides when the client has its answer; the horizon where it has none."""

    sent_ns: int
    answered_ns: int
    answered: bool
    tries: int


def records_of(alliance: Alliance, rows: dict[str, NDArray[Any]]) -> dict[int, list[Record]]:
    """The records of each client of ``load``, oldest first, from the table of transactions alone."""
    access_ns = alliance.chains["a"].access_ns
    found: dict[int, dict[int, tuple[int, int]]] = {}
    for k in np.flatnonzero(rows["stream"] == "load"):
        mine = found.setdefault(int(rows["client"][k]), {})
        sent_ns, executed_ns = int(rows["intended_ns"][k]), int(rows["executed_ns"][k])
        answered_ns = executed_ns + int(access_ns[rows["node"][k]]) if executed_ns >= 0 else -1
        mine[sent_ns] = (answered_ns, mine.get(sent_ns, (0, 0))[1] + 1)
    horizon_ns = alliance.horizon_ns
    return {
        client: [
            Record(sent_ns, horizon_ns if at_ns < 0 else at_ns, at_ns >= 0, tries)
            for sent_ns, (at_ns, tries) in sorted(mine.items())
        ]
        for client, mine in found.items()
    }


def thoughts_ns(seed: int, client: int, mean_ns: int) -> list[int]:
    """A client's first think times, drawn again from their address."""
    if not mean_ns:
        return [0] * 10 * _CHUNK
    blocks = [Draws(seed).block("a", "load", "think", client, chunk) for chunk in range(10)]
    return [int(t) for block in blocks for t in np.rint(Exponential(mean_ns).sample(block, _CHUNK))]


def check_clients(alliance: Alliance, seed: int, loop: dict[str, Any], think_ns: int) -> None:
    """Each client's days: it thinks as long as it was drawn to, sends, waits, and thinks again; areas add up."""
    begin_ns, end_ns = alliance.clients["load"].loop.begin_ns, min(alliance.clients["load"].loop.end_ns, 2 * SECOND)
    records = records_of(alliance, table(alliance, "transactions"))
    area_ns, thinking_ns, longest_ns = 0, 0, 0
    for client in range(loop["clients"]):
        free_ns = begin_ns
        for record, think in zip(records.get(client, []), thoughts_ns(seed, client, think_ns), strict=False):
            assert record.sent_ns - free_ns == think or (think == 0 and record.sent_ns == free_ns + 1)
            thinking_ns += max(0, min(record.sent_ns, end_ns) - min(free_ns, end_ns))
            area_ns += max(0, min(record.answered_ns, end_ns) - record.sent_ns)
            longest_ns = max(longest_ns, record.answered_ns - free_ns)
            free_ns = record.answered_ns
        thinking_ns += max(0, end_ns - free_ns)
        longest_ns = max(longest_ns, end_ns - free_ns)
        mine = records.get(client, [])
        assert all(record.answered for record in mine[:-1])
        assert all(earlier.answered_ns <= later.sent_ns for earlier, later in pairwise(mine))
        assert not mine or mine[-1].answered or free_ns == alliance.horizon_ns
    duration_ns = end_ns - begin_ns
    assert area_ns + thinking_ns == loop["clients"] * duration_ns
    assert loop["waiting"] == pytest.approx(area_ns / duration_ns)
    assert loop["thinking"] == pytest.approx(thinking_ns / duration_ns)
    # Each end of the run cuts one cycle of each client short.
    assert abs(loop["little"] - loop["clients"]) <= 2 * loop["clients"] * longest_ns / duration_ns + 1e-9
    assert loop["retries"] == sum(record.tries - 1 for mine in records.values() for record in mine)


def most_under_way(alliance: Alliance) -> int:
    """The most records that were under way at one time."""
    steps = sorted(
        step
        for mine in records_of(alliance, table(alliance, "transactions")).values()
        for record in mine
        for step in ((record.sent_ns, 1), (record.answered_ns, -1))
    )
    return int(np.cumsum([change for _, change in steps]).max(initial=0))


def check(keys: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario = small(Path(folder), **keys)
    alliance, summary = played(scenario, scenario.seed)
    assert summary["verdict"] in {"pass", "no-progress"}
    offered, committed, rejected, unfinished = columns(summary)
    assert offered == committed + rejected + unfinished == len(alliance.chains["a"].offered)
    loop = summary["chains"]["a"]["closed_loops"]["load"]
    assert most_under_way(alliance) <= loop["clients"]
    think = scenario.workload["load"].think
    mean_ns = 0 if think is None or think.exponential is None else think.exponential.mean
    check_clients(alliance, scenario.seed, loop, mean_ns)
    answers = table(alliance, "verifications")
    assert not set(answers["outcome"][answers["kind"] == "absent"]) & {"pass", "mismatch"}
    assert not set(answers["outcome"][answers["kind"] == "genuine"]) & {"mismatch", "refused"}


@settings(max_examples=25)
@given(keys=scenarios())
def test_clients_wait_think_and_send_and_none_is_lost(keys: dict[str, Any]) -> None:
    check(keys)


@pytest.mark.full
@settings(max_examples=400)
@given(keys=scenarios())
def test_clients_wait_think_and_send_and_none_is_lost_many_times(keys: dict[str, Any]) -> None:
    check(keys)


@dataclass(frozen=True)
class Case:
    """A chain between two places, and who uses it."""

    protocol: str
    validators: int
    observers: int
    clients: int
    think: Distribution
    costs: Costs
    capacity: int
    downtime: tuple[int, int, int]

    def build(self, offered: Offered) -> tuple[Engine, Draws, Chain]:
        """The chain with what is offered to it, at the beginning."""
        engine, draws = Engine(), Draws(5)
        parameters = config(
            self.validators,
            protocol=self.protocol,
            observers=self.observers,
            timeout_ns=300 * MILLISECOND,
            interval_ns=20 * MILLISECOND,
            costs=self.costs,
            committee=4 if self.protocol == "rpbft" else 0,
            epoch=5,
            pool_capacity=self.capacity,
        )
        near, far = (
            Link(delay_ns=delay, jitter=Exponential(mean=2e6), loss=0.0, reliable=True, retransmit_ns=1)
            for delay in (5 * MILLISECOND, 10 * MILLISECOND)
        )
        topology = Topology(deal(parameters.nodes, ["east", "west"]), lambda a, b: near if a == b else far)
        network = Network(engine, draws, "a", topology, 100_000_000, 0, self.validators)
        made = Chain(engine, draws, Recorder(), parameters, network, offered)
        node, down_ns, up_ns = self.downtime
        made.plan_downtimes(node, [(down_ns, up_ns)])
        return engine, draws, made


def executed(made: Chain) -> list[tuple[list[int], list[int]]]:
    """Of each block when its records came to their leader, and when each node executed it.

    Not which records: of those that come at one nanosecond either may be first.
    """
    queued_ns = made.proposer.pool.queued_ns
    return [
        (sorted(queued_ns[block.transactions].tolist()), block.executed_ns.tolist()) for block in made.ledger.blocks[1:]
    ]


def nothing() -> dict[str, NDArray[np.int64]]:
    return {name: np.empty(0, np.int64) for name in ("stream", "number", "intended_ns", "size_bytes", "node")}


@st.composite
def cases(draw: st.DrawFn, protocols: list[str], capacity: int) -> Case:
    busy = Costs(500, 2000, 40_000, 30_000, 200_000, 0)
    validators = draw(st.integers(4, 6))
    observers = draw(st.integers(0, 2))
    protocol = draw(st.sampled_from(protocols))
    # What comes to a leader on its way out may be judged by it or by the next one, so no leader crashes here. Nothing
    # else happens at that nanosecond, which might come before the crash in one run and after it in the other.
    down_ns = (draw(st.integers(1, 1500)) if protocol == "pbft" else 10_000) * MILLISECOND + 137
    # Where leaders take turns, one whose CPU is behind cuts what was known when the cut took its place in the queue: a
    # record that a client sends meanwhile is in the block only if it was known beforehand.
    free = Costs(0, 0, 0, 0, 0, 0)
    costs = draw(st.sampled_from([busy, free])) if protocol in {"pbft", "raft"} else free
    return Case(
        protocol=protocol,
        validators=validators,
        observers=observers,
        clients=draw(st.integers(1, 40)),
        think=draw(st.sampled_from([Constant(0), Constant(7e6), Exponential(30e6)])),
        costs=costs,
        capacity=capacity,
        downtime=(draw(st.integers(1, validators + observers - 1)), down_ns, down_ns + 400 * MILLISECOND),
    )


def check_replay(case: Case) -> None:
    horizon_ns = 2 * SECOND
    loop = ClosedLoop("load", case.clients, case.think, Constant(1e8), Constant(300), 0, 0, horizon_ns)
    engine, draws, lived = case.build(Offered.beforehand(("load",), (0,), nothing(), frozenset({0})))
    Clients(engine, draws, loop, lived, range(lived.config.nodes), horizon_ns)
    engine.run(horizon_ns)
    sent = lived.offered
    order = np.argsort(sent.submitted_ns, kind="stable")
    again = {name: getattr(sent, name)[order] for name in ("stream", "number", "size_bytes", "node")}
    again["intended_ns"] = sent.submitted_ns[order]
    engine, _, replayed = case.build(Offered.beforehand(("load",), (0,), again))
    engine.run(horizon_ns)
    assert len(lived.ledger.blocks) > 1
    assert executed(lived) == executed(replayed)


@settings(max_examples=25, derandomize=True)
@given(case=cases(PROTOCOLS, capacity=1000))
def test_a_closed_loop_is_the_open_loop_of_its_own_times(case: Case) -> None:
    check_replay(case)


@pytest.mark.full
@settings(max_examples=400)
@given(case=cases(PROTOCOLS, capacity=1000))
def test_a_closed_loop_is_the_open_loop_of_its_own_times_many_times(case: Case) -> None:
    check_replay(case)
