"""Clients of another chain by themselves: which headers each kind accepts, and what is proved against them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from foreign_chain import DRIFT, PERIOD, SECOND, ForeignChain, grown, signer_of
from hypothesis import given
from hypothesis import strategies as st

from sim.crosschain.contracts import headers as headers_module
from sim.crosschain.contracts import identity
from sim.crosschain.contracts.committee import Endorsed, Endorsement, signed_bytes
from sim.crosschain.contracts.headers import Accepted, Headers, Membership, client_key, frozen_key, header_key
from sim.crosschain.contracts.light_client import Followed
from sim.crosschain.contracts.messages import COMMIT_STATE, RECOVER, SYNC_HEADER, UPDATE_CLIENT, Call
from sim.crosschain.contracts.refusal import Refused, reason_of
from sim.crosschain.contracts.spv import Synchronised
from sim.crosschain.contracts.store import Block, Store
from sim.crosschain.sample import REMEMBERED, Sample
from sim.crosschain.steps import SOURCE
from sim.proof import SHA256
from sim.proof.bundle import Bundle
from sim.proof.errors import ProofError
from sim.proof.evidence import Update
from sim.proof.lightclient import TrustPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.proof import BlockHeader

LINK = "a-b"


def named(role: str, number: int) -> str:
    """The DID URL of a party's first key."""
    return f"{identity.party_did(LINK, role, number)}#{identity.key_name(1)}"


GATEWAY = named(identity.RELAYER, 0)
NOTARIES = tuple(named(identity.NOTARY, number) for number in range(4))
OWNER, OTHER = (f"{identity.member_did(member)}#{identity.key_name(1)}" for member in ("court", "bank"))
"""The member whose chain has the client, and another one."""
KEY = b"licence"


class Client:
    """A client with its state; calls are executed as a machine does."""

    def __init__(self, kind: str, chain: ForeignChain, share: float = 1.0) -> None:
        self.chain, self.store, self.sample = chain, Store(), Sample(share)
        place = (LINK, SOURCE, chain.chain, SHA256, self.sample)
        self.trust: Headers
        if kind == "spv":
            self.trust = Synchronised(*place)
        elif kind == "committee":
            self.trust = Endorsed(*place, 3)
        else:
            policy = TrustPolicy(chain.chain, SHA256, chain.protocol, PERIOD, DRIFT)
            self.trust = Followed(LINK, SOURCE, policy, self.sample, OWNER.partition("#")[0])
        self.trust.start(chain.headers[0], chain.sets[0])
        self.found(GATEWAY, identity.RELAYER)
        for name in (OWNER, OTHER):
            self.found(name, identity.MEMBER, link="")
        for name in NOTARIES:
            self.found(name, identity.NOTARY)

    def found(
        self, name: str, role: str, *, admitted: bool = True, key: str = identity.key_name(1), link: str = LINK
    ) -> None:
        """Have a party in the chain's registry; members are of no link."""
        did, keys = name.partition("#")[0], ((key, signer_of(name).public_key),)
        document = identity.Document(did, 1, admitted, (identity.role_of(role, link) if link else role,), keys)
        self.store.entries[identity.document_key(did)] = document.to_bytes()

    def call(self, data: bytes, method: str = "", sender: str = GATEWAY, at_s: int = 100) -> str | None:
        """Why a call is refused."""
        call = Call(LINK, method or self.trust.method, sender, (SOURCE.encode(), data))
        try:
            self.trust.update(self.store, Block(1, at_s * SECOND), call)
        except ProofError as refusal:
            self.store.drop()
            return reason_of(refusal)
        self.store.keep()
        return None

    def believe(self, data: bytes, key: bytes = KEY, at_s: int = 100) -> bytes | str | None:
        """What is believed of a key, or why nothing is."""
        try:
            return self.trust.believe(self.store, Block(1, at_s * SECOND), "anybody", key, data).value
        except ProofError as refusal:
            return reason_of(refusal)

    def proof(self, height: int, key: bytes = KEY) -> bytes:
        return Membership(height, self.chain.state_fact(key, height)).to_bytes()

    @property
    def heights(self) -> list[int]:
        """Where headers are kept."""
        prefix = header_key(LINK, SOURCE, 0)[:-1]
        return sorted(int(key.removeprefix(prefix)) for key in self.store.entries if key.startswith(prefix))


def endorsed(header: BlockHeader, names: Sequence[str] = NOTARIES[:3], signed: BlockHeader | None = None) -> bytes:
    message = signed_bytes(signed or header)
    return Endorsement(header, tuple((name, signer_of(name).sign(message)) for name in sorted(names))).to_bytes()


def header_for(client: Client, height: int) -> bytes:
    """An honest header as this client wants it."""
    if isinstance(client.trust, Followed):
        return client.chain.update(height).to_bytes()
    header = client.chain.headers[height]
    return endorsed(header) if isinstance(client.trust, Endorsed) else header.to_bytes()


KINDS = ("spv", "committee", "light_client")


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_accepted_header_proves_is_believed_and_nothing_else(kind: str) -> None:
    client = Client(kind, grown(4))
    assert client.trust.latest() == (0, 0)
    assert client.believe(client.proof(2)) == "unknown-header"
    for height in (1, 2):
        assert client.call(header_for(client, height)) is None
    assert client.believe(client.proof(2)) == b"valid at 1"
    assert client.believe(client.proof(2, b"nothing"), b"nothing") is None
    assert client.believe(client.proof(2), b"asset 1") == "another-fact"
    assert client.believe(client.proof(3)) == "unknown-header"
    later = Membership(2, client.chain.state_fact(KEY, 3)).to_bytes()
    assert client.believe(later) == "root-mismatch"
    assert client.trust.latest() == (2, 2 * SECOND)
    assert client.store.number(client_key(LINK, SOURCE)) == 2
    assert client.heights == [1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_is_there_changes_nothing_and_is_not_checked_again(kind: str) -> None:
    client = Client(kind, grown(2))
    assert client.call(header_for(client, 1)) is None
    checked = client.trust.work.real
    client.store.begin_block()
    assert client.call(header_for(client, 1)) is None
    assert client.store.changes == {}
    assert (client.trust.work.real, client.trust.work.updates) == (checked, 1)


@pytest.mark.parametrize(("kind", "reason"), [("spv", "another-chain"), ("committee", "another-chain")])
def test_a_header_of_another_chain_is_refused(kind: str, reason: str) -> None:
    client = Client(kind, grown(2))
    other = replace(client.chain.headers[1], chain="somewhere")
    assert client.call(endorsed(other) if kind == "committee" else other.to_bytes()) == reason


@pytest.mark.parametrize("kind", KINDS)
def test_other_calls_and_other_bytes_are_refused(kind: str) -> None:
    client = Client(kind, grown(2))
    for method in {SYNC_HEADER, COMMIT_STATE, UPDATE_CLIENT} - {client.trust.method}:
        assert client.call(header_for(client, 1), method) == "no-such-method"
    for data in (b"", header_for(client, 1)[:-1], header_for(client, 1) + b"x"):
        assert str(client.call(data)).startswith("malformed")
    assert client.believe(b"JACM") == "malformed"
    record = b"JACM\x01" + (1).to_bytes(8, "big") + client.chain.record_fact(0, 1).to_bytes()
    assert client.believe(record) == "malformed"
    assert client.heights == []


def test_spv_takes_the_next_header_of_a_registered_gateway_and_the_first_one_stays() -> None:
    client = Client("spv", grown(3))
    first, second = client.chain.headers[1:3]
    assert client.call(second.to_bytes()) == "another-parent"
    assert client.call(first.to_bytes(), sender="stranger") == "not-registered"
    lie = replace(first, state_root=b"\x01" * 32)
    assert client.call(lie.to_bytes()) is None
    assert client.call(first.to_bytes()) == "another-header"
    # The honest gateway's headers have another parent from here on.
    assert client.call(second.to_bytes()) == "another-parent"
    assert client.believe(client.proof(1)) == "root-mismatch"


def test_a_committee_needs_its_threshold_of_different_members_over_this_header() -> None:
    client = Client("committee", grown(3))
    header = client.chain.headers[2]
    assert client.call(endorsed(header, NOTARIES[:2])) == "too-few-notaries"
    assert client.call(endorsed(header, (*NOTARIES[:2], named(identity.NOTARY, 9)))) == "not-registered"
    assert client.call(endorsed(header, (*NOTARIES[:2], GATEWAY))) == "not-registered"
    again = NOTARIES[0].replace("key-1", "key-2")
    assert client.call(endorsed(header, (*NOTARIES[:2], again))) == "too-few-notaries"
    assert client.call(endorsed(header, signed=client.chain.headers[1])) is not None
    with pytest.raises(Refused, match="ascend"):
        endorsed(header, (NOTARIES[0], *NOTARIES[:2]))
    assert client.heights == []
    assert client.call(endorsed(header, NOTARIES)) is None
    assert client.trust.work.signatures == 3 + 4
    assert client.call(endorsed(replace(header, time_ns=5))) == "another-header"


def test_a_notary_that_was_revoked_or_has_another_key_signs_for_nothing() -> None:
    client = Client("committee", grown(3))
    header = client.chain.headers[2]
    client.found(NOTARIES[0], identity.NOTARY, admitted=False)
    assert client.call(endorsed(header)) == "revoked"
    client.found(NOTARIES[0], identity.NOTARY, key="key-2")
    assert client.call(endorsed(header)) == "another-key"
    client.found(NOTARIES[0], identity.RELAYER)
    assert client.call(endorsed(header)) == "not-registered"
    assert client.call(endorsed(header, NOTARIES[1:])) is None


def test_two_final_headers_at_a_height_freeze_a_light_client_and_members_can_set_it_right() -> None:
    client = Client("light_client", grown(4))
    chain = client.chain
    assert client.call(header_for(client, 2)) is None
    assert client.believe(client.proof(2)) == b"valid at 1"
    other = grown(4)
    other.headers[2] = replace(chain.headers[2], state_root=b"\x01" * 32)
    assert client.call(other.update(2, ("a", "b")).to_bytes()) == "too-few-votes"
    assert not client.trust.frozen
    assert client.call(other.update(2).to_bytes()) == "fork-found"
    assert client.trust.frozen
    assert client.store.get(frozen_key(LINK, SOURCE)) is not None
    assert client.call(header_for(client, 3)) == "frozen"
    assert client.believe(client.proof(2)) == "frozen"
    for sender in ("governance", GATEWAY, OTHER):
        assert client.call(header_for(client, 4), RECOVER, sender) == "not-the-owner"
    assert client.call(header_for(client, 4), RECOVER, OWNER.replace("key-1", "key-2")) == "another-key"
    client.found(OWNER, identity.MEMBER, link="", admitted=False)
    assert client.call(header_for(client, 4), RECOVER, OWNER) == "revoked"
    client.found(OWNER, identity.MEMBER, link="")
    assert client.call(chain.update(4, ("a", "b")).to_bytes(), RECOVER, OWNER) == "too-few-votes"
    assert client.call(header_for(client, 4), RECOVER, OWNER) is None
    assert client.heights == [4]
    assert client.store.get(frozen_key(LINK, SOURCE)) is None
    assert client.believe(client.proof(4)) == b"valid at 3"
    assert client.believe(client.proof(2)) == "unknown-header"
    assert client.call(header_for(client, 4), RECOVER, OWNER) == "client-active"


def test_members_can_set_a_frozen_light_client_back_below_the_lie_that_it_believed() -> None:
    client, other = Client("light_client", grown(4)), grown(4)
    other.headers[3] = replace(client.chain.headers[3], state_root=b"\x01" * 32)
    assert client.call(other.update(3).to_bytes()) is None
    assert client.call(header_for(client, 3)) == "fork-found"
    assert client.call(header_for(client, 2), RECOVER, OWNER) is None
    assert client.heights == [2]
    assert client.call(header_for(client, 3)) is None
    assert client.believe(client.proof(3)) == b"valid at 2"


def test_a_header_s_call_and_a_packet_s_proof_are_the_halves_of_a_bundle() -> None:
    chain = grown(4)
    header, proof = chain.update(2).to_bytes(), Membership(2, chain.state_fact(KEY, 2)).to_bytes()
    bundle = chain.bundle(Membership.from_bytes(proof).fact, Update.from_bytes(header))
    Bundle.from_bytes(bundle.to_bytes()).check(chain.client(), 100 * SECOND)
    client = Client("light_client", chain)
    assert client.call(header) is None
    assert client.believe(proof) == b"valid at 1"


def test_a_light_client_expires_and_members_can_set_it_right() -> None:
    client = Client("light_client", grown(4))
    late_s = PERIOD // SECOND
    assert client.call(header_for(client, 2)) is None
    assert client.believe(client.proof(2), at_s=late_s + 1) == b"valid at 1"
    assert client.believe(client.proof(2), at_s=late_s + 2) == "trust-expired"
    assert client.call(header_for(client, 3), at_s=late_s + 2) == "trust-expired"
    assert client.call(header_for(client, 3), RECOVER, OWNER, at_s=late_s + 1) == "client-active"
    for height in (1, 2):
        assert client.call(header_for(client, height), RECOVER, OWNER, at_s=late_s + 2) == "not-newer"
    assert client.call(header_for(client, 3), RECOVER, OWNER, at_s=late_s + 2) is None
    assert client.believe(client.proof(3), at_s=late_s + 2) == b"valid at 2"


@pytest.mark.parametrize("kind", ["spv", "committee"])
def test_only_light_clients_are_recovered(kind: str) -> None:
    client = Client(kind, grown(2))
    assert client.call(header_for(client, 1), RECOVER, OWNER) == "no-such-method"


@pytest.mark.parametrize("kind", ["committee", "light_client"])
def test_heights_may_be_skipped_and_the_oldest_headers_are_forgotten(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers_module, "REMEMBERED", 3)
    client = Client(kind, grown(9))
    for height in (2, 3, 5, 7, 8):
        assert client.call(header_for(client, height)) is None
    assert client.heights == [5, 7, 8]
    assert client.believe(client.proof(5)) == b"valid at 4"
    assert client.believe(client.proof(3)) == "unknown-header"


@pytest.mark.parametrize("kind", ["committee", "light_client"])
def test_bytes_of_a_ledger_may_be_charged_and_others_never(kind: str) -> None:
    checked, charged = Client(kind, grown(4)), Client(kind, grown(4), share=0.0)
    for client in (checked, charged):
        for height in (1, 2):
            data = header_for(client, height)
            client.sample.built(data, client.chain.headers[height])
            assert client.call(data) is None
        proof = client.proof(2)
        client.sample.built(proof, client.chain.headers[2].state_root)
        assert client.believe(proof) == b"valid at 1"
    assert (checked.trust.work.real, checked.trust.work.charged) == (3, 0)
    assert (charged.trust.work.real, charged.trust.work.charged) == (0, 3)
    # Charged or checked, the state and what nodes pay are the same.
    assert checked.store.entries == charged.store.entries
    assert checked.store.meter == charged.store.meter
    # What was built for one header says nothing of another one, and made-up bytes are checked.
    proof = charged.proof(2)
    later = Membership(2, charged.chain.state_fact(KEY, 3)).to_bytes()
    charged.sample.built(later, charged.chain.headers[3].state_root)
    assert charged.believe(later) == "root-mismatch"
    forged = (
        endorsed(charged.chain.headers[3], NOTARIES[:3], charged.chain.headers[2])
        if kind == "committee"
        else charged.chain.update(3, ("a", "b")).to_bytes()
    )
    assert charged.call(forged) is not None
    assert charged.believe(proof) == b"valid at 1"


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=50, unique=True), st.floats(0, 1))
def test_a_share_of_what_was_built_is_checked_and_all_that_was_not(strings: list[bytes], share: float) -> None:
    sample = Sample(share)
    for data in strings[1:]:
        sample.built(data, "root")
    assert not sample.may_charge(strings[0], "root")
    assert not any(sample.may_charge(data, "another root") for data in strings)
    chosen = [sample.may_charge(data, "root") for data in strings]
    assert chosen == [sample.may_charge(data, "root") for data in strings]
    if share == 1.0:
        assert not any(chosen)


def test_the_share_that_is_checked_is_the_share_that_was_asked_for() -> None:
    # 4,000 strings with probability 0.3: six standard deviations are 174. False alarms: 2e-9.
    sample = Sample(0.3)
    strings = [number.to_bytes(4, "big") for number in range(4000)]
    for data in strings:
        sample.built(data, "root")
    real = sum(not sample.may_charge(data, "root") for data in strings)
    assert abs(real - 1200) < 174


def test_a_sample_forgets_the_oldest_bytes() -> None:
    sample = Sample(0.0)
    for number in range(REMEMBERED + 1):
        sample.built(number.to_bytes(4, "big"), "root")
    assert not sample.may_charge((0).to_bytes(4, "big"), "root")
    assert sample.may_charge((1).to_bytes(4, "big"), "root")


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_accepted_headers_come_back_as_what_they_were(time_ns: int, root: bytes, digest: bytes) -> None:
    accepted = Accepted(time_ns, root, digest)
    assert Accepted.from_bytes(accepted.to_bytes()) == accepted


def test_proofs_and_endorsements_have_one_encoding() -> None:
    chain = grown(3)
    shown = Membership(2, chain.state_fact(KEY, 2))
    assert Membership.from_bytes(shown.to_bytes()) == shown
    data = endorsed(chain.headers[2])
    assert Endorsement.from_bytes(data).to_bytes() == data
    for cut in range(len(data)):
        with pytest.raises(ProofError):
            Endorsement.from_bytes(data[:cut])
