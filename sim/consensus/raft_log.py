"""The log of one Raft replica: what leaders appended, above what is executed and dropped (sections 5.3 and 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.consensus.raft_messages import Entry


class Log:
    """Entries after a base, which is a place in the log whose entries are dropped."""

    def __init__(self) -> None:
        self.base = 0
        self.base_term = 0
        self.entries: list[Entry] = []

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.base + len(self.entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self.entries[-1].term if self.entries else self.base_term

    def term(self, index: int) -> int:
        """The term of an entry not below the base."""
        return self.base_term if index == self.base else self.entries[index - self.base - 1].term

    def after(self, index: int, most: int) -> tuple[Entry, ...]:
        """At most so many entries after an index not below the base."""
        start = index - self.base
        return tuple(self.entries[start : start + most])

    def put(self, index: int, entry: Entry) -> None:
        """Put an entry at an index after the base; what contradicts it goes, and everything after that."""
        if index <= self.last:
            if self.term(index) == entry.term:
                return
            del self.entries[index - self.base - 1 :]
        self.entries.append(entry)

    def drop_to(self, index: int) -> None:
        """Drop entries up to this one, which is not above the last."""
        self.base_term = self.term(index)
        del self.entries[: index - self.base]
        self.base = index

    def stand_at(self, index: int, term: int) -> None:
        """The state after this place was fetched; entries after it stay if they follow it (section 7)."""
        if index <= self.base:
            return
        if index <= self.last and self.term(index) == term:
            self.drop_to(index)
        else:
            self.entries.clear()
            self.base, self.base_term = index, term
