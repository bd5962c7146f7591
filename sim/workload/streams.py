"""From streams to columns: who sends what to which node, and what is asked about afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.config import Looks, Offered, Requests
from sim.chain.verification import ABSENT, ALTERED, GENUINE
from sim.workload.arrivals import arrival_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Draws
    from sim.workload.given import Given, GivenChecks


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
    given: Given | None = None,
) -> Offered:
    """All records offered to a chain, merged in time order; clients are dealt to these nodes at random.

    Of the ``closed`` loops nothing is known beforehand but their history, and of the streams of ``calls`` nothing. What
    is ``given`` stands behind the ``streams``, and its rows keep their order.
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
    ids, history = tuple(stream.id for stream in streams), tuple(stream.history for stream in streams)
    ways_ns: NDArray[np.int64] | None = None
    if given is not None:
        columns, ways_ns = _with_given(columns, len(ids), given)
        ids, history = (*ids, *given.ids), (*history, *given.history)
    offered = Offered.beforehand(
        (*ids, *(loop.id for loop in closed), *calls),
        (*history, *(loop.history for loop in closed), *(0 for _ in calls)),
        columns,
        frozenset(range(len(ids), len(ids) + len(closed) + len(calls))),
    )
    return offered if ways_ns is None else replace(offered, submitted_ns=offered.intended_ns + ways_ns)


def _with_given(
    columns: dict[str, NDArray[Any]], streams: int, given: Given
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """The columns of so many streams merged with those given, and what the way to its node takes for each record."""
    more: dict[str, NDArray[Any]] = {
        "stream": given.stream.astype(np.int64) + streams,
        "number": given.number,
        "intended_ns": given.time_ns,
        "size_bytes": given.size_bytes,
        "node": given.node.astype(np.int64),
    }
    more = {name: _narrow(cells) if name in {"stream", "number", "node"} else cells for name, cells in more.items()}
    if not len(columns["intended_ns"]):
        return more, given.way_ns
    times_ns = np.concatenate([columns["intended_ns"], more["intended_ns"]])
    order = np.argsort(times_ns, kind="stable")
    ways_ns = np.concatenate([np.zeros_like(columns["intended_ns"]), given.way_ns])
    merged = {name: np.concatenate([cells, more[name]])[order] for name, cells in columns.items()}
    return merged, ways_ns[order]


def ask(
    draws: Draws,
    chain: str,
    nodes: range,
    streams: Sequence[Checks],
    offered: Offered,
    given: GivenChecks | None = None,
) -> Requests:
    """All verification requests to a chain, merged in time order; what is ``given`` stands behind the ``streams``."""
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
    ids = tuple(stream.id for stream in streams)
    if given is not None:
        code = np.concatenate([code, given.of + len(ids)])
        of = np.concatenate(
            [of, np.array([offered.streams.index(name) for name in given.ids], dtype=np.int64)[given.of]]
        )
        ids = (*ids, *given.ids)
        for column, more in ((times, given.time_ns), (kinds, given.kind), (places, given.node)):
            column.append(more)
        choices.append(given.choice)
    order = np.argsort(_joined(times), kind="stable")
    looks = None
    if given is not None and given.looks is not None:
        looks = Looks.joined([Looks.usual(sum(counts)), given.looks]).of(order)
    return Requests(
        streams=ids,
        stream=code[order],
        of=of[order],
        kind=_joined(kinds)[order],
        choice=np.concatenate([np.empty(0), *choices])[order],
        intended_ns=_joined(times)[order],
        node=_joined(places)[order],
        looks=looks,
    )


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _narrow(names: NDArray[np.int64]) -> NDArray[np.signedinteger[Any]]:
    """Numbers that name something, and with which nobody calculates, in as few bytes as they need."""
    return names.astype(np.min_scalar_type(-1 - int(names.max(initial=0))))
