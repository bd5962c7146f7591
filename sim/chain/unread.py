"""Which votes a chain's replicas need not be told of, and what they catch up on before they are told of anything else.

A replica whose protocol can say it (`sim.consensus.interface.Counting`) tells after each vote how many more of the same
may come before one of them matters. That is its *credit* on the vote's *ballot*: one kind, view, sequence number and
digest. While it has credit, votes take their way through NIC and CPU in compiled code (`sim.chain.compiled.unread`), at
the same times and in the same order as ever. Whatever else its host tells it ends all its credit, and first of all it
reads from whom votes came meanwhile: so it never knows less than it would have known.

Nothing of this is there where nodes lie, are slow or will crash, where anything disturbs the network, or where somebody
watches: their votes go the ordinary way. So do all votes of small chains, where there is little to gain, and all with
the environment variable ``ALLIANCE_UNREAD=off``. The trace hash is the same.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sim.chain.compiled.unread import MOST_NODES, Unread
from sim.chain.letters import Size
from sim.consensus.registry import family

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from sim.chain.compiled.unread import Share
    from sim.chain.config import ChainConfig
    from sim.chain.counted import CountedNode
    from sim.consensus.interface import Counting, Input, Message, Output
    from sim.kernel.engine import Engine

SWITCH = "ALLIANCE_UNREAD"
"""The environment variable that lets every vote be read when it says ``off``."""
FEWEST = 16
"""Validators from which on it pays: what a broadcast costs beforehand is shared by its receivers."""
BALLOTS = 32
"""That a chain may have under way; votes on others go the ordinary way."""


def shared(engine: Engine, configs: Sequence[ChainConfig]) -> dict[str, Ballots]:
    """The ballots of those chains whose votes may go unread, by chain."""
    counted = [config for config in configs if _counts(config)]
    if not counted or os.environ.get(SWITCH, "").lower() == "off":
        return {}
    kinds = [family(config.protocol).unread for config in counted]
    sizes = [
        Size(config.nodes, config.validators, BALLOTS, len(theirs))
        for config, theirs in zip(counted, kinds, strict=True)
    ]
    shares = Unread(engine, sizes).shares
    return {config.id: Ballots(share, theirs) for config, share, theirs in zip(counted, shares, kinds, strict=True)}


def _counts(config: ChainConfig) -> bool:
    fits = FEWEST <= config.validators < MOST_NODES
    return fits and config.cores == 1 and bool(family(config.protocol).unread)


class Ballots:
    """The ballots of one chain that are under way, and who has credit on which.

    Args:
        share: of the compiled agenda's arrays.
        kinds: of votes that may go unread.
    """

    def __init__(self, share: Share, kinds: Sequence[type]) -> None:
        self.share = share
        self.faulty: Container[int] = ()
        self.replicas: list[CountedReplica | None] = [None] * share.size.validators
        self._kinds: Mapping[type, int] = {kind: place for place, kind in enumerate(kinds)}
        self._n = share.size.validators
        self._rows: dict[tuple[type, int, int, bytes], int] = {}
        self._digests: dict[tuple[type, int, int], bytes] = {}
        self._votes: list[Message | None] = [None] * share.size.ballots
        self._free = list(range(share.size.ballots))
        self._open: list[list[int]] = [[] for _ in range(self._n)]

    # Senders.

    def place(self, sender: int, receivers: Sequence[int], vote: Message) -> tuple[int, int] | None:
        """The ballot and kind of a vote for all others, or None where it has to go the ordinary way."""
        kind = self._kinds.get(type(vote))
        if kind is None or len(receivers) != self._n - 1 or vote.sender != sender or sender in self.faulty:
            return None
        key = self._key(vote)
        row = self._rows.get(key)
        if row is None:
            row = self._begin(key, vote)
        return None if row is None else (row, kind)

    def _begin(self, key: tuple[type, int, int, bytes], vote: Message) -> int | None:
        """A new ballot, if there is room and none on another digest; who can says at once what it need not be told."""
        self._end_old()
        if not self._free or self._digests.setdefault(key[:3], key[3]) != key[3]:
            return None
        row = self._rows[key] = self._free.pop()
        self._votes[row] = vote
        for index, replica in enumerate(self.replicas):
            if replica is not None and self._may(index):
                self._give(index, row, replica.counting.credit(vote))
        return row

    def _end_old(self) -> None:
        """Forget the oldest ballots as long as nothing of them is under way; their votes are read before."""
        under_way = self.share.under_way
        while self._rows:
            key = next(iter(self._rows))
            row = self._rows[key]
            if under_way[row]:
                return
            for index, rows in enumerate(self._open):
                if row in rows:
                    self.read(index)
                    self.share.credit[row * self._n + index] = 0
                    rows.remove(row)
            del self._rows[key], self._digests[key[:3]]
            self._votes[row] = None
            self._free.append(row)

    @staticmethod
    def _key(vote: Any) -> tuple[type, int, int, bytes]:  # noqa: ANN401 - votes of any protocol
        return type(vote), vote.view, vote.sequence, vote.digest

    # Receivers.

    def open_of(self, index: int) -> list[int]:
        """The ballots on which a replica may have credit: always the same list."""
        return self._open[index]

    def _may(self, index: int) -> bool:
        """Whether votes of a node may go unread now."""
        replica = self.replicas[index]
        return replica is not None and replica.node.steady and index not in self.faulty

    def _give(self, index: int, row: int, credit: int) -> None:
        self.share.credit[row * self._n + index] = credit
        rows = self._open[index]
        if row not in rows:
            rows.append(row)

    def renew(self, index: int, event: Input) -> None:
        """A replica was told of something that puts nothing out: if a vote, only its own ballot has changed."""
        row = self._rows.get(self._key(event)) if type(event) in self._kinds else None
        if row is None:
            self.renew_all(index)
        elif self._may(index):
            self._give(index, row, self._credit(index, row))

    def renew_all(self, index: int) -> None:
        """Something else has happened to a replica: another number of votes may go unread now."""
        if not self._may(index):
            self.recall(index)
            return
        credit = self.share.credit
        for row in self._open[index]:
            credit[row * self._n + index] = self._credit(index, row)

    def _credit(self, index: int, row: int) -> int:
        replica, vote = self.replicas[index], self._votes[row]
        return 0 if replica is None or vote is None else replica.counting.credit(vote)

    def read(self, index: int) -> None:
        """Let a replica know what came unread."""
        replica = self.replicas[index]
        if replica is None:
            return
        senders, words = self.share.senders, self.share.words
        for row in self._open[index]:
            first, mask = (row * self._n + index) * words, 0
            for word in range(words):
                bits = senders[first + word]
                if bits:
                    mask |= bits << 64 * word
                    senders[first + word] = 0
            vote = self._votes[row]
            if mask and vote is not None:
                replica.counting.count_unread(vote, mask)

    def recall(self, index: int) -> None:
        """A replica has to be told of everything again, and knows of everything so far."""
        rows = self._open[index]
        if rows:
            self.read(index)
            credit = self.share.credit
            for row in rows:
                credit[row * self._n + index] = 0
            rows.clear()


class CountedReplica:
    """A replica that is not told of every vote; to its host it is the one that it wraps.

    Args:
        counting: the protocol's own.
        node: its host.
        ballots: of its chain.
    """

    def __init__(self, counting: Counting, node: CountedNode, ballots: Ballots) -> None:
        self.counting = counting
        self.node = node
        self._index = node.index
        self._ballots = ballots
        self._open = ballots.open_of(node.index)
        self.can_propose = counting.can_propose
        self.must_propose = counting.must_propose
        self.outstanding = counting.outstanding

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """As `Replica.step`, and whatever was not read is read first."""
        ballots, index = self._ballots, self._index
        if self._open:
            ballots.read(index)
        outputs = self.counting.step(event, now)
        if outputs:
            ballots.renew_all(index)
        else:
            ballots.renew(index, event)
        return outputs

    @property
    def view(self) -> int:
        """As `Replica.view`."""
        return self.counting.view

    @property
    def leader(self) -> int:
        """As `Replica.leader`."""
        return self.counting.leader

    @property
    def active(self) -> bool:
        """As `Replica.active`."""
        return self.counting.active

    @property
    def last_executed(self) -> int:
        """As `Replica.last_executed`."""
        return self.counting.last_executed

    @property
    def next_sequence(self) -> int:
        """As `Replica.next_sequence`."""
        return self.counting.next_sequence
