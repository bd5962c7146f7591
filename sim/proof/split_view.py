"""Evidence of a split view: two checkpoints of one log with the same size and different roots, both signed by it.

A log that signs two trees of one size shows different histories to different readers. The two notes prove it to
anyone who has the log's key, offline and without trust in whoever brings them. As bytes, the evidence is the line
``split-view/v1``, a line with the length of the first note in decimal, and the two notes end to end, the lesser byte
string first: one pair of notes has one form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof import checkpoint as checkpoints
from sim.proof.note_errors import NotSplitView, WrongOrigin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from sim.proof.checkpoint import Checkpoint
    from sim.proof.note_key import NoteVerifier

_HEADER = re.compile(rb"split-view/v1\n([1-9][0-9]{0,6})\n")


@dataclass(frozen=True, slots=True)
class SplitView:
    """Two notes that are said to split a log's view; `verify` finds whether they do.

    Attributes:
        first: the bytes of the lesser note.
        second: the bytes of the greater note.

    Raises:
        NotSplitView: a note is not bytes, or they stand in another order.
    """

    first: bytes
    second: bytes

    def __post_init__(self) -> None:
        if type(self.first) is not bytes or type(self.second) is not bytes:
            raise NotSplitView("two notes are expected, each bytes")
        if not self.first < self.second:
            raise NotSplitView("the notes must differ, the lesser first")

    @classmethod
    def between(cls, one: Checkpoint, other: Checkpoint) -> Self | None:
        """The evidence that two parsed checkpoints give, or None where they give none."""
        if (one.origin, one.size) != (other.origin, other.size) or one.root == other.root:
            return None
        first, second = sorted((one.note, other.note))
        return cls(first, second)

    def verify(self, verifiers: Iterable[NoteVerifier], *, origin: str | None = None) -> tuple[Checkpoint, Checkpoint]:
        """Accept only if the log has signed both notes and they contradict each other.

        Args:
            verifiers: the keys of the log.
            origin: the log, as for `checkpoint.parse`.

        Returns:
            The two checkpoints.

        Raises:
            NotSplitView: the sizes differ or the roots do not.
            WrongOrigin: the notes are of two logs, or of another.
            ProofError: a note is no checkpoint that the log has signed, as `checkpoint.parse` says.
        """
        keys = tuple(verifiers)
        one = checkpoints.parse(self.first, keys, origin=origin)
        other = checkpoints.parse(self.second, keys, origin=origin)
        if one.origin != other.origin:
            raise WrongOrigin(other.origin, one.origin)
        if one.size != other.size:
            raise NotSplitView("two sizes, which a growing log may well have signed")
        if one.root == other.root:
            raise NotSplitView("one root, twice")
        return one, other

    def to_bytes(self) -> bytes:
        """The evidence as it is stored and sent: readable text, as the notes are."""
        return b"split-view/v1\n%d\n" % len(self.first) + self.first + self.second

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The evidence that these bytes, and no others, encode; it is not verified yet.

        Raises:
            NotSplitView: they encode none.
        """
        if type(data) is not bytes:
            raise NotSplitView(f"bytes expected, not {type(data).__name__}")
        header = _HEADER.match(data)
        if header is None:
            raise NotSplitView("a line split-view/v1 and a line with a length expected")
        end = header.end() + int(header[1])
        return cls(data[header.end() : end], data[end:])
