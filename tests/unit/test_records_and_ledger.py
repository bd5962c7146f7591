"""Records have one encoding, ledgers hold what was executed and prove it, and each invariant bites."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import config, sent, small

from sim.chain.chain import Chain
from sim.chain.config import Offered
from sim.chain.invariants import AGREEMENT, INTEGRITY, ORDER, VALIDITY, InvariantViolation
from sim.chain.ledger import Ledger
from sim.chain.records import Records
from sim.chain.verification import alter
from sim.consensus.interface import Decide, Value
from sim.kernel.draws import Draws
from sim.study.run import run

if TYPE_CHECKING:
    from collections import deque
    from pathlib import Path

    from sim.chain.node import Node
    from sim.consensus.interface import Output

NULL = Value(digest=bytes(32), size_bytes=0, count=0)


def ledger_of(offered: Offered, nodes: int = 2) -> Ledger:
    parameters = config(nodes)
    return Ledger(parameters, Records(Draws(1), "a", "sha256", offered), offered)


def proposed(ledger: Ledger, transactions: list[int], cut_ns: int = 100) -> Value:
    body, digest = ledger.prepare(np.array(transactions, dtype=np.int64), leader=0, view=0, cut_ns=cut_ns)
    return Value(digest, 100 * len(transactions), len(transactions), body)


def two_streams() -> Offered:
    columns = {
        "stream": np.array([1, 0, 0]),
        "number": np.array([1, 2, 3]),
        "intended_ns": np.array([10, 20, 30]),
        "size_bytes": np.array([100, 100, 100]),
        "node": np.array([0, 0, 0]),
    }
    return Offered.beforehand(("files", "logs"), (2, 1), columns)


def test_a_record_says_who_deposited_what_and_when_in_one_encoding() -> None:
    records = Records(Draws(1), "a", "sm3", two_streams())
    content = records.content(records.history)
    said = json.loads(content)
    assert set(said) == {"chain", "file", "generated_ns", "number", "stream"}
    assert (said["chain"], said["stream"], said["number"], said["generated_ns"]) == ("a", "logs", 1, 10)
    assert (said["file"]["alg"], len(bytes.fromhex(said["file"]["digest"]))) == ("sm3", 32)
    assert json.dumps(said, sort_keys=True, separators=(",", ":")).encode() == content


def test_the_history_comes_first_and_was_generated_before_the_run() -> None:
    records = Records(Draws(1), "a", "sha256", two_streams())
    said = [json.loads(records.content(row)) for row in range(len(records))]
    assert [(one["stream"], one["number"]) for one in said] == [
        ("files", 0), ("files", 1), ("logs", 0), ("logs", 1), ("files", 2), ("files", 3),
    ]  # fmt: skip
    assert [one["generated_ns"] for one in said] == [-2 * 10**9, -(10**9), -(10**9), 10, 20, 30]
    assert [len(records.deposited_by(0, time_ns)) for time_ns in (-(2 * 10**9), -1, 19, 20, 30)] == [1, 2, 2, 3, 4]
    assert records.rows_of(0).tolist() == [0, 1, 4, 5]


def test_every_record_has_its_own_file_whatever_else_is_offered() -> None:
    both, alone = two_streams(), sent([20, 30])
    digests = [json.loads(Records(Draws(1), "a", "sha256", both).content(row))["file"]["digest"] for row in range(6)]
    assert len(set(digests)) == 6
    first = json.loads(Records(Draws(1), "a", "sha256", alone).content(0))["file"]["digest"]
    assert first == digests[0]


@given(
    rows=st.lists(st.integers(0, 5004), min_size=1, max_size=40),
    spacing_ns=st.sampled_from([1, 999, 10**9, 10**14]),
)
def test_records_written_together_are_those_written_one_by_one(rows: list[int], spacing_ns: int) -> None:
    """History and what is offered, near and far apart, with more digits and fewer, in any order and repeatedly."""
    offered = Offered.beforehand(
        ("files", "logs", "x"),
        (1200, 0, 2300),
        {
            "stream": np.arange(1505) % 3,
            "number": np.arange(1505) // 3 + np.array([1200, 0, 2300])[np.arange(1505) % 3],
            "intended_ns": spacing_ns * np.arange(1505),
            "size_bytes": np.full(1505, 100),
            "node": np.zeros(1505, dtype=np.int64),
        },
    )
    records = Records(Draws(1), "a", "sm3", offered)
    together: dict[int, bytes] = {}
    for places, contents in records.alike(np.array(rows)):
        together |= {int(place): content.tobytes() for place, content in zip(places, contents, strict=True)}
    one_by_one = [Records(Draws(1), "a", "sm3", offered).content(row) for row in rows]
    assert [together[place] for place in range(len(rows))] == one_by_one
    assert list(records.contents(np.array(rows))) == one_by_one
    assert [records.content(row) for row in rows] == one_by_one
    said = [json.loads(content) for content in one_by_one]
    assert [records.rows_of(offered.streams.index(one["stream"]))[one["number"]] for one in said] == rows


def test_one_altered_bit_is_one_altered_bit() -> None:
    content = bytes(range(200))
    for where in (0.0, 0.25, 0.5, 1 - 2**-53):
        changed = alter(content, where)
        differing = [a ^ b for a, b in zip(content, changed, strict=True) if a != b]
        assert [bits.bit_count() for bits in differing] == [1]


def test_a_ledger_starts_with_its_history_and_finds_each_record() -> None:
    ledger = ledger_of(two_streams())
    assert (ledger.blocks[0].header.log_size, ledger.heights) == (3, [0, 0])
    assert [ledger.find(0, 0), ledger.find(0, 1), ledger.find(0, 2), ledger.find(1, 0)] == [0, 1, None, 2]
    ledger.execute(0, 1, proposed(ledger, [2, 0]), 200, 250)
    assert [ledger.find(0, 2), ledger.find(0, 3), ledger.find(1, 1), ledger.find(0, 99)] == [None, 3, 4, None]
    assert ledger.blocks[1].header.log_root == ledger.log.root(5)
    assert [ledger.executed_transactions(0), ledger.executed_transactions(1)] == [2, 0]


def test_a_header_holds_the_roots_of_its_records_and_of_all_records() -> None:
    ledger = ledger_of(sent([10, 20]), nodes=1)
    ledger.execute(0, 1, proposed(ledger, [1, 0], cut_ns=77), 200, 250)
    records = Records(Draws(1), "a", "sha256", sent([10, 20]))
    leaves = [hashlib.sha256(b"\x00" + records.content(row)).digest() for row in (1, 0)]
    root = hashlib.sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    header = ledger.head(0).header
    assert (header.payload_root, header.log_root, header.log_size, header.time_ns) == (root, root, 2, 77)
    assert header.parent == hashlib.sha256(ledger.blocks[0].header.to_bytes()).digest()


def test_a_null_value_makes_a_block_without_records() -> None:
    ledger = ledger_of(sent([10]))
    ledger.execute(0, 1, proposed(ledger, [0]), 200, 250)
    block = ledger.execute(0, 2, NULL, 300, 300)
    assert (block.header.log_size, block.header.height, len(block.transactions)) == (1, 2, 0)
    assert block.header.log_root == ledger.blocks[1].header.log_root
    assert block.digest != ledger.blocks[1].digest


def test_what_a_node_had_executed_by_a_time_is_what_it_had_done_by_then() -> None:
    ledger = ledger_of(sent([10, 20]))
    ledger.execute(0, 1, proposed(ledger, [0]), 200, 250)
    ledger.execute(0, 2, proposed(ledger, [1]), 300, 350)
    assert [ledger.log_at(0, time_ns)[0] for time_ns in (0, 249, 250, 349, 350)] == [0, 0, 1, 1, 2]
    assert ledger.log_at(0, 349) == (1, ledger.log.root(1))
    assert ledger.log_at(1, 350) == (0, ledger.log.root(0))


def violation(ledger: Ledger, node: int, height: int, value: Value, now_ns: int = 900) -> str:
    with pytest.raises(InvariantViolation) as caught:
        ledger.execute(node, height, value, now_ns, now_ns)
    assert (caught.value.chain, caught.value.height) == ("a", height)
    return caught.value.invariant


def test_two_values_at_one_height_break_agreement() -> None:
    ledger = ledger_of(sent([10, 20]))
    ledger.execute(0, 1, proposed(ledger, [0]), 200, 250)
    assert violation(ledger, 1, 1, proposed(ledger, [1])) == AGREEMENT
    assert violation(ledger, 1, 1, NULL) == AGREEMENT
    assert ledger.heights == [1, 0]


def test_the_same_records_in_another_order_break_agreement() -> None:
    ledger = ledger_of(sent([10, 20]))
    ledger.execute(0, 1, proposed(ledger, [0, 1]), 200, 250)
    assert violation(ledger, 1, 1, proposed(ledger, [1, 0])) == AGREEMENT


def test_a_record_in_a_second_block_breaks_integrity() -> None:
    ledger = ledger_of(sent([10, 20]))
    ledger.execute(0, 1, proposed(ledger, [0]), 200, 250)
    assert violation(ledger, 0, 2, proposed(ledger, [1, 0])) == INTEGRITY
    assert ledger.log.size == 1


def test_a_record_twice_in_a_block_breaks_integrity() -> None:
    ledger = ledger_of(sent([10, 20]))
    assert violation(ledger, 0, 1, proposed(ledger, [1, 1])) == INTEGRITY


def test_a_record_in_a_block_before_it_was_sent_breaks_validity() -> None:
    ledger = ledger_of(sent([10, 950]))
    assert violation(ledger, 0, 1, proposed(ledger, [0, 1]), now_ns=949) == VALIDITY
    ledger.execute(0, 1, proposed(ledger, [0, 1]), 950, 950)


@pytest.mark.parametrize("height", [0, 1, 3])
def test_a_node_that_skips_or_repeats_a_height_breaks_order(height: int) -> None:
    ledger = ledger_of(sent([10, 20]))
    ledger.execute(0, 1, proposed(ledger, [0]), 200, 250)
    assert violation(ledger, 0, height, proposed(ledger, [1])) == ORDER


def break_decisions(monkeypatch: pytest.MonkeyPatch, nodes: set[int], height: int, wrong: Value | None) -> None:
    """From now on these nodes decide ``wrong`` at this height, or for None what they decided before it."""
    right = Chain._decide

    def decide(self: Chain, at: Node, output: Decide, at_ns: int, todo: deque[Output]) -> int | None:
        if at.index in nodes and output.sequence == height:
            value = wrong or self.ledger.blocks[height - 1].value
            assert value is not None
            output = Decide(output.sequence, output.view, value)
        return right(self, at, output, at_ns, todo)

    monkeypatch.setattr(Chain, "_decide", decide)


@pytest.mark.parametrize(
    ("nodes", "wrong", "verdict", "invariant"),
    [
        ({2}, NULL, "diverged", AGREEMENT),
        ({3}, None, "diverged", AGREEMENT),
        ({1, 2}, NULL, "diverged", AGREEMENT),
        ({0, 1, 2, 3}, None, "violated", INTEGRITY),
    ],
)
def test_a_run_with_broken_replicas_stops_there_and_says_so(
    nodes: set[int],
    wrong: Value | None,
    verdict: str,
    invariant: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = small(tmp_path)
    whole = run(scenario)
    break_decisions(monkeypatch, nodes, 5, wrong)
    result = run(scenario)
    assert (whole.summary["verdict"], whole.summary["simulated_s"]) == ("pass", 2.0)
    assert result.summary["verdict"] == verdict
    broken = result.summary["violation"]
    assert (broken["invariant"], broken["chain"], broken["height"]) == (invariant, "a", 5)
    fifth_ns = whole.table("commits")["decided_ns"][4]
    assert result.summary["simulated_s"] == pytest.approx(fifth_ns / 1e9, abs=0.02)
    assert result.summary["chains"]["a"]["blocks"] in {4, 5}
    assert result.table("commits").height == result.summary["chains"]["a"]["blocks"]
