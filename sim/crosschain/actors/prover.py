"""What a relayer brings so that another chain believes it, for each thing that a chain can require."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.crosschain.contracts.committee import Endorsement
from sim.crosschain.contracts.headers import Membership
from sim.crosschain.contracts.messages import COMMIT_STATE, SYNC_HEADER, UPDATE_CLIENT, Claim
from sim.proof.bundle import StateFact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.notary import Notary
    from sim.crosschain.sample import Sample


@dataclass(frozen=True, slots=True)
class Brought:
    """Headers as another chain takes them, and when a relayer has them.

    Attributes:
        headers: what is told of each.
        ready_ns: when all are there; 0 for at once.
    """

    headers: Sequence[bytes]
    ready_ns: int = 0


class Prover(Protocol):
    """Makes what shows one chain of a link to another one.

    Attributes:
        method: of the calls that bring headers; empty where none are brought.
        every: whether headers are brought one by one, and none is left out.
        ascends: whether a header is of use only above all that were accepted.
        period_ns: how long after a header nothing more is accepted; 0 for ever.
    """

    method: str
    every: bool
    ascends: bool
    period_ns: int

    def reach(self, shown: Endpoint, told: Sequence[Endpoint]) -> int | None:
        """The last block of this node's chain that can be shown to the chains of others; None if nothing can."""

    def bring(self, shown: Endpoint, heights: Sequence[int], told: Endpoint) -> Brought:
        """The headers of these heights, for the chain of the last node."""

    def prove(self, shown: Endpoint, key: bytes, height: int) -> bytes:
        """The last part of a call: what the chain has at a key, by the header of a height."""


class Claims:
    """For `sim.crosschain.contracts.trust.Registered`: a relayer's word."""

    method = ""
    every = False
    ascends = False
    period_ns = 0

    def reach(self, shown: Endpoint, told: Sequence[Endpoint]) -> int | None:  # noqa: ARG002 - it is all the same
        """As `Prover.reach`."""
        return shown.head()

    def bring(self, shown: Endpoint, heights: Sequence[int], told: Endpoint) -> Brought:  # noqa: ARG002 - nobody asks
        """As `Prover.bring`."""
        return Brought(())

    def prove(self, shown: Endpoint, key: bytes, height: int) -> bytes:
        """As `Prover.prove`."""
        header = shown.header(height)
        return Claim(height, header.time_ns, shown.get(key, header.state_height)).to_bytes()


class _Proofs:
    """What all have in common that prove entries of the state.

    Args:
        sample: where it leaves word of what it built.
        every: as `Prover.every`.
    """

    ascends = True
    period_ns = 0

    def __init__(self, sample: Sample, *, every: bool) -> None:
        self.every = every
        self._sample = sample

    def reach(self, shown: Endpoint, told: Sequence[Endpoint]) -> int | None:  # noqa: ARG002 - it is all the same
        """As `Prover.reach`."""
        return shown.head()

    def prove(self, shown: Endpoint, key: bytes, height: int) -> bytes:
        """As `Prover.prove`."""
        header = shown.header(height)
        value, proof = shown.entry(key, header.state_height)
        data = Membership(height, StateFact(key, value, proof)).to_bytes()
        self._sample.built(data, header.state_root)
        return data


class Headers(_Proofs):
    """For `sim.crosschain.contracts.spv.Synchronised`: every header as it is."""

    method = SYNC_HEADER

    def bring(self, shown: Endpoint, heights: Sequence[int], told: Endpoint) -> Brought:  # noqa: ARG002
        """As `Prover.bring`."""
        return Brought([shown.header(height).to_bytes() for height in heights])


class FinalBlocks(_Proofs):
    """For `sim.crosschain.contracts.light_client.Followed`: headers with a quorum's signatures.

    Args:
        period_ns: the trusting period.
        sample, every: as `_Proofs`.
    """

    method = UPDATE_CLIENT

    def __init__(self, period_ns: int, sample: Sample, *, every: bool) -> None:
        super().__init__(sample, every=every)
        self.period_ns = period_ns

    def bring(self, shown: Endpoint, heights: Sequence[int], told: Endpoint) -> Brought:  # noqa: ARG002
        """As `Prover.bring`."""
        updates = [shown.update(height) for height in heights]
        brought = [update.to_bytes() for update in updates]
        for update, data in zip(updates, brought, strict=True):
            self._sample.built(data, update.header)
        return Brought(brought)


class Endorsements(_Proofs):
    """For `sim.crosschain.contracts.committee.Endorsed`: headers that notaries sign for whoever asks.

    Args:
        role: of the chain that is shown.
        notaries: who may be asked. threshold: how many must sign.
        rpc_ns: the way to a notary and back.
        sample, every: as `_Proofs`.
    """

    method = COMMIT_STATE
    ascends = False

    def __init__(
        self, role: str, notaries: Sequence[Notary], threshold: int, rpc_ns: int, sample: Sample, *, every: bool
    ) -> None:
        super().__init__(sample, every=every)
        self._role = role
        self._notaries = notaries
        self._threshold = threshold
        self._rpc_ns = rpc_ns

    def reach(self, shown: Endpoint, told: Sequence[Endpoint]) -> int | None:
        """As `Prover.reach`: enough notaries whom these chains know must have executed the block themselves."""
        if not told:
            return shown.head()
        able = (each for each in self._notaries if all(each.is_known_to(node) for node in told))
        heads = sorted((head for each in able if (head := each.head(self._role)) is not None), reverse=True)
        if len(heads) < self._threshold:
            return None
        return min(shown.head(), heads[self._threshold - 1])

    def bring(self, shown: Endpoint, heights: Sequence[int], told: Endpoint) -> Brought:
        """As `Prover.bring`; all notaries that can are asked at once, and the first answers are taken."""
        able = [each for each in self._notaries if self._can_sign(each, heights[-1]) and each.is_known_to(told)]
        answers = [(ready_ns, each) for each in able if (ready_ns := each.answer(self._role, len(heights))) is not None]
        if len(answers) < self._threshold:
            return Brought(())
        first = sorted(answers, key=lambda answer: answer[0])[: self._threshold]
        brought = []
        for height in heights:
            header = shown.header(height)
            signed = sorted((each.sign(self._role, height, told) for _, each in first), key=lambda s: s[0].encode())
            data = Endorsement(header, tuple(signed)).to_bytes()
            self._sample.built(data, header)
            brought.append(data)
        return Brought(brought, first[-1][0] + self._rpc_ns)

    def _can_sign(self, notary: Notary, height: int) -> bool:
        head = notary.head(self._role)
        return head is not None and head >= height
