"""The identity registry: who may change it, what crosses, and whom a gateway's contract believes because of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import NO_COSTS, chain, linked, played

from sim.crosschain.contracts import application, assets, identity
from sim.crosschain.contracts.identity import ADMIT, REGISTRY, REVOKE, ROTATE, Document, Registry, document_key
from sim.crosschain.contracts.machine import Machine
from sim.crosschain.contracts.messages import Call
from sim.crosschain.contracts.refusal import Refused
from sim.crosschain.contracts.store import Store
from sim.proof import SHA256

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KEEPER, PARTY = "did:court:keeper", "did:court:a-b:relayer:0"
KEPT = Document(KEEPER, 1, admitted=True, roles=("member",), keys=(("key-1", b"k"),))
FIRST = Document(PARTY, 1, admitted=True, roles=("relayer:a-b",), keys=(("key-1", b"a"),))

words = st.text(min_size=1, max_size=20)
documents = st.builds(
    Document,
    did=words,
    revision=st.integers(1, 2**63 - 1),
    admitted=st.booleans(),
    roles=st.lists(words, max_size=3).map(tuple),
    keys=st.lists(st.tuples(words, st.binary(max_size=64)), max_size=3).map(tuple),
)


def registry() -> Machine:
    machine = Machine("a", NO_COSTS)
    machine.contracts[REGISTRY] = Registry(REGISTRY, SHA256, {}, {}, KEEPER)
    machine.store.entries.update(identity.entries([KEPT, FIRST], ()))
    return machine


def told(machine: Machine, method: str, *parts: bytes, sender: str = f"{KEEPER}#key-1") -> str | None:
    """Why the registry refuses a call; None if it does not."""
    height = len(machine.receipts)
    machine.run(height, height, [(0, Call(REGISTRY, method, sender, parts).to_bytes())])
    return machine.receipts[-1][0].refusal


def on_record(machine: Machine, did: str = PARTY) -> Document:
    return Document.from_bytes(machine.store.entries[document_key(did)])


@given(documents)
def test_a_document_has_one_encoding(document: Document) -> None:
    data = document.to_bytes()
    assert Document.from_bytes(data) == document
    for wrong in (data[:-1], data + b"\0", b"JACX" + data[4:]):
        with pytest.raises(Refused):
            Document.from_bytes(wrong)


def test_the_keeper_revokes_admits_and_rotates_and_nobody_else_does() -> None:
    machine = registry()
    assert told(machine, REVOKE, PARTY.encode(), sender=f"{PARTY}#key-1") == "not-the-keeper"
    assert told(machine, REVOKE, PARTY.encode(), sender=f"{KEEPER}#key-2") == "another-key"
    assert told(machine, ROTATE, PARTY.encode(), b"key-2", b"b") is None
    assert on_record(machine) == Document(PARTY, 2, admitted=True, roles=FIRST.roles, keys=(("key-2", b"b"),))
    assert told(machine, REVOKE, PARTY.encode()) is None
    assert not on_record(machine).admitted
    assert told(machine, REVOKE, PARTY.encode()) == "not-registered"
    assert told(machine, ROTATE, PARTY.encode(), b"key-3", b"c") == "not-registered"
    again = Document(PARTY, 4, admitted=True, roles=FIRST.roles, keys=(("key-3", b"c"),))
    assert told(machine, ADMIT, Document(PARTY, 3, admitted=True, roles=(), keys=()).to_bytes()) == "another-revision"
    assert told(machine, ADMIT, again.to_bytes()) is None
    assert on_record(machine) == again
    assert told(machine, ADMIT, again.to_bytes()) == "already-admitted"
    assert told(machine, ADMIT, b"nonsense") == "malformed"
    assert told(machine, "remove", PARTY.encode()) == "no-such-method"


def test_the_keeper_admits_a_party_that_nobody_knew() -> None:
    machine, new = registry(), Document("did:court:a-b:relayer:9", 1, admitted=True, roles=FIRST.roles, keys=FIRST.keys)
    assert told(machine, ADMIT, replace(new, revision=2).to_bytes()) == "another-revision"
    assert told(machine, ADMIT, replace(new, admitted=False).to_bytes()) == "another-revision"
    assert told(machine, ADMIT, new.to_bytes()) is None
    assert on_record(machine, new.did) == new
    identity.check(machine.store, f"{new.did}#key-1", "relayer:a-b")


def test_a_sender_counts_with_its_role_its_key_and_its_admission() -> None:
    store = registry().store
    identity.check(store, f"{PARTY}#key-1", "relayer:a-b")
    for sender, role, reason in (
        (f"{PARTY}#key-1", "relayer:b-a", "not-registered"),
        ("did:court:a-b:relayer:9#key-1", "relayer:a-b", "not-registered"),
        (f"{PARTY}#key-2", "relayer:a-b", "another-key"),
        (PARTY, "relayer:a-b", "another-key"),
    ):
        with pytest.raises(Refused) as caught:
            identity.check(store, sender, role)
        assert caught.value.reason == reason


def test_a_chain_sends_what_it_has_on_record_and_takes_what_is_newer() -> None:
    def document(revision: int) -> bytes:
        return Document(PARTY, revision, admitted=False, roles=FIRST.roles, keys=()).to_bytes()

    store = Store(entries=identity.entries([FIRST], ["a-b"]))
    application.send(store, "a-b", FIRST.to_bytes())
    with pytest.raises(Refused, match="not-on-record"):
        application.send(store, "a-b", document(2))
    # Over a link that is none of its sources, and no newer: not taken.
    assert application.receive(store, "c-b", document(2)) == assets.FAILURE
    assert application.receive(store, "a-b", document(1)) == assets.FAILURE
    assert application.receive(store, "a-b", b"JACD nonsense") == assets.FAILURE
    assert store.get(document_key(PARTY)) == FIRST.to_bytes()
    assert application.receive(store, "a-b", document(3)) == assets.SUCCESS
    assert application.receive(store, "a-b", document(2)) == assets.FAILURE
    assert store.get(document_key(PARTY)) == document(3)


def changing(*changes: tuple[str, str, list[int]]) -> list[dict[str, Any]]:
    return [{"at": at, "action": action, "link": "a-b", "relayers": who} for at, action, who in changes]


def crossed(folder: Path, faults: Iterable[dict[str, Any]], verify: str = "none", **keys: object) -> dict[str, Any]:
    of_link = keys.pop("link", {})
    assert isinstance(of_link, dict)
    link = {"relayers": 2, **of_link}
    scenario = linked(folder, verify, identity={"registry": "a"}, faults=list(faults), link=link, **keys)
    alliance, summary = played(scenario)
    assert summary["verdict"] == "pass", summary["violation"]
    found: dict[str, Any] = summary["crosschain"]["a-b"]
    for name in "ab":
        found[name] = alliance.links["a-b"].books._machines[name].store
    return found


def test_everybody_is_known_on_every_chain_from_the_first_block(tmp_path: Path) -> None:
    found = crossed(tmp_path, [])
    known = [sorted(key for key in found[name].entries if key.startswith(b"identity/documents/")) for name in "ab"]
    assert known[0] == known[1]
    assert len(known[0]) == 1 + 4 + 4 + 2  # the member, the nodes of both chains, the relayers


def test_who_is_revoked_is_believed_until_the_revocation_has_crossed(tmp_path: Path) -> None:
    faults = changing(("3s", "revoke", [1]))
    forging = {"at": "2s", "action": "forge", "link": "a-b", "relayers": [1]}
    honest = crossed(tmp_path, faults)
    assert honest["refused"]["revoked"] > 0
    assert honest["delivered"] == honest["offered"]
    forged = crossed(tmp_path, [*faults, forging])
    never = crossed(tmp_path, [forging])
    assert 5 <= forged["accepted_forged"] < 20
    assert never["accepted_forged"] > 35


def test_a_thief_of_a_key_is_shut_out_when_the_key_is_changed(tmp_path: Path) -> None:
    forging = {"at": "2s", "action": "forge", "link": "a-b", "relayers": [1]}
    found = crossed(tmp_path, [*changing(("3s", "rotate", [1])), forging])
    assert found["accepted_forged"] < 20
    assert found["refused"]["another-key"] > 15


def test_a_changed_key_does_not_stop_its_owner(tmp_path: Path) -> None:
    found = crossed(tmp_path, changing(("3s", "rotate", [0])), link={"relayers": 1})
    assert found["delivered"] == found["acknowledged"] == found["offered"]


def test_a_renewal_crosses_if_anybody_is_left_to_carry_it(tmp_path: Path) -> None:
    renewed = crossed(tmp_path, changing(("2s", "revoke", [1]), ("4s", "admit", [1])))
    assert renewed["delivered"] == renewed["offered"]
    alone = crossed(tmp_path, changing(("2s", "revoke", [0]), ("4s", "admit", [0])), link={"relayers": 1})
    assert alone["unfinished"] > 40


def test_nobody_need_be_admitted_where_everything_is_proved(tmp_path: Path) -> None:
    found = crossed(tmp_path, changing(("2s", "revoke", [0])), "light_client", link={"relayers": 1})
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    stale = Document.from_bytes(found["b"].entries[document_key(PARTY)])
    assert not stale.admitted


def test_documents_cross_between_chains_of_different_hashes(tmp_path: Path) -> None:
    chains = {"a": chain(hash="sm3"), "b": chain()}
    found = crossed(tmp_path, changing(("2s", "revoke", [1])), "light_client", chains=chains)
    assert (
        found["a"].entries[document_key("did:court:a-b:relayer:1")]
        == found["b"].entries[document_key("did:court:a-b:relayer:1")]
    )


def test_the_summary_says_when_each_chain_knew_of_a_change(tmp_path: Path) -> None:
    faults = changing(("3s", "revoke", [1]), ("5s", "admit", [1]))
    _, summary = played(linked(tmp_path, identity={"registry": "a"}, faults=faults, link={"relayers": 2}))
    revoked, admitted = summary["identity"]["changes"]
    assert (revoked["did"], revoked["revision"], revoked["admitted"]) == ("did:court:a-b:relayer:1", 2, False)
    assert (admitted["revision"], admitted["admitted"], admitted["chain"]) == (3, True, "b")
    # A block of the registry's chain has passed before it is announced.
    assert 3 < revoked["announced_s"] < 3.5
    assert 0 < revoked["known_after_s"] < 2
