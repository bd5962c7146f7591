"""The blocks of a chain: single ones as nodes execute them, and computed ones by the hundred, as columns.

A day of ten chains has two hundred thousand blocks, and as objects each takes more memory than its records do. So
blocks that are computed together stay in the arrays that they were computed in, and become objects when they are
looked at.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

import numpy as np

from sim.consensus.interface import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sim.proof import BlockHeader

    Cells = NDArray[np.int64]
    Digests = NDArray[np.uint8]

NOT_YET = -1

_NEVER = np.iinfo(np.int64).max
_SAID = ("leader", "view", "cut_ns", "proposed_ns", "ready_ns", "clock_error_ns")
"""What a body says besides its transactions."""
_GATHERED = 4096
"""Single blocks that become columns together."""


@dataclass(slots=True)
class Body:
    """What the leader put into a block: transactions by position and their leaf hashes; when it cut and sent them.

    ``ready_ns`` is when it could have cut them, had its protocol let it propose. ``clock_error_ns`` is how far its own
    clock was ahead of the true time when it cut them.
    """

    transactions: Cells
    leaf_hashes: list[bytes]
    leader: int
    view: int
    cut_ns: int
    proposed_ns: int = NOT_YET
    ready_ns: int = NOT_YET
    clock_error_ns: int = 0


@dataclass(slots=True)
class Block:
    """A block that some node has executed.

    Attributes:
        header: with the root of the whole log after this block.
        digest: of the header.
        value: what consensus ordered; its body is a `Body`, or None for the null value of a view change.
        transactions_before: how many were executed before this block.
        transactions: those in it, by position.
        voted_ns, executed_ns: per node, `NOT_YET` where it has not happened.
    """

    header: BlockHeader
    digest: bytes
    value: Value | None
    transactions_before: int
    transactions: Cells
    voted_ns: Cells
    executed_ns: Cells

    @property
    def first_executed_ns(self) -> int:
        """When the first node had executed it."""
        return int(self.executed_ns[self.executed_ns != NOT_YET].min())


@dataclass(frozen=True, slots=True)
class Bodies:
    """What leaders put into blocks that follow one another; shape (blocks,) but for the first.

    Attributes:
        transactions: by position, those of one block after those of another, shape (transactions,).
        counts: how many of them each block holds.
        leader, view, cut_ns, proposed_ns, ready_ns, clock_error_ns: as in `Body`.
    """

    transactions: Cells
    counts: Cells
    leader: Cells
    view: Cells
    cut_ns: Cells
    proposed_ns: Cells
    ready_ns: Cells
    clock_error_ns: Cells

    def __len__(self) -> int:
        return len(self.counts)

    @classmethod
    def of(cls, bodies: Sequence[Body]) -> Bodies:
        """Bodies one by one, without their leaf hashes."""
        rows = np.concatenate([np.empty(0, dtype=np.int64), *(body.transactions for body in bodies)])
        counts = np.array([len(body.transactions) for body in bodies], dtype=np.int64)
        columns = np.array([[getattr(body, name) for body in bodies] for name in _SAID], dtype=np.int64)
        return cls(rows, counts, *columns)


@dataclass(frozen=True, slots=True)
class Columns:
    """Blocks that follow one another, as columns; shape (blocks,) unless said otherwise.

    Attributes:
        height: of each.
        bodies: with `NOT_YET` where a block has none.
        size_bytes: of its transactions on the wire.
        log_size, log_root: of the whole log after it; the root of shape (blocks, 32).
        digest: of its header, likewise.
        voted_ns, executed_ns: per node, `NOT_YET` where it has not happened, shape (blocks, nodes).
    """

    height: Cells
    bodies: Bodies
    size_bytes: Cells
    log_size: Cells
    log_root: Digests
    digest: Digests
    voted_ns: Cells
    executed_ns: Cells

    @property
    def first_voted_ns(self) -> Cells:
        """When the first node knew that each was final."""
        return _first(self.voted_ns)

    @property
    def first_executed_ns(self) -> Cells:
        """When the first node had executed it."""
        return _first(self.executed_ns)

    def until(self, count: int) -> Columns:
        """The first so many of them."""
        if count == len(self.height):
            return self
        bodies = self.bodies
        transactions = bodies.transactions[: int(bodies.counts[:count].sum())]
        fewer = Bodies(transactions, *(getattr(bodies, name)[:count] for name in ("counts", *_SAID)))
        names = ("size_bytes", "log_size", "log_root", "digest", "voted_ns", "executed_ns")
        return Columns(self.height[:count], fewer, *(getattr(self, name)[:count] for name in names))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Blocks that were computed together.

    Attributes:
        parent, parent_digest: the header before the first of them.
        before: how many transactions were executed before them.
        columns: what the tables have of them.
        value_digest: what was voted on, shape (blocks, 32). payload_root, likewise, and time_ns: as in their headers.
    """

    parent: BlockHeader
    parent_digest: bytes
    before: int
    columns: Columns
    value_digest: Digests
    payload_root: Digests
    time_ns: Cells

    def __len__(self) -> int:
        return len(self.time_ns)

    def block(self, k: int) -> Block:
        """One of them as an object, whose times are those of the stretch, not copies."""
        columns, bodies = self.columns, self.columns.bodies
        end = int(columns.log_size[k]) - self.parent.log_size
        count = int(bodies.counts[k])
        rows = bodies.transactions[end - count : end]
        header = replace(
            self.parent,
            height=int(columns.height[k]),
            parent=columns.digest[k - 1].tobytes() if k else self.parent_digest,
            payload_root=self.payload_root[k].tobytes(),
            log_size=int(columns.log_size[k]),
            log_root=columns.log_root[k].tobytes(),
            time_ns=int(self.time_ns[k]),
        )
        body = Body(rows, [], *(int(getattr(bodies, name)[k]) for name in _SAID))
        return Block(
            header=header,
            digest=columns.digest[k].tobytes(),
            value=Value(self.value_digest[k].tobytes(), int(columns.size_bytes[k]), count, body),
            transactions_before=self.before + end - count,
            transactions=rows,
            voted_ns=columns.voted_ns[k],
            executed_ns=columns.executed_ns[k],
        )


class Blocks(Sequence[Block]):
    """All blocks of a chain by height, from its first, which nodes have from the beginning."""

    def __init__(self, genesis: Block) -> None:
        self._parts: list[Block | Stretch] = [genesis]
        self._firsts = [0]
        self._count = 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, height: int) -> Block: ...
    @overload
    def __getitem__(self, height: slice) -> list[Block]: ...
    def __getitem__(self, height: int | slice) -> Block | list[Block]:
        if isinstance(height, slice):
            return [self[k] for k in range(*height.indices(self._count))]
        if height < 0:
            height += self._count
        if not 0 <= height < self._count:
            raise IndexError(f"no block at height {height}, of {self._count}")
        place = -1 if height >= self._firsts[-1] else bisect_right(self._firsts, height) - 1
        part = self._parts[place]
        return part if isinstance(part, Block) else part.block(height - self._firsts[place])

    def __iter__(self) -> Iterator[Block]:
        for part in self._parts:
            if isinstance(part, Block):
                yield part
            else:
                yield from map(part.block, range(len(part)))

    def append(self, block: Block) -> None:
        """Put a block behind the last."""
        self._put(block, 1)

    def extend(self, stretch: Stretch) -> None:
        """Put blocks behind the last."""
        self._put(stretch, len(stretch))

    def _put(self, part: Block | Stretch, count: int) -> None:
        self._parts.append(part)
        self._firsts.append(self._count)
        self._count += count

    def log_at(self, node: int, reached: int, at_ns: int) -> tuple[int, bytes]:
        """Size and root of the log after the last block that a node at height ``reached`` had executed by a time."""

        def begun(part: Block | Stretch) -> int:
            times_ns = part.executed_ns if isinstance(part, Block) else part.columns.executed_ns[0]
            return int(times_ns[node])

        beyond = bisect_right(self._firsts, reached)
        place = bisect_right(self._parts, at_ns, hi=beyond, key=begun) - 1
        part = self._parts[place]
        if isinstance(part, Block):
            return part.header.log_size, part.header.log_root
        columns = part.columns
        k = int(columns.executed_ns[: reached - self._firsts[place] + 1, node].searchsorted(at_ns, side="right")) - 1
        return int(columns.log_size[k]), columns.log_root[k].tobytes()

    @property
    def log_sizes(self) -> Cells:
        """How many records the log has after each block."""
        sizes = (
            np.array([part.header.log_size]) if isinstance(part, Block) else part.columns.log_size
            for part in self._parts
        )
        return np.concatenate(list(sizes))

    def columns(self, before_ns: int) -> Iterator[Columns]:
        """All blocks but the first that somebody had executed before a time, in order and in pieces."""
        for piece in self._pieces():
            late = piece.first_executed_ns >= before_ns
            count = int(np.argmax(late)) if late.any() else len(late)
            if count:
                yield piece.until(count)
            if count < len(late):
                return

    def _pieces(self) -> Iterator[Columns]:
        single: list[Block] = []
        for part in self._parts[1:]:
            if isinstance(part, Block):
                single.append(part)
                if len(single) < _GATHERED:
                    continue
            if single:
                yield _columns_of(single)
                single = []
            if isinstance(part, Stretch):
                yield part.columns
        if single:
            yield _columns_of(single)


def _first(times_ns: Cells) -> Cells:
    """The earliest time in each row."""
    least: Cells = times_ns.min(axis=1)
    return least if (least != NOT_YET).all() else np.where(times_ns == NOT_YET, _NEVER, times_ns).min(axis=1)


def _columns_of(blocks: Sequence[Block]) -> Columns:
    none = Body(np.empty(0, dtype=np.int64), [], NOT_YET, NOT_YET, NOT_YET)
    bodies = [
        replace(block.value.body, transactions=block.transactions)
        if block.value and isinstance(block.value.body, Body)
        else none
        for block in blocks
    ]

    def column(cells: list[int]) -> Cells:
        return np.array(cells, dtype=np.int64)

    def digests(cells: list[bytes]) -> Digests:
        return np.frombuffer(b"".join(cells), np.uint8).reshape(len(blocks), -1)

    return Columns(
        height=column([block.header.height for block in blocks]),
        bodies=Bodies.of(bodies),
        size_bytes=column([block.value.size_bytes if block.value else 0 for block in blocks]),
        log_size=column([block.header.log_size for block in blocks]),
        log_root=digests([block.header.log_root for block in blocks]),
        digest=digests([block.digest for block in blocks]),
        voted_ns=np.array([block.voted_ns for block in blocks]),
        executed_ns=np.array([block.executed_ns for block in blocks]),
    )
