"""Contracts on one chain: when they run, what the next header says, and who signs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import NO_COSTS, config

from sim.chain.chain import Chain
from sim.chain.config import Offered, Sent
from sim.chain.contracts import Effect
from sim.kernel.distributions import Constant
from sim.kernel.draws import Draws
from sim.kernel.engine import MILLISECOND, SECOND, Engine
from sim.metrics.recorder import Recorder
from sim.network.topology import Link, Topology
from sim.network.transport import Network
from sim.proof.chain_errors import TooFewVotes
from sim.proof.evidence import Update
from sim.proof.finality import FinalBlock
from sim.proof.lightclient import LightClient, TrustPolicy
from sim.proof.state_proof import EMPTY_ROOT
from sim.proof.state_verify import verify_state

if TYPE_CHECKING:
    from collections.abc import Sequence

DELAY = 10 * MILLISECOND
DAY = 86_400 * SECOND
WORK = 7 * MILLISECOND


class Notes:
    """A contract that keeps the last call under one key, and costs the same for every call."""

    def __init__(self) -> None:
        self.ran: list[tuple[int, int, list[bytes]]] = []
        self.told: list[tuple[int, int]] = []

    def run(self, height: int, time_ns: int, calls: Sequence[tuple[int, bytes]]) -> Effect:
        self.ran.append((height, time_ns, [data for _, data in calls]))
        return Effect({b"last": calls[-1][1]} if calls else {}, WORK * len(calls))

    def executed(self, height: int, at_ns: int) -> None:
        self.told.append((height, at_ns))


def noting(protocol: str = "pbft") -> tuple[Engine, Chain, Notes]:
    """Four validators and an observer, 10 ms apart, whose contract is `Notes`."""
    engine, draws, notes = Engine(), Draws(1), Notes()
    parameters = config(4, observers=1, protocol=protocol)
    link = Link(delay_ns=DELAY, jitter=Constant(0), loss=0.0, reliable=True, retransmit_ns=1)
    topology = Topology(["east"] * parameters.nodes, lambda _a, _b: link)
    network = Network(engine, draws, "a", topology, bandwidth_bps=None)
    none = np.empty(0, dtype=np.int64)
    columns = dict.fromkeys(("stream", "number", "intended_ns", "size_bytes", "node"), none)
    offered = Offered.beforehand(("calls",), (0,), columns, frozenset({0}))
    chain = Chain(engine, draws, Recorder(), parameters, network, offered, contracts=notes)
    chain.answers.subscribe(0, lambda _rows, _at: None, lambda _rows, _at: None)
    return engine, chain, notes


def call(engine: Engine, chain: Chain, data: bytes, size: int = 200) -> None:
    cell = np.array([engine.now], dtype=np.int64)
    chain.submit(Sent(0, np.array([0]), cell, cell, np.array([size]), np.array([0])), [data])


@pytest.mark.parametrize("protocol", ["pbft", "tendermint", "qbft"])
def test_the_next_header_proves_what_a_call_wrote_and_comes_at_once(protocol: str) -> None:
    engine, chain, notes = noting(protocol)
    engine.call_at(SECOND, call, engine, chain, b"hello")
    engine.run(until=4 * SECOND)
    headers = [block.header for block in chain.ledger.blocks]
    assert [data for _, _, data in notes.ran] == [[b"hello"], []]
    assert [header.state_root for header in headers[:2]] == [EMPTY_ROOT, EMPTY_ROOT]
    assert len(headers) == 3, "one block with the call, one that proves it, and no more"
    assert chain.state is not None
    value, proof = chain.state.prove(b"last", 1)
    assert value == b"hello"
    verify_state(chain.ledger.suite, root=headers[2].state_root, key=b"last", value=b"hello", proof=proof)
    # The empty block is not held back for a block interval: three delays, what it takes the next proposer to know of
    # the one before, and the contract's work.
    waited_ns = chain.ledger.blocks[2].first_executed_ns - chain.ledger.blocks[1].first_executed_ns
    assert waited_ns <= 6 * DELAY + WORK
    assert headers[2].time_ns > headers[1].time_ns


def test_a_call_stands_in_the_log_with_its_own_bytes() -> None:
    engine, chain, _ = noting()
    engine.call_at(SECOND, call, engine, chain, b"hello")
    engine.run(until=2 * SECOND)
    assert chain.ledger.log.root(1) == chain.ledger.suite.leaf(b"hello")


def test_every_node_pays_for_what_contracts_compute() -> None:
    engine, chain, notes = noting()
    engine.call_at(SECOND, call, engine, chain, b"hello")
    engine.run(until=2 * SECOND)
    assert [node.cpu_busy_ns for node in chain.nodes] == [WORK] * 5
    assert len(notes.ran) == 2, "contracts run once, not once a node"
    assert notes.told == [(1, chain.ledger.blocks[1].first_executed_ns), (2, chain.ledger.blocks[2].first_executed_ns)]


def test_a_block_with_other_calls_proves_the_one_before_as_well() -> None:
    engine, chain, notes = noting()
    for k in range(40):
        engine.call_at(SECOND + k * 20 * MILLISECOND, call, engine, chain, b"%d" % k)
    engine.run(until=4 * SECOND)
    assert b"".join(data for _, _, block in notes.ran for data in block) == b"".join(b"%d" % k for k in range(40))
    for height, block in enumerate(chain.ledger.blocks):
        if height:
            assert chain.state is not None
            assert block.header.state_root == chain.state.root(height - 1)
    assert notes.ran[-1][2] == [], "the last state has a header too"


def test_what_is_shown_of_a_chain_convinces_a_light_client_and_nothing_less_does() -> None:
    engine, chain, _ = noting()
    engine.call_at(SECOND, call, engine, chain, b"hello")
    engine.run(until=2 * SECOND)
    assert chain.signing is not None
    policy = TrustPolicy("a", chain.ledger.suite, "pbft", DAY, SECOND)
    client = LightClient(policy, chain.ledger.blocks[0].header, chain.signing.validators)
    shown = chain.signing.show(chain.ledger.blocks[2])
    (link,) = shown.block.links
    few = type(link.certificate)(link.certificate.vote, link.certificate.signatures[1:])
    with pytest.raises(TooFewVotes):
        client.update(Update(FinalBlock((type(link)(link.header, few),)), shown.validators), 2 * SECOND)
    client.update(shown, 2 * SECOND)
    assert client.header == chain.ledger.blocks[2].header
    assert chain.signing.show(chain.ledger.blocks[2]) is shown, "signed once"


def test_a_leader_that_crashes_before_the_proof_is_replaced_for_it() -> None:
    engine, chain, _ = noting()
    engine.call_at(SECOND, call, engine, chain, b"hello")
    engine.run(until=SECOND)
    # Cut an interval after it came, and decided three delays later at the earliest: the leader is gone by then.
    chain.plan_downtimes(0, [(SECOND + 125 * MILLISECOND + DELAY, 60 * SECOND)])
    engine.run(until=40 * SECOND)
    assert len(chain.ledger.blocks) == 3
    assert chain.ledger.heights[1] == 2
    first, proving = (chain.ledger.blocks[height].value for height in (1, 2))
    assert first is not None
    assert proving is not None
    assert (first.body.leader, proving.body.leader) == (0, 1)


def test_a_chain_without_contracts_takes_no_calls() -> None:
    from scenario_kit import bare_chain, sent

    engine, chain = bare_chain(config(4, costs=NO_COSTS), sent([]))
    with pytest.raises(ValueError, match="a has no contracts to call"):
        call(engine, chain, b"hello")
