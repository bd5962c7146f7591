"""How busy every chain is in every hour, from what a sample of the cases asks for.

A record of the sample stands for `one_in` of the country within its hour. Where many fall on one moment, two things
are told apart: at midnight periods of law end, and the country's records come at once (a *burst*); at the other edges
of the docket's buckets they are together only because the docket settles there what left a case, and count as spread
over their hour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.kernel.civil import DAY_NS, HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from sim.build.emitted import Emitted

    Cells = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Load:
    """Records of the sample by chain; all arrays are of chains in the order of ``ids``.

    Attributes:
        ids: of the chains.
        hours: (chains, hours) records that are no part of a burst.
        bursts: (chains, days) records at the midnight with which a day begins.
        size_bytes: (chains, hours) of all of them.
        streams: (chains, hours) records of the whole country that no case asks for.
        stream_bytes: (chains, hours) of these.
    """

    ids: tuple[str, ...]
    hours: Cells
    bursts: Cells
    size_bytes: Cells
    streams: Cells
    stream_bytes: Cells

    @classmethod
    def none(cls, ids: tuple[str, ...], horizon_ns: int) -> Load:
        """No load yet."""
        hours = (len(ids), horizon_ns // HOUR_NS)
        return cls(
            ids,
            np.zeros(hours, dtype=np.int64),
            np.zeros((len(ids), horizon_ns // DAY_NS), dtype=np.int64),
            *(np.zeros(hours, dtype=np.int64) for _ in range(3)),
        )

    def beside(self, streams: Cells, stream_bytes: Cells) -> Load:
        """The same with these records that no case asks for."""
        return replace(self, streams=streams, stream_bytes=stream_bytes)

    def add(self, emitted: Emitted, midnight: frozenset[str], without: Windows) -> None:
        """Count what a month's cases ask of the chains, but for what falls into some windows.

        Args:
            emitted: as chains take it.
            midnight: kinds of records that come at midnight (`sim.build.copies.of_midnight`).
            without: the windows.
        """
        for number, chain_id in enumerate(self.ids):
            rows = emitted.records.get(chain_id)
            if rows is None:
                continue
            outside = np.flatnonzero(~without.hold(rows.given.time_ns))
            time_ns, size_bytes = rows.given.time_ns[outside], rows.given.size_bytes[outside]
            burst = in_burst(time_ns, rows.given.stream[outside], rows.given.ids, midnight, emitted.crossings)
            hours = self.hours.shape[1]
            self.hours[number] += np.bincount(time_ns[~burst] // HOUR_NS, minlength=hours)[:hours]
            self.bursts[number] += np.bincount(time_ns[burst] // DAY_NS, minlength=self.bursts.shape[1])
            sizes = np.bincount(time_ns // HOUR_NS, weights=size_bytes.astype(np.float64), minlength=hours)
            self.size_bytes[number] += np.rint(sizes).astype(np.int64)[:hours]

    def rates(self, around: Windows, one_in: int) -> NDArray[np.float64]:
        """(chains, hours) records a second of the whole country, bursts apart.

        An hour of which nothing is left outside the windows has none.

        Args:
            around: windows whose records are not counted here.
            one_in: of so many records one is.
        """
        seconds = around.seconds_of_hours(self.hours.shape[1])
        left = seconds > 0
        records = self.hours * one_in + self.streams
        return np.asarray(np.where(left, records / np.where(left, seconds, 1.0), 0.0))


def in_burst(
    time_ns: Cells, stream: NDArray[np.integer[Any]], ids: Sequence[str], midnight: frozenset[str], links: Iterable[str]
) -> Mask:
    """Which records come at a midnight with all others of the country: of such kinds, or left there by packets."""
    crossing = set(links)
    kinds = np.array([name in midnight or name.partition("/")[0] in crossing for name in ids], dtype=np.bool_)
    return np.asarray((time_ns % DAY_NS == 0) & kinds[stream])


@dataclass(frozen=True, slots=True)
class Windows:
    """Spans of time, ascending and apart.

    Attributes:
        begin_ns, end_ns: of each.
    """

    begin_ns: Cells
    end_ns: Cells

    @classmethod
    def of(cls, spans: list[tuple[int, int]]) -> Windows:
        """These spans."""
        begin_ns, end_ns = np.array(spans, dtype=np.int64).reshape(-1, 2).T
        return cls(begin_ns, end_ns)

    def hold(self, time_ns: Cells) -> Mask:
        """Which of these times are in one of them."""
        if not len(self.begin_ns):
            return np.zeros(len(time_ns), dtype=np.bool_)
        place = np.searchsorted(self.begin_ns, time_ns, side="right") - 1
        return (place >= 0) & (time_ns < self.end_ns[np.maximum(place, 0)])

    def seconds_of_hours(self, hours: int) -> NDArray[np.float64]:
        """How much of each hour lies in none of them, seconds."""
        left_ns = np.full(hours, HOUR_NS, dtype=np.int64)
        for begin_ns, end_ns in zip(self.begin_ns.tolist(), self.end_ns.tolist(), strict=True):
            for hour in range(begin_ns // HOUR_NS, min(-(-end_ns // HOUR_NS), hours)):
                left_ns[hour] -= min(end_ns, (hour + 1) * HOUR_NS) - max(begin_ns, hour * HOUR_NS)
        return left_ns / 1e9
