"""Whole runs of links over a relay chain: what becomes of packets, of late and forged ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, played, relayed, table

from sim.crosschain.contracts import headers
from sim.crosschain.contracts.identity import Document, document_key
from sim.crosschain.outcome import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

WAYS = [(verify, atomicity) for verify in ("light_client", "spv") for atomicity in ("packet", "tcc")]
FILES = {"chain": "r", "rate": "20/s", "size": "500B"}
"""Deposits that keep the relay chain's blocks coming."""


def pay(**keys: object) -> dict[str, Any]:
    transfer = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "10/s", "size": "200B", "amount": 5}
    return {**transfer, "end": "6s", **keys}


def timeout(blocks: int) -> dict[str, Any]:
    return {"timeout": {"measure": "relay_height", "value": blocks}}


def crossed(folder: Path, /, **keys: object) -> dict[str, Any]:
    """What a link's summary says of eight seconds; nothing may have gone wrong."""
    data = {"horizon": "8s", "workload": {"pay": pay(rate="15/s", end="4s")}, **keys}
    _, summary = played(relayed(folder, **data))
    assert summary["verdict"] == "pass", summary["violation"]
    found: dict[str, Any] = summary["crosschain"]["a-b"]
    ended = ("delivered", "timed_out", "stuck", "unfinished")
    assert sum(found[name] for name in ended) == found["offered"] > 50
    return found


def forging(**keys: object) -> list[dict[str, Any]]:
    return [{"at": "2s", "for": "2s", "action": "forge", "link": "a-b", "relayers": [1], **keys}]


@pytest.mark.parametrize(("verify", "atomicity"), WAYS)
def test_every_packet_is_executed_once_and_the_source_knows(tmp_path: Path, verify: str, atomicity: str) -> None:
    way = {"verify": verify, "atomicity": atomicity, "relayers": 2, **timeout(200)}
    found = crossed(tmp_path, link=way)
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    assert found["locked_at_end"] == {"source": 0, "destination": 0}
    assert found["late_success"] == found["torn"] == found["repairs"] == found["accepted_forged"] == 0


def test_packets_in_order_are_executed_in_order_and_those_given_up_are_left_out(tmp_path: Path) -> None:
    alliance, summary = played(
        relayed(tmp_path, link={"order": "ordered", **timeout(8)}, workload={"pay": pay(), "files": FILES})
    )
    assert summary["verdict"] == "pass"
    found, packets = summary["crosschain"]["a-b"], table(alliance, "packets")
    assert found["delivered"] > 0
    assert found["timed_out"] > 0
    executed = packets["received_ns"][packets["outcome"] == "delivered"]
    assert (executed[1:] >= executed[:-1]).all()


def test_what_is_executed_too_late_is_given_back_and_undone(tmp_path: Path) -> None:
    alliance, summary = played(relayed(tmp_path, link=timeout(3), workload={"pay": pay(), "files": FILES}))
    found, packets = summary["crosschain"]["a-b"], table(alliance, "packets")
    # Three blocks pass before any receipt comes: what was executed meanwhile counts as late.
    assert found["timed_out"] == found["offered"] == found["late_success"] > 50
    assert found["refused"]["unexpected-receipt"] > 0
    assert found["torn"] == found["repairs"] == 0
    assert (packets["reversed_ns"] > packets["received_ns"]).all()
    stores = {name: alliance.links["a-b"].books._machines[name].store for name in "ab"}
    assert stores["a"].number(b"escrow/a-b") == stores["b"].number(b"vouchers/a-b") == 0


def test_what_is_only_reserved_is_never_executed_too_late(tmp_path: Path) -> None:
    found = crossed(
        tmp_path, link={"atomicity": "tcc", **timeout(8)}, workload={"pay": pay(rate="20/s"), "files": FILES}
    )
    assert found["timed_out"] > 0
    assert found["delivered"] > 0
    assert found["late_success"] == found["torn"] == 0
    assert found["locked_at_end"] == {"source": 0, "destination": 0}


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
def test_deadlines_come_on_an_idle_relay_chain(tmp_path: Path, atomicity: str) -> None:
    # All relayers are down until after the deadlines of what they have brought to the relay chain.
    found = crossed(
        tmp_path,
        link={"atomicity": atomicity, "timed_blocks": "300ms", **timeout(5)},
        faults=[{"at": "2s", "for": "3s", "action": "relayer-crash", "link": "a-b"}],
        workload={"pay": pay()},
    )
    assert found["timed_out"] > 0
    assert found["stuck"] == found["unfinished"] == 0


@pytest.mark.parametrize(("atomicity", "refusal"), [("packet", "unexpected-receipt"), ("tcc", "unexpected-result")])
def test_what_destinations_have_done_is_told_again_for_nothing(tmp_path: Path, atomicity: str, refusal: str) -> None:
    replay = {"at": "1ms", "action": "replay", "link": "a-b", "relayers": [0]}
    for faults in ([], [replay]):
        found = crossed(tmp_path, link={"atomicity": atomicity, "relayers": 1}, faults=faults)
        assert found["delivered"] == found["acknowledged"] == found["offered"]
        assert found["executed_twice"] == 0
        assert (found["refused"].get(refusal, 0) > 5) == bool(faults)


@pytest.mark.parametrize("busy", [False, True])
def test_what_nobody_brings_to_the_relay_chain_stays_locked(tmp_path: Path, busy: bool) -> None:
    # Overdue is what has no answer after twenty blocks, or after the time of twenty timed ones where none are made.
    faults = [{"at": "3s", "action": "relayer-crash", "link": "a-b"}]
    workload = {"pay": pay(), **({"files": FILES} if busy else {})}
    link = {"timed_blocks": "100ms", **timeout(20)}
    found = crossed(tmp_path, link=link, faults=faults, workload=workload, horizon="10s")
    assert found["stuck"] > 20
    assert found["locked_at_end"]["source"] == found["offered"] - found["acknowledged"]
    assert found["timed_out"] == 0


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
@pytest.mark.parametrize("victim", ["source", "relay"])
@pytest.mark.parametrize(("stolen", "deceived"), [(2, False), (3, True)])
def test_a_quorum_of_stolen_keys_of_either_chain_deceives(
    tmp_path: Path, atomicity: str, victim: str, stolen: int, deceived: bool
) -> None:
    faults = forging(stolen_keys=stolen, stolen_from=victim)
    found = crossed(tmp_path, link={"relayers": 2, "atomicity": atomicity}, faults=faults)
    assert (found["accepted_forged"] > 0) == deceived
    if not deceived:
        assert found["refused"]["too-few-votes"] > 0
        assert found["delivered"] == found["offered"]


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
def test_headers_without_votes_deceive_a_relay_chain_that_takes_them(tmp_path: Path, atomicity: str) -> None:
    found = crossed(tmp_path, link={"relayers": 2, "verify": "spv", "atomicity": atomicity}, faults=forging())
    assert found["accepted_forged"] > 0


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
def test_stages_follow_each_other_from_the_source_over_the_relay_chain(tmp_path: Path, atomicity: str) -> None:
    alliance, summary = played(relayed(tmp_path, link={"atomicity": atomicity}))
    found = summary["crosschain"]["a-b"]
    stages = found["stages_s"]
    expected = ["source_finality", "relay_chain", "relay_wait", "proof_build", "client_update", "destination_commit"]
    assert list(stages)[:6] == expected
    assert ("decision" in stages) == (atomicity == "tcc")
    there = sum(stages[name]["mean"] for name in stages if name != "acknowledgement")
    assert there == pytest.approx(found["latency_s"]["mean"])
    packets = table(alliance, "packets")
    assert (packets["relayed_ns"] > packets["sent_ns"]).all()
    assert (packets["polled_ns"] >= packets["relayed_ns"]).all()
    assert len(COLUMNS) == sum(name.endswith("_ns") for name in packets)


@pytest.mark.parametrize(
    ("source", "between", "destination"), [("tendermint", "qbft", "pbft"), ("qbft", "pbft", "qbft")]
)
def test_proofs_cross_between_protocols_and_hashes(tmp_path: Path, source: str, between: str, destination: str) -> None:
    agreeing = {
        name: chain(consensus={"protocol": protocol, "timeout": "500ms"}, hash=suite)
        for name, protocol, suite in (
            ("a", source, "sm3"),
            ("r", between, "sha256"),
            ("b", destination, "sm3"),
        )
    }
    found = crossed(tmp_path, chains=agreeing)
    assert found["delivered"] == found["acknowledged"] == found["offered"]


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
def test_identity_documents_cross_like_transfers(tmp_path: Path, atomicity: str) -> None:
    revoked = {"at": "2s", "action": "revoke", "link": "a-b", "relayers": [1]}
    way = {"atomicity": atomicity, "relayers": 2}
    alliance, summary = played(relayed(tmp_path, link=way, faults=[revoked], identity={"registry": "a"}))
    assert summary["verdict"] == "pass", summary["violation"]
    found = summary["crosschain"]["a-b"]
    # Here everything is proved, so whoever is revoked carries packets still.
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    key = document_key("did:court:a-b:relayer:1")
    held = [alliance.links["a-b"].books._machines[name].store.entries[key] for name in "ab"]
    assert held[0] == held[1]
    assert not Document.from_bytes(held[1]).admitted


def test_chains_without_certificates_are_believed_by_their_headers_only(tmp_path: Path) -> None:
    chains = {
        name: chain(consensus={"protocol": protocol, "timeout": "500ms"})
        for name, protocol in (("a", "raft"), ("r", "pbft"), ("b", "raft"))
    }
    alliance, summary = played(relayed(tmp_path, link={"verify": "spv"}, chains=chains))
    assert summary["verdict"] == "pass", summary["violation"]
    found = summary["crosschain"]["a-b"]
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    assert not alliance.links["a-b"].stands_lies


def test_a_relay_chain_that_skips_the_proof_takes_what_nobody_has_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = crossed(tmp_path, link={"relayers": 2}, faults=forging())
    monkeypatch.setattr(headers, "verify_state", lambda *_, **__: None)
    weak = crossed(tmp_path, link={"relayers": 2}, faults=forging())
    assert honest["accepted_forged"] == 0
    assert weak["accepted_forged"] > 0


@pytest.mark.parametrize(("verify", "atomicity"), WAYS)
def test_who_denies_that_the_destination_has_a_packet_is_believed_without_votes_only(
    tmp_path: Path, verify: str, atomicity: str
) -> None:
    denying = {"at": "2s", "for": "2s", "action": "deny-receipt", "link": "a-b", "relayers": [1]}
    way = {"verify": verify, "atomicity": atomicity, "relayers": 2, **timeout(200)}
    found = crossed(tmp_path, link=way, faults=[denying])
    # What was only tried is cancelled on both sides; what was executed at once is had twice.
    assert (found["torn"] > 0) == (verify == "spv" and atomicity == "packet")
    if verify == "light_client":
        assert found["refused"]["root-mismatch"] > 0
        assert found["delivered"] == found["acknowledged"] == found["offered"]
