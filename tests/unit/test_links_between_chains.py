"""Whole runs of a link: what becomes of packets, of forged ones too, and what proofs are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, linked, played, table

from sim.chain.invariants import InvariantViolation
from sim.crosschain import invariants
from sim.crosschain.actors.prover import Claims, FinalBlocks
from sim.crosschain.contracts import headers
from sim.crosschain.contracts.channel import DestinationEnd
from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.contracts.store import Store

WAYS = ("light_client", "none", "spv", "committee")


def agreeing(protocol: str) -> dict[str, Any]:
    return chain(consensus={"protocol": protocol, "timeout": "500ms"})


def crossed(folder: Path, verify: str = "light_client", /, **keys: object) -> dict[str, Any]:
    """What a link's summary says; nothing may have gone wrong."""
    _, summary = played(linked(folder, verify, **keys))
    assert summary["verdict"] == "pass", summary["violation"]
    found: dict[str, Any] = summary["crosschain"]["a-b"]
    ended = ("delivered", "timed_out", "stuck", "unfinished")
    assert sum(found[name] for name in ended) + _unsent(found) == found["offered"]
    return found


def _unsent(found: Mapping[str, Any]) -> int:
    return sum(found["refused"].get(reason, 0) for reason in ("channel-closed", "no-room", "timed-out-already"))


def forging(at: str = "2s", lasts: str = "2s", **keys: object) -> list[dict[str, Any]]:
    return [{"at": at, "for": lasts, "action": "forge", "link": "a-b", "relayers": [1], **keys}]


@pytest.mark.parametrize("verify", WAYS)
@pytest.mark.parametrize("order", ["unordered", "ordered"])
def test_every_packet_is_delivered_once_and_acknowledged(tmp_path: Path, verify: str, order: str) -> None:
    found = crossed(tmp_path, verify, link={"order": order, "relayers": 2})
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 50
    # Whoever comes second is refused, and nothing else is.
    assert set(found["refused"]) <= {"already-received", "no-commitment"}
    assert found["executed_twice"] == found["accepted_forged"] == 0


@pytest.mark.parametrize(("source", "destination"), [("tendermint", "qbft"), ("qbft", "pbft"), ("pbft", "tendermint")])
def test_proofs_cross_between_protocols_and_hashes(tmp_path: Path, source: str, destination: str) -> None:
    chains = {"a": {**agreeing(source), "hash": "sm3"}, "b": agreeing(destination)}
    found = crossed(tmp_path, chains=chains)
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 50
    assert found["verified_real"] == 2 * found["offered"] + found["client_updates"]


def test_a_gateway_needs_no_certificates(tmp_path: Path) -> None:
    found = crossed(tmp_path, "none", chains={"a": agreeing("raft"), "b": agreeing("hotstuff")})
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 50
    assert found["verified_real"] == 0


@pytest.mark.parametrize("verify", WAYS)
@pytest.mark.parametrize("measure", [("destination_time", "300ms"), ("destination_height", 4)], ids=lambda m: m[0])
def test_what_comes_too_late_is_refunded(tmp_path: Path, verify: str, measure: tuple[str, object]) -> None:
    timeout = dict(zip(("measure", "value"), measure, strict=True))
    alliance, summary = played(linked(tmp_path, verify, link={"timeout": timeout}))
    found = summary["crosschain"]["a-b"]
    assert found["timed_out"] > 0
    assert found["delivered"] > 0
    assert found["delivered"] + found["timed_out"] == found["offered"]
    store = alliance.links["a-b"].books._machines["a"].store
    assert store.number(b"escrow/a-b") == 5 * found["delivered"]


def test_an_idle_destination_is_made_to_show_that_time_has_passed(tmp_path: Path) -> None:
    # The only packet finds its only relayer down until it is too late; nothing else happens on the destination.
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "1/s", "arrivals": "regular", "end": "1s"}
    found = crossed(
        tmp_path,
        link={"timeout": {"measure": "destination_time", "value": "1s"}},
        workload={"pay": {**pay, "size": "200B", "amount": 5}},
        faults=[{"at": "1ms", "for": "4s", "action": "relayer-crash", "link": "a-b"}],
    )
    assert (found["offered"], found["timed_out"]) == (1, 1)


def test_a_closed_channel_takes_no_packets(tmp_path: Path) -> None:
    faults = [{"at": "3s", "for": "2s", "action": "relayer-crash", "link": "a-b"}]
    timeout = {"measure": "destination_time", "value": "1s"}
    found = crossed(tmp_path, link={"order": "ordered", "timeout": timeout}, faults=faults)
    assert found["timed_out"] > 0
    assert found["refused"]["channel-closed"] > 0
    assert found["stuck"] == found["unfinished"] == 0


def test_without_relayers_packets_with_a_timeout_are_stuck(tmp_path: Path) -> None:
    faults = [{"at": "3s", "action": "relayer-crash", "link": "a-b"}]
    # Deposits keep the destination's clock going.
    found = crossed(
        tmp_path,
        link={"timeout": {"measure": "destination_time", "value": "1s"}},
        faults=faults,
        workload={
            "pay": {"action": "transfer", "chain": "a", "link": "a-b", "rate": "10/s", "size": "200B", "amount": 5},
            "files": {"chain": "b", "rate": "20/s", "size": "500B"},
        },
    )
    assert found["stuck"] > 40
    assert 0 < found["unfinished"] < 20


def test_who_is_believed_deceives_and_who_must_prove_does_not(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"link": {"relayers": 2}, "faults": forging()}
    believed, proved = (crossed(tmp_path, verify, **keys) for verify in ("none", "light_client"))
    assert believed["accepted_forged"] == 10
    assert proved["accepted_forged"] == 0
    assert proved["refused"]["root-mismatch"] == 10
    assert believed["delivered"] == proved["delivered"] == proved["offered"]


@pytest.mark.parametrize(("stolen", "accepted"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_quorum_of_stolen_keys_and_no_fewer_proves_a_forgery(tmp_path: Path, stolen: int, accepted: bool) -> None:
    found = crossed(tmp_path, link={"relayers": 2}, faults=forging(stolen_keys=stolen))
    assert (found["accepted_forged"] > 0) == accepted
    if not accepted:
        assert found["refused"]["too-few-votes"] == 10


def test_a_verifier_that_skips_the_proof_lets_forgeries_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "verify_state", lambda _suite, **_claim: None)
    found = crossed(tmp_path, link={"relayers": 2}, faults=forging())
    assert found["accepted_forged"] == 10


def test_a_forged_packet_in_an_ordered_channel_takes_the_place_of_a_true_one(tmp_path: Path) -> None:
    found = crossed(tmp_path, "none", link={"relayers": 2, "order": "ordered"}, faults=forging())
    assert found["accepted_forged"] >= 1
    assert found["stuck"] == found["accepted_forged"]
    assert found["delivered"] + found["stuck"] == found["offered"]


def test_a_contract_that_forgets_receipts_breaks_an_invariant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received = DestinationEnd._receive

    def forgetful(self: DestinationEnd, store: Store, *rest: object) -> object:
        event = received(self, store, *rest)
        store.delete(f"receipts/a-b/{event.packet.sequence}".encode())
        return event

    monkeypatch.setattr(DestinationEnd, "_receive", forgetful)
    _, summary = played(linked(tmp_path, link={"relayers": 2}))
    assert summary["verdict"] == "violated"
    assert summary["violation"]["invariant"] == invariants.ONCE
    assert summary["crosschain"]["a-b"]["executed_twice"] == 1


def test_each_invariant_is_broken_by_what_it_forbids() -> None:
    invariants.check_once("b", 1, 2, {1})
    invariants.check_not_both("b", 1, 2, torn=False)
    invariants.check_order("b", 1, 2, 1)
    invariants.check_balance("a", 1, "escrow", 5, 5)
    with pytest.raises(InvariantViolation, match="packet-once"):
        invariants.check_once("b", 1, 2, {2})
    with pytest.raises(InvariantViolation, match="packet-not-both"):
        invariants.check_not_both("b", 1, 2, torn=True)
    with pytest.raises(InvariantViolation, match="channel-order"):
        invariants.check_order("b", 1, 3, 1)
    with pytest.raises(InvariantViolation, match="conservation"):
        invariants.check_balance("a", 1, "escrow", 5, 10)


def test_the_table_and_the_summary_say_the_same(tmp_path: Path) -> None:
    alliance, summary = played(linked(tmp_path, link={"relayers": 2}, faults=forging(stolen_keys=3)))
    found, packets = summary["crosschain"]["a-b"], table(alliance, "packets")
    outcomes = packets["outcome"].tolist()
    assert outcomes.count("delivered") == found["delivered"]
    assert outcomes.count("forged") == found["accepted_forged"] > 0
    done = packets["outcome"] == "delivered"
    spent = (packets["received_ns"] - packets["intended_ns"])[done]
    assert found["latency_s"]["mean"] == pytest.approx(spent.mean() / 1e9)
    stages = found["stages_s"]
    there = ("source_finality", "relay_wait", "proof_build", "client_update", "destination_commit")
    assert sum(stages[name]["mean"] for name in there) == pytest.approx(found["latency_s"]["mean"])


def test_the_same_seed_gives_the_same_bytes_and_another_another(tmp_path: Path) -> None:
    scenario = linked(tmp_path, link={"relayers": 2}, faults=forging(stolen_keys=3), horizon="4s")
    first, again, other = (played(scenario, seed)[1] for seed in (1, 1, 2))
    assert first == again
    assert first["trace_hash"] != other["trace_hash"]


def test_chains_that_nodes_crash_on_carry_packets_still(tmp_path: Path) -> None:
    faults = [
        {"at": "2s", "for": "2s", "action": "crash", "chain": "a", "nodes": [0]},
        {"at": "3s", "for": "2s", "action": "crash", "chain": "b", "nodes": [1]},
    ]
    found = crossed(tmp_path, link={"relayers": 2}, faults=faults)
    assert found["delivered"] == found["offered"]


@pytest.mark.parametrize("protocol", ["hotstuff", "jolteon", "rpbft", "raft"])
def test_gateways_stand_a_crash_under_every_other_protocol(tmp_path: Path, protocol: str) -> None:
    faults = [{"at": "2s", "for": "1s", "action": "crash", "chain": "a", "nodes": [1]}]
    chains = {"a": {**agreeing(protocol), "observers": 1}, "b": chain()}
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "8/s", "size": "100B", "amount": 3, "end": "4s"}
    found = crossed(tmp_path, "none", chains=chains, faults=faults, workload={"pay": pay}, horizon="20s")
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 20


@pytest.mark.parametrize("verify", ["none", "spv", "committee"])
@pytest.mark.parametrize("order", ["unordered", "ordered"])
def test_where_nothing_comes_back_packets_are_delivered_once(tmp_path: Path, verify: str, order: str) -> None:
    found = crossed(tmp_path, verify, link={"order": order, "relayers": 2, "atomicity": "none"})
    assert found["delivered"] == found["offered"] > 50
    assert found["acknowledged"] == found["stuck"] == found["locked_at_end"]["source"] == 0
    assert set(found["refused"]) <= {"already-received"}


@pytest.mark.parametrize("kind", [Claims, FinalBlocks])
def test_a_node_that_falls_back_does_not_make_a_relayer_forget_packets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Claims | FinalBlocks]
) -> None:
    # As when a node has lost its disk, or of the notaries that can sign the last one is behind the others.
    def reach(_self: object, shown: Endpoint, _told: object) -> int:
        back = 20 if 2 * SECOND < shown.chain.now_ns < 5 * SECOND and shown.chain.now_ns % SECOND < SECOND // 2 else 0
        return max(0, shown.head() - back)

    monkeypatch.setattr(kind, "reach", reach)
    found = crossed(tmp_path, "none" if kind is Claims else "light_client")
    assert found["delivered"] == found["acknowledged"] == found["offered"]
