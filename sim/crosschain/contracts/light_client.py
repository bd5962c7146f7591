"""``light_client``: headers that a quorum of the other chain's validators has made final.

ICS-07 in the shape of `sim.proof.lightclient`: ``updateClient`` brings a header with a quorum's signatures, and heights
may be skipped. Broken by more than f Byzantine validators of the other chain, or by a quorum's stolen keys. Two final
headers at one height freeze the client (``checkForMisbehaviour``, ``updateStateOnMisbehaviour``); the fork is written
down although the call is refused. A client whose latest header is older than the trusting period is expired.

The member whose chain it is, as the identity registry knows it, can set a header to go on from where a client is frozen
or expired (``recoverClient``, ADR-026 of ibc-go, where a chain's governance votes on it); what the client had accepted
before is forgotten then. An expired client goes on from a newer header only, as in ibc-go. A frozen one may go back
below the lie that it had believed; ibc-go wants a newer header there too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts import identity
from sim.crosschain.contracts.headers import Accepted, Headers, client_key, frozen_key, header_key
from sim.crosschain.contracts.messages import RECOVER, UPDATE_CLIENT
from sim.crosschain.contracts.refusal import Refused
from sim.proof.chain_errors import ForkFound, Frozen, TrustExpired, WrongChain
from sim.proof.evidence import Update
from sim.proof.lightclient import LightClient

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store
    from sim.crosschain.sample import Sample
    from sim.proof import BlockHeader
    from sim.proof.lightclient import TrustPolicy
    from sim.proof.validators import ValidatorSet


class _Client(LightClient):
    """A light client that can be told that a block is known to be final.

    Attributes:
        charged: whether it is; nothing but the votes is taken for granted then.
    """

    charged = False

    def check_final(self, update: Update, trusted: ValidatorSet) -> None:
        """As `LightClient.check_final`."""
        if not self.charged:
            super().check_final(update, trusted)


class Followed(Headers):
    """Accepts what a light client accepts.

    Args:
        link, role, sample: as `Headers`.
        policy: what is taken for granted of the other chain.
        owner: the identifier of the member whose chain this is, and who alone may recover the client.
    """

    method = UPDATE_CLIENT

    def __init__(self, link: str, role: str, policy: TrustPolicy, sample: Sample, owner: str) -> None:
        super().__init__(link, role, policy.chain, policy.suite, sample)
        self._policy = policy
        self._owner = owner
        self._client: _Client | None = None

    def start(self, header: BlockHeader, validators: ValidatorSet) -> None:
        """As `Headers.start`."""
        super().start(header, validators)
        self._client = _Client(self._policy, header, validators)

    @property
    def client(self) -> LightClient:
        """The light client.

        Raises:
            ValueError: it was not started.
        """
        return self._started

    @property
    def _started(self) -> _Client:
        if self._client is None:
            raise ValueError(f"the light client of {self._link} has no header to start from")
        return self._client

    @property
    def frozen(self) -> bool:
        """As `Headers.frozen`."""
        return self._started.evidence is not None

    def is_expired(self, now_ns: int) -> bool:
        """As `Headers.is_expired`."""
        return now_ns - self._started.header.time_ns >= self._policy.trusting_period_ns

    def update(self, store: Store, block: Block, call: Call) -> None:
        """As `Headers.update`; or the chain's member sets a header to go on from."""
        if call.method == RECOVER:
            self._recover(store, block, call)
        else:
            super().update(store, block, call)

    def check(self, store: Store, block: Block, sender: str, data: bytes) -> BlockHeader | None:  # noqa: ARG002
        """As `Headers.check`; anybody may bring an update."""
        self._check_not_frozen()
        update = Update.from_bytes(data)
        header = update.header
        if header.chain != self._chain:
            raise WrongChain("header", header.chain, self._chain)
        if self.is_known(store, header):
            return None
        client = self._started
        client.charged = self._sample.may_charge(data, header)
        self.count(store, _signatures(update), real=not client.charged)
        try:
            client.update(update, block.time_ns)
        except ForkFound as fork:
            store.put(frozen_key(self._link, self._role), str(fork).encode())
            store.keep()
            raise
        return header

    def check_fresh(self, held: Accepted, now_ns: int) -> None:
        """As `Headers.check_fresh`."""
        self._check_not_frozen()
        age_ns = now_ns - held.time_ns
        if age_ns >= self._policy.trusting_period_ns:
            raise TrustExpired(age_ns, self._policy.trusting_period_ns)

    def _check_not_frozen(self) -> None:
        evidence = self._started.evidence
        if evidence is not None:
            raise Frozen(evidence.height)

    def _recover(self, store: Store, block: Block, call: Call) -> None:
        if call.sender.partition("#")[0] != self._owner:
            raise Refused("not-the-owner", f"{call.sender} recovers a client of {self._link} on {self._owner}'s chain")
        identity.check(store, call.sender, identity.MEMBER)
        if self.is_active(block.time_ns):
            raise Refused("client-active", f"the client of {self._link} is of use still")
        update = Update.from_bytes(call.parts[-1])
        header, policy = update.header, self._policy
        latest = self._started.header.height
        if not self.frozen and header.height <= latest:
            raise Refused("not-newer", f"{header.height} is not above {latest}, which the client has")
        update.block.check(policy.suite, chain=policy.chain, protocol=policy.protocol, validators=update.validators)
        self.count(store, _signatures(update), real=True)
        self.forget(store)
        store.delete(frozen_key(self._link, self._role))
        self.start(header, update.validators)
        store.put_number(client_key(self._link, self._role), header.height)
        store.put(header_key(self._link, self._role, header.height), Accepted.of(header, policy.suite).to_bytes())


def _signatures(update: Update) -> int:
    return sum(len(link.certificate.signatures) for link in update.block.links)
