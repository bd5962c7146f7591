"""The messages of Raft, and an input that only its replicas take. Nothing is signed: members trust each other.

Sizes follow from one fixed-width layout: a kind byte, a replica's number (4 bytes), terms and indices (8 bytes each),
digests of 32 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from sim.consensus.interface import Value

HEADER_BYTES: Final = 1 + 4 + 8 + 8
"""A kind, a sender, a term, an index."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the term in which a leader took it in."""

    term: int
    value: Value


@dataclass(frozen=True, slots=True)
class Append:
    """The leader of term ``view`` sends the ``entries`` after ``previous`` (index and term), and its commit index.

    Without entries it is a heartbeat, or tells a new commit index.
    """

    signatures: ClassVar[int] = 0
    sender: int
    view: int
    sequence: int
    previous: tuple[int, int]
    entries: tuple[Entry, ...]
    commit: int
    kind: str = "append"

    @property
    def size_bytes(self) -> int:
        """Header, place, commit index, and each value under its term."""
        return HEADER_BYTES + 24 + sum(8 + 32 + entry.value.size_bytes for entry in self.entries)

    @property
    def proposed(self) -> int:
        """The transactions of its values."""
        return sum(entry.value.count for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The log of its sender agrees with the leader's up to ``sequence``, if ``success``; else it ends there at most."""

    kind: ClassVar[str] = "acknowledge"
    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 1
    sender: int
    view: int
    sequence: int
    success: bool


@dataclass(frozen=True, slots=True)
class Ballot:
    """Its sender asks for votes in term ``view``; its log ends at ``sequence`` in ``last_term``.

    ``kind`` is pre-vote or vote; ``forced`` by a leader that hands over, so it is given in spite of that leader.
    """

    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 9
    sender: int
    view: int
    sequence: int
    last_term: int
    kind: str
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Its sender votes in term ``view``, or would; or it does not, and is in that term.

    ``sequence`` is the length of the log that it was asked with.
    """

    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 1
    sender: int
    view: int
    sequence: int
    granted: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The receiver needs entries that are dropped: it is to fetch the state after ``sequence``, of ``last_term``."""

    kind: ClassVar[str] = "snapshot"
    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 16
    sender: int
    view: int
    sequence: int
    last_term: int


@dataclass(frozen=True, slots=True)
class HandOver:
    """The leader of term ``view`` asks its receiver, whose log ends at ``sequence`` as its own does, to run now."""

    kind: ClassVar[str] = "hand-over"
    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES
    sender: int
    view: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a replica stands when all logs are alike, and everything in them is executed up to ``sequence``.

    An input beside those of the interface, for a host that lets time pass without messages; and what it starts from.

    Attributes:
        heard: when it heard from each other replica that it listens to; -1 for never.
        timers: how many election timers it has set.
        before: how long each log was known to be at the last heartbeat, at the leader.
    """

    sequence: int
    heard: tuple[int, ...]
    timers: int
    before: tuple[int, ...]
