"""Whatever happens to a chain: no record is lost or doubled, time runs forwards, all nodes agree, roots are right."""

from __future__ import annotations

import hashlib
import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import CHEAP, chain, checks, columns, crash, deposits, network, played, small, table

from sim.chain.blocks import NOT_YET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.chain.chain import Chain

STAMPS = ["intended_ns", "queued_ns", "cut_ns", "proposed_ns", "voted_ns", "executed_ns"]


@st.composite
def schedules(draw: st.DrawFn, validators: int) -> list[dict[str, Any]]:
    """Crashes of at most as many validators as the chain tolerates, some of them for good."""
    nodes = draw(st.permutations(range(validators)))[: (validators - 1) // 3]
    faults = []
    for node in nodes:
        begin_ms = draw(st.integers(1, 1500))
        lasts_ms = draw(st.one_of(st.none(), st.integers(1, 1500)))
        faults.append(crash(f"{begin_ms}ms", [node], None if lasts_ms is None else f"{lasts_ms}ms"))
    return faults


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    transport, worst = draw(st.sampled_from([("reliable", 10), ("datagram", 2)]))
    jitter_us = draw(st.sampled_from([0, 300, 3000]))
    keys: dict[str, Any] = {"jitter": {"exponential": {"mean": f"{jitter_us}us"}}} if jitter_us else {}
    bandwidth = draw(st.sampled_from(["2Mbit/s", "20Mbit/s", "1Gbit/s"]))
    return network(transport=transport, loss=f"{draw(st.integers(0, worst))}%", bandwidth=bandwidth, **keys)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """The keys of a small scenario with two chains, of which only ``a`` has faults."""
    validators = draw(st.integers(1, 7))
    sizes = [f"{draw(st.integers(1, 900))}B", {"lognormal": {"median": "300B", "p99": "3kB"}}]
    block = {
        "max_transactions": draw(st.integers(1, 30)),
        "max_bytes": f"{draw(st.integers(1, 20))}kB",
        "interval": f"{draw(st.integers(1, 80))}ms",
    }
    consensus = {
        "protocol": "pbft",
        "timeout": f"{draw(st.integers(150, 500))}ms",
        "window": draw(st.integers(1, 5)),
        "checkpoint_interval": draw(st.integers(1, 6)),
    }
    shape = {
        "block": block,
        "consensus": consensus,
        "mempool": {"capacity": draw(st.sampled_from([3, 30, 1000]))},
        "hash": draw(st.sampled_from(["sha256", "sm3"])),
        "regions": draw(st.sampled_from([["east"], ["east", "west"]])),
    }
    return {
        "network": draw(networks()),
        "chains": {"a": chain(validators, observers=draw(st.integers(0, 2)), **shape), "b": chain(2)},
        "workload": {
            "files": deposits(f"{draw(st.integers(1, 500))}/s", size=sizes[0]),
            "logs": deposits(f"{draw(st.integers(0, 100))}/s", size=sizes[1], history=draw(st.integers(0, 9))),
            "look": checks("logs", absent="10%", altered="20%"),
            "other": deposits("50/s", chain="b"),
        },
        "costs": {**CHEAP, "execute": draw(st.sampled_from(["0ns", "20us", "3ms"]))},
        "faults": draw(schedules(validators)),
        "seed": draw(st.integers(0, 2**32)),
    }


def tree_root(hashes: list[bytes], hash_name: str) -> bytes:
    """RFC 9162 section 2.1.1, straight from the definition."""
    if not hashes:
        return hashlib.new(hash_name).digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = tree_root(hashes[:split], hash_name), tree_root(hashes[split:], hash_name)
    return hashlib.new(hash_name, b"\x01" + left + right).digest()


def assert_conserved(alliance: Alliance, summary: dict[str, Any]) -> None:
    """Every record is offered once and committed, rejected or unfinished; in tables, summary and ledger alike."""
    transactions, commits = table(alliance, "transactions"), table(alliance, "commits")
    for chain_id, part in alliance.chains.items():
        mine = transactions["chain"] == chain_id
        outcomes = transactions["outcome"][mine]
        counts = [int((outcomes == outcome).sum()) for outcome in ("committed", "rejected", "unfinished")]
        assert columns(summary, chain_id) == (len(part.offered), *counts)
        assert sum(counts) == len(part.offered)
        in_blocks = np.concatenate([block.transactions for block in part.ledger.blocks])
        assert len(np.unique(in_blocks)) == len(in_blocks)
        ordered = commits["transactions"][commits["chain"] == chain_id].sum() if len(commits["chain"]) else 0
        assert summary["chains"][chain_id]["transactions"] == ordered == (transactions["height"][mine] > 0).sum()
        assert not (outcomes[transactions["height"][mine] > 0] == "rejected").any()


def assert_time_runs_forwards(rows: dict[str, NDArray[Any]], horizon_ns: int) -> None:
    done = rows["outcome"] == "committed"
    stamps = np.array([rows[name][done] for name in STAMPS])
    assert (np.diff(stamps, axis=0) >= 0).all()
    assert (stamps >= 0).all()
    assert (stamps < horizon_ns).all()
    for earlier, later in [("queued_ns", "cut_ns"), ("voted_ns", "executed_ns")]:
        assert (rows[later][rows[earlier] == NOT_YET] == NOT_YET).all()


def assert_nodes_execute_the_same_in_order(part: Chain) -> None:
    for node, height in enumerate(part.ledger.heights):
        executed_ns = [int(block.executed_ns[node]) for block in part.ledger.blocks]
        assert executed_ns[: height + 1] == sorted(executed_ns[: height + 1])
        assert NOT_YET not in executed_ns[: height + 1]
        assert set(executed_ns[height + 1 :]) <= {NOT_YET}
    for parent, block in pairwise(part.ledger.blocks):
        assert block.header.parent == parent.digest
        assert block.header.height == parent.header.height + 1


def assert_roots_are_those_of_the_records(part: Chain, rows: dict[str, NDArray[Any]]) -> None:
    """Every header's roots, from the bytes of the records alone, which say what the transactions table says."""
    name, history = part.config.hash, part.records.history
    leaves = [hashlib.new(name, b"\x00" + part.records.content(row)).digest() for row in range(history)]
    for block in part.ledger.blocks[1:]:
        contents = [part.records.content(history + int(position)) for position in block.transactions]
        own = [hashlib.new(name, b"\x00" + content).digest() for content in contents]
        leaves += own
        assert block.header.payload_root == tree_root(own, name)
        for position, content in zip(block.transactions, contents, strict=True):
            record = json.loads(content)
            assert record["chain"] == part.config.id
            said = (record["stream"], record["number"], record["generated_ns"])
            assert said == tuple(rows[key].tolist()[position] for key in ("stream", "number", "intended_ns"))
    last = part.ledger.blocks[-1].header
    assert (last.log_size, last.log_root) == (len(leaves), tree_root(leaves, name))


def assert_answers_are_right(rows: dict[str, NDArray[Any]]) -> None:
    genuine, absent, altered = (rows["outcome"][rows["kind"] == kind] for kind in ("genuine", "absent", "altered"))
    assert set(genuine) <= {"pass", "not_found", "unfinished"}
    assert set(absent) <= {"not_found", "unfinished"}
    assert set(altered) <= {"mismatch", "not_found", "unfinished"}


def check(keys: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario = small(Path(folder), **keys)
    alliance, summary = played(scenario, scenario.seed)
    assert summary["violation"] is None
    assert_conserved(alliance, summary)
    transactions = table(alliance, "transactions")
    for chain_id, part in alliance.chains.items():
        rows = {name: cells[transactions["chain"] == chain_id] for name, cells in transactions.items()}
        assert_time_runs_forwards(rows, alliance.horizon_ns)
        assert_nodes_execute_the_same_in_order(part)
        assert_roots_are_those_of_the_records(part, rows)
        assert part.proposer.pool.peak <= part.config.pool_capacity
    assert_answers_are_right(table(alliance, "verifications"))


@settings(max_examples=25)
@given(keys=scenarios())
def test_records_are_conserved_and_nodes_agree(keys: dict[str, Any]) -> None:
    check(keys)


@pytest.mark.full
@settings(max_examples=400)
@given(keys=scenarios())
def test_records_are_conserved_and_nodes_agree_many_times(keys: dict[str, Any]) -> None:
    check(keys)
