"""Streams whose times are given: what somebody else has worked out that is sent to a chain, or asked of it.

A rate makes up its arrivals (`sim.workload.streams`); here each has been decided already, with its node and its size,
and all streams of one chain lie in the same columns, in the order of time. That is how casework reaches the chains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.config import Looks

    Cells = NDArray[np.int64]
    Names = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Given:
    """Records for one chain, in the order of time; arrays have shape (records,).

    Attributes:
        ids: the streams' names.
        history: of each stream, records that are on the chain before the run.
        stream: position in `ids`.
        time_ns: when each is sent, ascending.
        way_ns: what the way to its node takes beyond that within the node's region.
        size_bytes: as a signed transaction, at least 1.
        node: the node that its client talks to.
    """

    ids: tuple[str, ...]
    history: tuple[int, ...]
    stream: Names
    time_ns: Cells
    way_ns: Cells
    size_bytes: Cells
    node: Names

    def __post_init__(self) -> None:
        """Raise ValueError where the columns do not fit together."""
        columns = (self.stream, self.time_ns, self.way_ns, self.size_bytes, self.node)
        if len({len(column) for column in columns}) != 1:
            raise ValueError("given records have columns of different lengths")
        if (np.diff(self.time_ns) < 0).any():
            raise ValueError("given records are not in the order of time")

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def number(self) -> Cells:
        """Each record's number within its stream, behind the stream's history."""
        order = np.argsort(self.stream, kind="stable")
        counts = np.bincount(self.stream, minlength=len(self.ids))
        first = np.cumsum(counts) - counts - np.array(self.history, dtype=np.int64)
        numbers = np.empty(len(self), dtype=np.int64)
        numbers[order] = np.arange(len(self)) - np.repeat(first, counts)
        return numbers


@dataclass(frozen=True, slots=True)
class GivenChecks:
    """Verification requests to one chain, in the order of time; arrays have shape (requests,).

    Attributes:
        ids: names of the deposit streams that are asked about; the requests about one are a stream of the same name.
        of: position in `ids`.
        time_ns: when each reaches the region of its node, ascending.
        kind: `sim.chain.verification.GENUINE`, ABSENT or ALTERED.
        choice: in [0, 1), which of the records deposited before it is meant.
        node: the node that answers.
        looks: how each looks at the log; None for as usual.
    """

    ids: tuple[str, ...]
    of: Cells
    time_ns: Cells
    kind: Cells
    choice: NDArray[np.float64]
    node: Cells
    looks: Looks | None = None

    def __post_init__(self) -> None:
        """Raise ValueError where the columns do not fit together."""
        if len({len(column) for column in (self.of, self.time_ns, self.kind, self.choice, self.node)}) != 1:
            raise ValueError("given requests have columns of different lengths")
        if (np.diff(self.time_ns) < 0).any():
            raise ValueError("given requests are not in the order of time")

    def __len__(self) -> int:
        return len(self.time_ns)
