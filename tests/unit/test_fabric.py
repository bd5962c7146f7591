"""Execute, order, validate: queues of endorsement, versions, policies, and what the loader refuses."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import chain, deposits, network, small

import sim
from sim.build import build
from sim.chain.fabric import CONFLICT, MISMATCH, NOT_JUDGED, VALID, first_come_first_served
from sim.scenario.problems import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

    from sim.chain.chain import Chain

PEERS = 4


def fabric_chain(protocol: str = "raft", validators: int = 3, **fabric: object) -> dict[str, Any]:
    """Three orderers, two organisations of two peers."""
    keys = {"organisations": 2, "simulate": "1ms", "endorsing_cores": 2, "commit_block": "1ms", **fabric}
    entry = chain(validators, observers=PEERS, fabric=keys)
    entry["consensus"] = {**entry["consensus"], "protocol": protocol}
    return entry


def run_chain(folder: Path, rate: str = "200/s", **fabric: object) -> Chain:
    """The chain after its run, so that verdicts can be looked at."""
    scenario = small(folder, chains={"a": fabric_chain(**fabric)}, workload={"files": deposits(rate)})
    alliance = build(scenario, 1)
    alliance.engine.run(until=alliance.horizon_ns)
    return alliance.chains["a"]


@given(
    st.lists(st.integers(0, 1000), max_size=60),
    st.integers(1, 50),
    st.integers(1, 5),
)
def test_endorsing_serves_as_a_queue_with_several_servers(arrivals: list[int], service: int, servers: int) -> None:
    free = [0] * servers
    expected = {}
    for place in sorted(range(len(arrivals)), key=lambda k: arrivals[k]):
        done = max(arrivals[place], heapq.heappop(free)) + service
        heapq.heappush(free, done)
        expected[place] = done
    found = first_come_first_served(np.array(arrivals, dtype=np.int64), service, servers)
    assert found.tolist() == [expected[place] for place in range(len(arrivals))]


def test_blind_writes_are_all_valid(tmp_path: Path) -> None:
    summary = sim.run(small(tmp_path, chains={"a": fabric_chain(keys=1)})).summary
    entry = summary["chains"]["a"]
    assert summary["verdict"] == "pass"
    assert entry["fabric"]["invalid"] == 0
    assert entry["records"] > 100
    # Client to peer, contract, and back: two links of 5 ms and about a millisecond.
    assert 0.010 < entry["fabric"]["endorsement_s"]["mean"] < 0.015


def test_of_transactions_that_read_one_version_the_first_is_valid(tmp_path: Path) -> None:
    chain_ = run_chain(tmp_path, access="read-write", keys=1)
    validation = chain_.validation
    assert validation is not None
    valid_so_far: list[int] = []
    judged = 0
    for block in chain_.ledger.blocks[1:]:
        for transaction in map(int, block.transactions):
            peer = int(validation.endorsed.endorser[transaction, 0])
            read_ns = int(validation.endorsed.read_ns[transaction, 0])
            seen = sum(0 <= chain_.ledger.blocks[h].executed_ns[peer] <= read_ns for h in valid_so_far)
            verdict = VALID if seen == len(valid_so_far) else CONFLICT
            if validation.verdict[transaction] == NOT_JUDGED:
                continue  # ordered, but no peer has come to it before the end
            assert validation.verdict[transaction] == verdict
            judged += 1
            if verdict == VALID:
                valid_so_far.append(block.header.height)
    assert judged > 100
    assert 2 <= len(valid_so_far) < judged / 2
    assert len(set(valid_so_far)) == len(valid_so_far)  # one valid write of a key in a block


def test_conflicts_become_rare_with_many_keys_and_frequent_with_skew(tmp_path: Path) -> None:
    def conflicts(**keys: object) -> int:
        scenario = small(tmp_path, chains={"a": fabric_chain(access="read-write", **keys)})
        summary = sim.run(scenario).summary
        entry = summary["chains"]["a"]
        assert summary["verdict"] == "pass"
        assert entry["offered"] == entry["records"] + entry["rejected"] + entry["unfinished"]
        assert entry["goodput_tps"] == pytest.approx((entry["records"] - entry["fabric"]["invalid"]) / 2)
        return int(entry["fabric"]["conflicts"])

    assert conflicts(keys=1) > conflicts(keys=1000, skew=1.0) > conflicts(keys=1_000_000)


def test_endorsers_that_read_different_versions_are_found_out(tmp_path: Path) -> None:
    chain_ = run_chain(tmp_path, access="read-write", keys=3, endorsements=2)
    assert chain_.validation is not None
    verdicts = chain_.validation.verdict
    assert np.count_nonzero(verdicts == MISMATCH) > 0
    assert np.count_nonzero(verdicts == VALID) > 0


def test_more_endorsements_cost_time_and_peers_cpu(tmp_path: Path) -> None:
    one, two = (
        sim.run(small(tmp_path, chains={"a": fabric_chain(endorsements=k)})).summary["chains"]["a"] for k in (1, 2)
    )
    assert two["fabric"]["endorsement_s"]["p99"] > one["fabric"]["endorsement_s"]["p99"]
    assert two["fabric"]["endorsing_utilisation"] == pytest.approx(2 * one["fabric"]["endorsing_utilisation"], rel=0.3)
    assert two["stages_s"]["vote"]["mean"] > one["stages_s"]["vote"]["mean"]  # peers check one more signature


@pytest.mark.parametrize(("protocol", "validators"), [("raft", 3), ("pbft", 4)])
def test_ordering_survives_its_leaders_crash(tmp_path: Path, protocol: str, validators: int) -> None:
    faults = [{"at": "500ms", "for": "1s", "action": "crash", "chain": "a", "nodes": [0]}]
    scenario = small(
        tmp_path,
        chains={"a": fabric_chain(protocol, validators, access="read-write", keys=50)},
        faults=faults,
        horizon="6s",
        workload={"files": deposits(end="3s")},
        network=network(jitter={"exponential": {"mean": "1ms"}}),
    )
    summary = sim.run(scenario).summary
    entry = summary["chains"]["a"]
    assert summary["verdict"] == "pass"
    assert entry["view_changes"] >= 1
    assert entry["unfinished"] == 0


@pytest.mark.parametrize(
    ("entry", "where", "needs"),
    [
        (fabric_chain("hotstuff"), "chains.a.consensus.protocol", "pbft or raft"),
        ({**fabric_chain(), "observers": 1}, "chains.a.observers", "a peer each"),
        (fabric_chain(endorsements=3), "chains.a.fabric.endorsements", "2 organisations"),
        ({**fabric_chain("pbft", 4), "fidelity": "auto"}, "chains.a.fidelity", "message"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, entry: dict[str, Any], where: str, needs: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        small(tmp_path, chains={"a": entry})
    assert where in str(caught.value)
    assert needs in str(caught.value)


def test_peers_cannot_crash(tmp_path: Path) -> None:
    faults = [{"at": "500ms", "for": "1s", "action": "crash", "chain": "a", "nodes": [3]}]
    with pytest.raises(ScenarioError, match="node 3 of a is a peer"):
        small(tmp_path, chains={"a": fabric_chain()}, faults=faults)
