"""The light client against its refusal list, and the finality rules against the protocols' own words."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import lightclient_cases
import pytest
from foreign_chain import SECOND, grown
from lightclient_kit import NOW, with_header

from sim.consensus.quorum import Quorums
from sim.proof import BlockHeader, ProofError, suite_by_name
from sim.proof.bundle import Bundle
from sim.proof.chain_errors import ForkFound, NoFinality, UnknownProtocol
from sim.proof.evidence import ForkEvidence, Update
from sim.proof.finality import FINALITY, rule_of
from sim.proof.lightclient import REMEMBERED, LightClient, TrustPolicy
from sim.proof.validators import MOST_VALIDATORS, Validator, ValidatorSet

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = json.loads(lightclient_cases.FILE.read_text("utf-8"))


def policy_of(trust: dict[str, Any]) -> TrustPolicy:
    return TrustPolicy(
        chain=trust["chain"],
        suite=suite_by_name(trust["hash"]),
        protocol=trust["protocol"],
        trusting_period_ns=trust["trusting_period_ns"],
        clock_drift_ns=trust["clock_drift_ns"],
    )


def client_of(trust: dict[str, Any]) -> LightClient:
    header = BlockHeader.from_bytes(bytes.fromhex(trust["header"]))
    return LightClient(policy_of(trust), header, ValidatorSet.from_bytes(bytes.fromhex(trust["validators"])))


def taken(client: LightClient, step: dict[str, Any]) -> str | None:
    """What a client says to a step: the kind of its refusal, in one line that survives pickling; or None."""
    data, now_ns = bytes.fromhex(step["bytes"]), step["now_ns"]
    ways: dict[str, Callable[[], None]] = {
        "update": lambda: client.update(Update.from_bytes(data), now_ns),
        "evidence": lambda: client.report(ForkEvidence.from_bytes(data), now_ns),
        "bundle": lambda: Bundle.from_bytes(data).check(client, now_ns),
    }
    refusal = None
    try:
        ways[step["kind"]]()
    except ProofError as error:
        refusal = error
    if refusal is None:
        return None
    assert str(pickle.loads(pickle.dumps(refusal))) == str(refusal)  # noqa: S301 - our own bytes
    assert "\n" not in str(refusal)
    return type(refusal).__name__


def test_the_committed_cases_are_those_that_the_code_makes() -> None:
    assert lightclient_cases.document() == KNOWN


@pytest.mark.parametrize("name", KNOWN["trusts"])
def test_a_trust_is_taken_or_refused_as_its_protocol_allows(name: str) -> None:
    trust = KNOWN["trusts"][name]
    if trust["error"] is None:
        assert client_of(trust).header.height == 0
    else:
        with pytest.raises(NoFinality, match="survives crashes only"):
            client_of(trust)
        assert trust["error"] == "NoFinality"


@pytest.mark.parametrize("name", KNOWN["cases"])
def test_every_step_of_a_case_is_taken_or_refused_as_it_says(name: str) -> None:
    case = KNOWN["cases"][name]
    client = client_of(KNOWN["trusts"][case["trust"]])
    for step in case["steps"]:
        before = client.header, client.validators, client.evidence
        assert taken(client, step) == step["error"]
        if step["error"] == "ForkFound":
            assert client.evidence is not None
        elif step["error"] is not None and step["kind"] != "bundle":
            assert (client.header, client.validators, client.evidence) == before


@pytest.mark.parametrize("name", KNOWN["cases"])
def test_the_honest_bytes_of_a_case_come_back_as_they_are(name: str) -> None:
    kinds = {"update": Update, "evidence": ForkEvidence, "bundle": Bundle}
    for step in KNOWN["cases"][name]["steps"]:
        if step["error"] is None:
            data = bytes.fromhex(step["bytes"])
            assert kinds[step["kind"]].from_bytes(data).to_bytes() == data


# Forks


def test_a_frozen_client_s_evidence_convinces_another_client() -> None:
    case = KNOWN["cases"]["a final block beside one accepted earlier"]
    first, second = (client_of(KNOWN["trusts"]["pbft"]) for _ in range(2))
    for step in case["steps"]:
        taken(first, step)
    assert first.evidence is not None
    carried = ForkEvidence.from_bytes(first.evidence.to_bytes())
    assert carried == first.evidence
    assert carried.height == 3
    with pytest.raises(ForkFound, match="fork at height 3"):
        second.report(carried, NOW)
    assert second.evidence == first.evidence


def test_only_the_latest_accepted_blocks_are_remembered() -> None:
    chain = grown(REMEMBERED + 2)
    client = chain.client()
    for height in range(1, REMEMBERED + 2):
        client.update(chain.update(height), height * SECOND)
    now_ns = client.header.time_ns
    for height, error in ((1, "HeightNotAbove"), (2, "ForkFound")):
        other = with_header(chain, height, payload_root=bytes(32))
        step = {"kind": "update", "bytes": other.to_bytes().hex(), "now_ns": now_ns, "error": error}
        assert taken(client, step) == error


# Castro & Liskov, OSDI 1999, section 4.2


def test_the_quorum_is_that_of_the_consensus_room_for_every_size() -> None:
    members = tuple(Validator(f"{index:04}", "ed25519", index.to_bytes(32, "big")) for index in range(MOST_VALIDATORS))
    for size in range(1, MOST_VALIDATORS + 1):
        assert ValidatorSet(members[:size]).quorum == Quorums.of(size).quorum


# What each protocol calls final


def test_every_protocol_has_its_rule_and_no_other_protocol_has_one() -> None:
    phases = {name: (rule.phase, rule.links) for name, rule in FINALITY.items() if rule is not None}
    assert phases == {
        "pbft": ("commit", 1),
        "tendermint": ("precommit", 1),
        "qbft": ("commit", 1),
        "hotstuff": ("generic", 3),
        "jolteon": ("vote", 2),
    }
    with pytest.raises(NoFinality):
        rule_of("raft")
    with pytest.raises(UnknownProtocol, match="proof-of-work"):
        rule_of("proof-of-work")
