"""Whole runs of every way of trusting: what breaks it and what does not, and what relayers bring for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, linked, played, table

from sim.proof.lightclient import LightClient

if TYPE_CHECKING:
    from pathlib import Path

    from sim.build import Alliance

PROVING = ("spv", "committee", "light_client")
PAY = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "10/s", "size": "200B", "amount": 5, "end": "4s"}
SHORT: dict[str, Any] = {"horizon": "7s", "workload": {"pay": PAY}}


def run(folder: Path, verify: str, /, **keys: object) -> tuple[Alliance, dict[str, Any]]:
    """The alliance, and what the link's summary says; no invariant may be broken."""
    alliance, summary = played(linked(folder, verify, **{**SHORT, **keys}))
    assert summary["verdict"] == "pass", summary["violation"]
    return alliance, summary["crosschain"]["a-b"]


def crossed(folder: Path, verify: str, /, **keys: object) -> dict[str, Any]:
    return run(folder, verify, **keys)[1]


def forging(**keys: object) -> dict[str, Any]:
    return {"at": "1s", "for": "1s", "action": "forge", "link": "a-b", "relayers": [1], **keys}


def lying(**keys: object) -> dict[str, Any]:
    """Two relayers, the second of which makes up five packets."""
    return {"link": {"relayers": 2}, "faults": [forging(**keys)]}


def test_a_gateway_that_forges_headers_deceives_spv_and_stops_the_link(tmp_path: Path) -> None:
    found = crossed(tmp_path, "spv", **lying())
    assert found["accepted_forged"] > 0
    # The honest gateway's headers follow none that was accepted, so it brings nothing any more.
    assert 0 < found["delivered"] < found["offered"] == found["delivered"] + found["unfinished"]


@pytest.mark.parametrize(("stolen", "accepted"), [(1, 0), (2, 0), (3, 5), (4, 5)])
def test_as_many_stolen_keys_of_notaries_as_must_sign_deceive_a_committee(
    tmp_path: Path, stolen: int, accepted: int
) -> None:
    found = crossed(tmp_path, "committee", **lying(stolen_keys=stolen, stolen_from="notaries"))
    assert found["accepted_forged"] == accepted
    assert accepted or found["refused"]["too-few-notaries"] == 5
    assert found["delivered"] == found["offered"]


def test_a_stolen_quorum_is_found_out_when_the_chain_comes_to_the_height_that_was_made_up(tmp_path: Path) -> None:
    near = crossed(tmp_path, "light_client", **lying(stolen_keys=3))
    assert near["accepted_forged"] > 0
    assert near["frozen"]
    assert near["refused"]["fork-found"] == 1
    assert 0 < near["delivered"] < near["offered"]
    # Far above no true header contradicts it: all five are believed, and no true header is any more.
    far = crossed(tmp_path, "light_client", **lying(stolen_keys=3, blocks_ahead=1000))
    assert far["accepted_forged"] == 5
    assert not far["frozen"]
    assert far["delivered"] == near["delivered"]


def test_a_lie_some_blocks_ahead_is_found_out_when_the_chain_comes_there(tmp_path: Path) -> None:
    found = crossed(tmp_path, "light_client", **lying(stolen_keys=3, blocks_ahead=8))
    assert found["accepted_forged"] > 1
    assert found["frozen"]


def test_a_light_client_that_counts_no_votes_believes_whoever_has_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lying(stolen_keys=1, blocks_ahead=1000)
    assert crossed(tmp_path, "light_client", **keys)["accepted_forged"] == 0
    monkeypatch.setattr(LightClient, "check_final", lambda _self, _update, _trusted: None)
    assert crossed(tmp_path, "light_client", **keys)["accepted_forged"] == 5


def test_members_recover_a_frozen_client_and_what_waited_is_delivered(tmp_path: Path) -> None:
    keys = lying(stolen_keys=3)
    keys["faults"].append({"at": "3s", "action": "recover-client", "link": "a-b"})
    found = crossed(tmp_path, "light_client", **keys)
    assert found["accepted_forged"] > 0
    assert not found["frozen"]
    assert found["delivered"] == found["acknowledged"] == found["offered"]


def test_an_outage_beyond_the_trusting_period_expires_clients_until_members_recover_them(tmp_path: Path) -> None:
    crash = {"at": "1s", "for": "2s", "action": "relayer-crash", "link": "a-b"}
    recover = {"at": "4s", "action": "recover-client", "link": "a-b"}
    link = {"trusting_period": "1500ms"}
    shorter = crossed(tmp_path, "light_client", link={"trusting_period": "3s"}, faults=[crash])
    assert shorter["delivered"] == shorter["offered"]
    expired = crossed(tmp_path, "light_client", link=link, faults=[crash])
    assert expired["expired"]
    assert 0 < expired["delivered"] < expired["offered"]
    recovered = crossed(tmp_path, "light_client", link=link, faults=[crash, recover])
    # Until they do nothing more is sent; what was sent before is delivered after it.
    assert 0 < recovered["refused"]["client-not-active"] == recovered["offered"] - recovered["delivered"]
    assert expired["delivered"] < recovered["delivered"] == recovered["acknowledged"]


def test_recovery_of_a_client_that_is_of_use_is_not_even_asked_for(tmp_path: Path) -> None:
    found = crossed(tmp_path, "light_client", faults=[{"at": "2s", "action": "recover-client", "link": "a-b"}])
    assert found["refused"] == {}
    assert found["delivered"] == found["offered"]


def test_clients_of_an_idle_link_are_refreshed_before_they_expire(tmp_path: Path) -> None:
    # One packet early, one late, and between them more than twice the trusting period without anything.
    streams = {name: {**PAY, "rate": "1/s", "arrivals": "regular"} for name in ("early", "late")}
    streams["early"] |= {"end": "1s"}
    streams["late"] |= {"begin": "8s", "end": "9s"}
    found = crossed(tmp_path, "light_client", link={"trusting_period": "3s"}, horizon="12s", workload=streams)
    assert found["delivered"] == found["acknowledged"] == found["offered"] == 2
    assert found["client_updates"] > 6
    assert not found["expired"]


@pytest.mark.parametrize(("down", "waits"), [([0], False), ([0, 3], True)])
def test_a_committee_signs_as_long_as_enough_notaries_are_up(tmp_path: Path, down: list[int], waits: bool) -> None:
    crash = {"at": "1s", "for": "3s", "action": "notary-crash", "link": "a-b", "notaries": down}
    found = crossed(tmp_path, "committee", faults=[crash])
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    assert (found["latency_s"]["max"] > 2) == waits


def test_a_notary_whose_node_is_down_signs_nothing(tmp_path: Path) -> None:
    link = {"notaries": {"count": 4, "threshold": 4}}
    crash = {"at": "1s", "for": "2s", "action": "crash", "chain": "a", "nodes": [3]}
    found = crossed(tmp_path, "committee", link=link, faults=[crash])
    assert found["delivered"] == found["offered"]
    assert found["latency_s"]["max"] > 1


@pytest.mark.parametrize("verify", ["committee", "light_client"])
def test_what_is_checked_and_what_is_charged_makes_no_difference_to_a_run(tmp_path: Path, verify: str) -> None:
    keys = lying(stolen_keys=3, stolen_from="notaries") if verify == "committee" else lying()
    summaries = []
    for share in ("0%", "40%", "100%"):
        _, summary = played(linked(tmp_path, verify, **{**SHORT, **keys, "link": {"relayers": 2, "checked": share}}))
        summaries.append(summary)
    parts = [summary["crosschain"]["a-b"] for summary in summaries]
    counts = [(part.pop("verified_real"), part.pop("verified_charged")) for part in parts]
    assert parts[0] == parts[1] == parts[2]
    assert len({summary["trace_hash"] for summary in summaries}) == 1
    # What the liar made is checked always.
    (least, charged), (some, others), (most, none) = counts
    assert 5 <= least < some < most
    assert none == 0 < others < charged
    assert least + charged == some + others == most


def test_every_header_or_those_that_are_needed(tmp_path: Path) -> None:
    skipping, every = (crossed(tmp_path, "light_client", link={"updates": how}) for how in ("skipping", "every"))
    assert every["client_updates"] > 1.5 * skipping["client_updates"]
    assert every["client_signatures"] == 3 * every["client_updates"]
    for found in (skipping, every):
        assert found["delivered"] == found["acknowledged"] == found["offered"]
        assert found["refused"] == {}


def test_headers_that_no_batch_can_hold_are_brought_in_turns(tmp_path: Path) -> None:
    # While the relayer is down the source makes five times as many blocks as a batch can hold.
    crash = {"at": "1s", "for": "2s", "action": "relayer-crash", "link": "a-b"}
    files = {"chain": "a", "rate": "100/s", "size": "500B", "end": "4s"}
    found = crossed(
        tmp_path, "spv", link={"batch": 8}, faults=[crash], workload={"pay": PAY, "files": files}, horizon="12s"
    )
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 30
    assert found["latency_s"]["max"] > 2


@pytest.mark.parametrize("verify", PROVING)
def test_stages_add_up_and_relayers_are_in_their_table(tmp_path: Path, verify: str) -> None:
    alliance, found = run(tmp_path, verify, link={"relayers": 2}, costs={**COSTS, "verify": "1ms"})
    stages = found["stages_s"]
    there = ("source_finality", "relay_wait", "proof_build", "client_update", "destination_commit")
    assert sum(stages[name]["mean"] for name in there) == pytest.approx(found["latency_s"]["mean"])
    # Three signatures of a quorum, or of three notaries, take three times a millisecond; headers alone none.
    assert (stages["client_update"]["max"] >= 0.003) == (verify != "spv")
    relayers = table(alliance, "relayers")
    assert relayers["relayer"].tolist() == [0, 1]
    assert relayers["calls"].sum() == found["messages"]
    assert relayers["size_bytes"].sum() == found["bytes"]
    assert relayers["refused"].sum() == sum(found["refused"].values())
    assert (relayers["updates"] > 0).all()
    assert (relayers["polls"] > 25).all()
    assert (relayers["queue_peak"] > 0).all()
    assert (relayers["busy_ns"] > 0).all()
    assert relayers["crashes"].tolist() == [0, 0]


COSTS = {"sign": "40us", "hash": "500ns", "hash_per_kilobyte": "2us", "execute": "20us", "proof": "50us"}


@pytest.mark.parametrize("verify", ["none", "spv", "committee"])
def test_what_rests_on_orderers_is_labelled_so(tmp_path: Path, verify: str) -> None:
    raft = chain(consensus={"protocol": "raft"})
    found = crossed(tmp_path, verify, chains={"a": raft, "b": chain()})
    assert found["trust"] == "orderer"
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    found = crossed(tmp_path, verify)
    assert found["trust"] == {"none": "relayers", "spv": "gateways", "committee": "notaries"}[verify]


def test_stolen_keys_of_notaries_are_of_no_use_once_these_are_revoked(tmp_path: Path) -> None:
    # The registry stands on the destination, so it knows at once; the fourth and fifth notary and a new key are enough.
    link = {"relayers": 2, "notaries": {"count": 5, "threshold": 3}}
    forge = forging(stolen_keys=3, stolen_from="notaries")
    registry = {"identity": {"registry": "b"}}
    believed = crossed(tmp_path, "committee", link=link, faults=[forge], **registry)
    assert believed["accepted_forged"] == 5
    change = {"at": "1500ms", "link": "a-b", "notaries": [0]}
    for action, reason in (("revoke", "revoked"), ("rotate", "another-key")):
        found = crossed(tmp_path, "committee", link=link, faults=[forge, {**change, "action": action}], **registry)
        assert 0 < found["accepted_forged"] < 5
        assert found["refused"][reason] == 5 - found["accepted_forged"]
        assert found["delivered"] == found["acknowledged"] == found["offered"]


def test_a_notary_that_is_admitted_again_signs_with_its_new_key(tmp_path: Path) -> None:
    faults = [
        {"at": at, "action": action, "link": "a-b", "notaries": [0, 1]}
        for at, action in (("1s", "revoke"), ("3s", "admit"))
    ]
    found = crossed(tmp_path, "committee", faults=faults, identity={"registry": "b"})
    # Two of four cannot endorse anything in between.
    assert found["latency_s"]["max"] > 1.5
    assert found["delivered"] == found["offered"]


def test_a_revoked_notary_that_is_ahead_holds_nobody_up(tmp_path: Path) -> None:
    # Of those who are left one has a node far behind, which the revoked one has not.
    link = {"notaries": {"count": 4, "threshold": 3}}
    faults = [
        {"at": "1s", "action": "revoke", "link": "a-b", "notaries": [0]},
        {"at": "1s", "action": "lag", "extra": "300ms", "chain": "a", "nodes": [3]},
    ]
    found = crossed(tmp_path, "committee", link=link, faults=faults, identity={"registry": "b"})
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    assert found["latency_s"]["max"] < 2
