"""Each verification request gets the one answer that is right, by a real proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenario_kit import CHEAP, chain, checks, deposits, played, small, table

from sim.build import build
from sim.chain.records import Records
from sim.chain.verification import Verification
from sim.proof import merkle

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from sim.build import Alliance

ACCESS_NS = 5_000_000


def looked_at(folder: Path, **keys: object) -> tuple[Alliance, dict[str, Any]]:
    """Four nodes busy executing, three streams of requests: genuine, about nothing, and altered ones."""
    workload = {
        "files": deposits("400/s", history=50),
        "genuine": checks("files", "600/s"),
        "absent": checks("files", "50/s", absent="100%"),
        "altered": checks("files", "100/s", altered="100%"),
    }
    return played(small(folder, **{"workload": workload, "costs": {**CHEAP, "proof": "2ms"}, **keys}))


def executed_at(alliance: Alliance, node: int, leaf_index: int) -> int:
    """When this node had executed the block with this leaf; -1 for never."""
    ledger = alliance.chains["a"].ledger
    block = next(block for block in ledger.blocks if block.header.log_size > leaf_index)
    return int(block.executed_ns[node])


def rows_of(rows: dict[str, NDArray[Any]], stream: str, outcome: str) -> dict[str, NDArray[Any]]:
    chosen = (rows["stream"] == stream) & (rows["outcome"] == outcome)
    return {name: cells[chosen] for name, cells in rows.items()}


@pytest.mark.parametrize("hash_name", ["sha256", "sm3"])
def test_altered_mismatches_absent_is_not_found_and_genuine_passes(hash_name: str, tmp_path: Path) -> None:
    alliance, summary = looked_at(tmp_path, chains={"a": chain(4, hash=hash_name)})
    rows = table(alliance, "verifications")
    pairs = zip(rows["stream"].tolist(), rows["outcome"].tolist(), strict=True)
    seen = {pair for pair in pairs if pair[1] != "unfinished"}
    assert seen == {
        ("genuine", "pass"),
        ("genuine", "not_found"),
        ("absent", "not_found"),
        ("altered", "mismatch"),
        ("altered", "not_found"),
    }
    proofs = summary["proofs"]
    assert proofs["refused"] == 0
    assert proofs["verified_real"] == proofs["passed"] + proofs["mismatch"]
    assert proofs["mismatch"] == len(rows_of(rows, "altered", "mismatch")["node"]) > 150
    assert proofs["passed"] > 900
    assert sum(proofs[outcome] for outcome in ("passed", "mismatch", "not_found", "unfinished")) == len(rows["node"])


def test_a_record_is_found_exactly_where_the_node_has_executed_it(tmp_path: Path) -> None:
    alliance, _ = looked_at(tmp_path)
    chain_a, requests = alliance.chains["a"], alliance.verifications["a"].requests
    rows = table(alliance, "verifications")
    found = 0
    for index in range(len(rows["node"])):
        if rows["stream"][index] == "absent" or rows["outcome"][index] == "unfinished":
            continue
        of_stream = np.flatnonzero(requests.stream == requests.streams.index(rows["stream"][index]))
        request = of_stream[rows["number"][index]]
        sent = chain_a.records.deposited_by(0, int(requests.intended_ns[request]))
        leaf = chain_a.ledger.find(0, int(requests.choice[request] * len(sent)))
        known_ns = -1 if leaf is None else executed_at(alliance, int(rows["node"][index]), leaf)
        answered_ns = rows["done_ns"][index] - ACCESS_NS
        assert (rows["outcome"][index] != "not_found") == (known_ns != -1 and known_ns <= answered_ns)
        found += rows["outcome"][index] != "not_found"
        assert rows["leaf_index"][index] == (-1 if rows["outcome"][index] == "not_found" else leaf)
    assert 1000 < found < len(rows["node"])


def test_a_request_takes_the_way_to_the_node_its_queue_and_the_way_back(tmp_path: Path) -> None:
    workload = {"files": deposits("0/s", history=5), "look": checks("files", "2/s", arrivals="regular")}
    alliance, _ = looked_at(tmp_path, workload=workload, costs={**CHEAP, "proof": "70us"})
    rows = table(alliance, "verifications")
    assert (rows["done_ns"] - rows["intended_ns"]).tolist() == [2 * ACCESS_NS + 70_000] * 4
    assert set(rows["outcome"]) == {"pass"}
    assert rows["number"].tolist() == [0, 1, 2, 3]


def test_a_request_at_the_end_is_unfinished(tmp_path: Path) -> None:
    workload = {"files": deposits("0/s", history=5), "look": checks("files", "1/s", arrivals="regular")}
    alliance, summary = looked_at(tmp_path, workload=workload, horizon="504ms")
    assert summary["proofs"]["unfinished"] == len(table(alliance, "verifications")["node"]) == 1
    assert table(alliance, "verifications")["done_ns"].tolist() == [-1]


def test_a_record_that_changed_after_it_was_hashed_mismatches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Records.content

    def tampered(self: Records, row: int) -> bytes:
        content = right(self, row)
        return content.replace(b'"number":3,', b'"number":4,') if row == 3 else content

    workload = {"files": deposits("0/s", history=10), "genuine": checks("files", "200/s")}
    scenario = small(tmp_path, workload=workload)
    honest, _ = played(scenario)
    alliance = build(scenario, 1)
    monkeypatch.setattr(Records, "content", tampered)
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    rows = table(alliance, "verifications")
    assert set(table(honest, "verifications")["outcome"]) == {"pass", "unfinished"}
    assert set(rows["outcome"][rows["leaf_index"] == 3]) == {"mismatch"}
    assert "mismatch" not in set(rows["outcome"][rows["leaf_index"] != 3])


def test_one_wrong_bit_in_the_log_mismatches_wherever_a_proof_meets_it(tmp_path: Path) -> None:
    workload = {"files": deposits("0/s", history=10), "genuine": checks("files", "200/s")}
    alliance = build(small(tmp_path, workload=workload), 1)
    leaves = alliance.chains["a"].ledger.log._levels[0]
    leaves[3 * 32 + 7] ^= 1
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    rows = table(alliance, "verifications")
    answered = rows["leaf_index"] >= 0
    outcomes = {
        leaf: set(rows["outcome"][answered & (rows["leaf_index"] == leaf)])
        for leaf in set(rows["leaf_index"][answered])
    }
    # The neighbour's proof carries the wrong leaf; leaf 3 itself is hashed anew by the client, and its proof does not.
    assert outcomes == {leaf: {"mismatch" if leaf == 2 else "pass"} for leaf in range(10)}


def test_a_proof_of_the_wrong_length_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = merkle.Log.inclusion_proof
    monkeypatch.setattr(merkle.Log, "inclusion_proof", lambda log, index, size: right(log, index, size)[:-1])
    alliance, summary = looked_at(tmp_path)
    assert set(table(alliance, "verifications")["outcome"]) == {"refused", "not_found", "unfinished"}
    assert summary["proofs"]["refused"] == summary["proofs"]["verified_real"] > 0
    assert summary["proofs"]["passed"] == 0


def test_the_service_uses_what_the_client_presents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Verification, "_presented", lambda *_: b"something else")
    alliance, _ = looked_at(tmp_path)
    assert set(table(alliance, "verifications")["outcome"]) == {"mismatch", "not_found", "unfinished"}
