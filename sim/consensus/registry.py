"""The protocols by name: a new protocol is one file and one entry here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.consensus import qbft, tendermint
from sim.consensus.hotstuff import HotStuffReplica
from sim.consensus.jolteon import JolteonReplica
from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_messages import NULL, Checkpoint, Commit, Prepare, PrePrepare
from sim.consensus.qbft import QbftReplica
from sim.consensus.quorum import Quorums
from sim.consensus.raft import RaftReplica, majority
from sim.consensus.rpbft import RpbftReplica, committee_of
from sim.consensus.tendermint import TendermintReplica

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.consensus.interface import Message, Replica
    from sim.consensus.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Votes:
    """How a protocol orders a value when nothing goes wrong: a proposal and two rounds of votes, all to all.

    Attributes:
        messages: one of each, of an empty value, for what it weighs: proposal, first and second vote.
        leader_votes: whether the leader says its first vote apart from its proposal.
        checkpoint: one of what every replica says after each checkpoint interval; None where nothing is said.
        final_first: whether who finds a quorum of second votes decides without saying anything more.
    """

    messages: tuple[Message, Message, Message]
    leader_votes: bool
    checkpoint: Message | None = None
    final_first: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """What the host must know of a protocol beyond its replicas.

    Attributes:
        make: a fresh replica.
        quorum: for a number of replicas that vote, how many make a decision.
        certified: whether a decided block carries a quorum's signatures that others can check.
        byzantine: whether it stands replicas that lie; otherwise only such as stop.
        rotates: whether the leadership moves on with every value.
        phases: one-way delays from a proposal to the decision at the other replicas, fault-free.
        returns: whether a value that a view left behind can come back when a later view has ordered its transactions
            elsewhere. Such a transaction is executed once only (Castro & Liskov, OSDI 1999, section 4.2, by timestamp).
        chain_length: where blocks certify their parents, how many certified ones in a row decide the first; else 0.
        replicates: whether it is a log that one leader replicates.
        hands_over: whether its leader can be told to hand over (`interface.TransferLeadership`).
        unread: the votes that its replicas can say they need not be told of (`interface.Counting`).
        committee: who votes on a height, where that is not everybody; the others are told of finished blocks.
        votes: how heights can be computed as a whole; None where they can't, so that every message is delivered.
    """

    make: Callable[[Parameters], Replica]
    quorum: Callable[[int], int]
    certified: bool
    byzantine: bool
    rotates: bool
    phases: int
    returns: bool = False
    votes: Votes | None = None
    chain_length: int = 0
    replicates: bool = False
    hands_over: bool = False
    unread: tuple[type, ...] = ()
    committee: Callable[[Parameters, int], tuple[int, ...]] | None = None


def _byzantine_quorum(n: int) -> int:
    return Quorums.of(n).quorum


_FAMILIES: Final[dict[str, Family]] = {
    "hotstuff": Family(
        HotStuffReplica.make,
        _byzantine_quorum,
        certified=True,
        byzantine=True,
        rotates=True,
        phases=7,
        chain_length=HotStuffReplica.chain_length,
    ),
    "jolteon": Family(
        JolteonReplica.make,
        _byzantine_quorum,
        certified=True,
        byzantine=True,
        rotates=True,
        phases=5,
        chain_length=JolteonReplica.chain_length,
    ),
    "pbft": Family(
        PbftReplica.make,
        _byzantine_quorum,
        certified=True,
        byzantine=True,
        rotates=False,
        phases=3,
        returns=True,
        unread=(Prepare, Commit),
        votes=Votes(
            (PrePrepare(0, 0, 1, NULL), Prepare(0, 0, 1, b""), Commit(0, 0, 1, b"")),
            leader_votes=False,
            checkpoint=Checkpoint(0, 1, b""),
        ),
    ),
    "qbft": Family(
        QbftReplica.make,
        _byzantine_quorum,
        certified=True,
        byzantine=True,
        rotates=True,
        phases=3,
        votes=Votes(
            (qbft.PrePrepare(0, 1, 0, NULL), qbft.Prepare(0, 1, 0, b""), qbft.Commit(0, 1, 0, b"")), leader_votes=True
        ),
    ),
    "raft": Family(
        RaftReplica.make,
        majority,
        certified=False,
        byzantine=False,
        rotates=False,
        phases=3,
        replicates=True,
        hands_over=True,
    ),
    "rpbft": Family(
        RpbftReplica.make,
        _byzantine_quorum,
        certified=True,
        byzantine=True,
        rotates=True,
        phases=3,
        committee=committee_of,
    ),
    "tendermint": Family(
        TendermintReplica.make,
        _byzantine_quorum,
        certified=True,
        byzantine=True,
        rotates=True,
        phases=3,
        votes=Votes(
            (
                tendermint.Proposal(0, 1, 0, NULL, tendermint.NO_ROUND),
                tendermint.Prevote(0, 1, 0, b""),
                tendermint.Precommit(0, 1, 0, b""),
            ),
            leader_votes=True,
            final_first=True,
        ),
    ),
}


def register(protocol: str, entry: Family) -> None:
    """Add a protocol; raises `ValueError` if the name is taken. A scenario may name it if this came before loading."""
    if protocol in _FAMILIES:
        raise ValueError(f"there is a protocol {protocol!r} already")
    _FAMILIES[protocol] = entry


def protocols() -> tuple[str, ...]:
    """The names that `family` knows, sorted."""
    return tuple(sorted(_FAMILIES))


def family(protocol: str) -> Family:
    """The protocol of this name; raises `ValueError` if there is none."""
    if protocol not in _FAMILIES:
        raise ValueError(f"unknown consensus protocol {protocol!r}; known: {', '.join(protocols())}")
    return _FAMILIES[protocol]


def make_replica(protocol: str, parameters: Parameters) -> Replica:
    """A fresh replica that runs ``protocol``; raises `ValueError` for an unknown one or a parameter out of range."""
    return family(protocol).make(parameters)
