"""From streams to columns: who sends what to which node, and what is asked about afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.config import Offered, Requests
from sim.chain.verification import ABSENT, ALTERED, GENUINE
from sim.workload.arrivals import arrival_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Draws


@dataclass(frozen=True, slots=True)
class Deposits:
    """A stream of records to deposit.

    Attributes:
        id: its name.
        rate_per_s: long-run mean.
        pieces: how the rate moves over the run, from `sim.workload.curve.segments`.
        poisson: random arrivals, or a regular beat.
        size: of the signed transaction, bytes.
        history: records that are on the chain before the run.
    """

    id: str
    rate_per_s: float
    pieces: tuple[tuple[float, float], ...]
    poisson: bool
    size: Distribution
    history: int


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """A stream of records by clients of whom each waits for its record before it thinks of the next.

    Attributes:
        id: its name.
        clients: how many.
        think: from the answer to the next record, nanoseconds; before the first record too.
        backoff: from the news that a record was rejected to the next try, nanoseconds.
        size: of the signed transaction, bytes.
        history: records that are on the chain before the run.
        begin_ns: when clients come.
        end_ns: when they begin no further records.
    """

    id: str
    clients: int
    think: Distribution
    backoff: Distribution
    size: Distribution
    history: int
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Checks:
    """A stream of verification requests about the records of the stream `of`.

    Attributes:
        absent: the share that presents a deposit number that was never given out.
        altered: the share that presents a record changed after it was deposited.
    """

    id: str
    of: str
    rate_per_s: float
    pieces: tuple[tuple[float, float], ...]
    poisson: bool
    absent: float
    altered: float


def offer(
    draws: Draws,
    chain: str,
    nodes: range,
    streams: Sequence[Deposits],
    closed: Sequence[ClosedLoop] = (),
    calls: Sequence[str] = (),
) -> Offered:
    """All records offered to a chain, merged in time order; clients are dealt to these nodes at random.

    Of the ``closed`` loops nothing is known beforehand but their history, and of the streams of ``calls`` nothing.
    """
    times, sizes, places = [], [], []
    for stream in streams:
        block = draws.block(chain, stream.id, "arrivals")
        arrived = arrival_times(block, stream.rate_per_s, stream.pieces, poisson=stream.poisson)
        size = stream.size.sample(draws.block(chain, stream.id, "sizes"), len(arrived))
        times.append(arrived)
        sizes.append(np.maximum(np.rint(size), 1).astype(np.int64))
        places.append(nodes.start + draws.block(chain, stream.id, "nodes").integers(len(arrived), len(nodes)))
    code = np.repeat(np.arange(len(streams)), [len(arrived) for arrived in times])
    number = [np.arange(len(arrived)) + stream.history for arrived, stream in zip(times, streams, strict=True)]
    order = np.argsort(_joined(times), kind="stable")
    columns = {
        "stream": _narrow(code)[order],
        "number": _narrow(_joined(number))[order],
        "intended_ns": _joined(times)[order],
        "size_bytes": _joined(sizes)[order],
        "node": _narrow(_joined(places))[order],
    }
    return Offered.beforehand(
        (*(stream.id for stream in streams), *(loop.id for loop in closed), *calls),
        (*(stream.history for stream in streams), *(loop.history for loop in closed), *(0 for _ in calls)),
        columns,
        frozenset(range(len(streams), len(streams) + len(closed) + len(calls))),
    )


def ask(draws: Draws, chain: str, nodes: range, streams: Sequence[Checks], offered: Offered) -> Requests:
    """All verification requests to a chain, merged in time order."""
    times, kinds, choices, places = [], [], [], []
    for stream in streams:
        block = draws.block(chain, stream.id, "arrivals")
        arrived = arrival_times(block, stream.rate_per_s, stream.pieces, poisson=stream.poisson)
        u = draws.block(chain, stream.id, "kinds").uniforms(len(arrived))
        kind = np.where(u < stream.absent, ABSENT, np.where(u < stream.absent + stream.altered, ALTERED, GENUINE))
        times.append(arrived)
        kinds.append(kind.astype(np.int64))
        choices.append(draws.block(chain, stream.id, "choices").uniforms(len(arrived)))
        places.append(nodes.start + draws.block(chain, stream.id, "nodes").integers(len(arrived), len(nodes)))
    counts = [len(arrived) for arrived in times]
    code = np.repeat(np.arange(len(streams)), counts)
    of = np.repeat([offered.streams.index(stream.of) for stream in streams], counts).astype(np.int64)
    order = np.argsort(_joined(times), kind="stable")
    return Requests(
        streams=tuple(stream.id for stream in streams),
        stream=code[order],
        of=of[order],
        kind=_joined(kinds)[order],
        choice=np.concatenate([np.empty(0), *choices])[order],
        intended_ns=_joined(times)[order],
        node=_joined(places)[order],
    )


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _narrow(names: NDArray[np.int64]) -> NDArray[np.signedinteger[Any]]:
    """Numbers that name something, and with which nobody calculates, in as few bytes as they need."""
    return names.astype(np.min_scalar_type(-1 - int(names.max(initial=0))))
