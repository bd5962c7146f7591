"""A sample of the country's cases as the whole country: each thing that it asks for, so many times within its hour.

A run of a sample asks for one in so many of the country's records, packets and checks. What chains make of the whole
is seen when each of them is there so many times: once as it is, and as copies at other moments of the same hour, drawn
by the moment of the original, so that what a case does at one moment stays together.

Two kinds of moments are special. At midnight periods of law end, in the whole country at once: records of kinds that
come then (`of_midnight`) are not thrown but stand there all at once, and packets sent then do. At other full
minutes, where a docket's buckets end, things are together that have nothing to do with each other, so each is thrown
for itself.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from sim.casework.emissions import Asked, Deposited, Emissions, Sent
from sim.casework.keys import COPY, key_of
from sim.kernel.civil import DAY_NS, HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]
    Mask = NDArray[np.bool_]

Things = TypeVar("Things", Deposited, Sent, Asked)
MINUTE_NS: Final = HOUR_NS // 60
"""Buckets of a docket are so long, or several times."""
OFTEN: Final = 0.4
"""Share of midnights on which a kind comes that is said to come at midnight; after two days off in seven none ends."""
THROWN: Final = 6 << 20
"""Part of the keys by which copies are thrown into their hour, behind those of `sim.build.crossings`."""


def between(emissions: Emissions, begin_ns: int, end_ns: int) -> Emissions:
    """What of all this is asked for from one time to another."""

    def some(things: Things) -> Things:
        first, last = np.searchsorted(things.time_ns, [begin_ns, end_ns])
        return _rows(things, np.arange(first, last))

    return Emissions(
        deposits={chain: some(things) for chain, things in emissions.deposits.items()},
        packets={pair: some(things) for pair, things in emissions.packets.items()},
        checks={chain: some(things) for chain, things in emissions.checks.items()},
    )


def together(parts: Sequence[Emissions]) -> Emissions:
    """All of these, which follow each other in time."""
    return Emissions(
        deposits={
            chain: _joined([part.deposits[chain] for part in parts if chain in part.deposits])
            for chain in sorted({chain for part in parts for chain in part.deposits})
        },
        packets={
            pair: _joined([part.packets[pair] for part in parts if pair in part.packets])
            for pair in sorted({pair for part in parts for pair in part.packets})
        },
        checks={
            chain: _joined([part.checks[chain] for part in parts if chain in part.checks])
            for chain in sorted({chain for part in parts for chain in part.checks})
        },
    )


def of_midnight(parts: Iterable[Emissions], midnights: int) -> frozenset[str]:
    """Kinds of records that come at midnight because a period ends there, not because a bucket of the docket does.

    Buckets end all day alike; of the records of such a kind that stand on a full minute most stand on midnight. And it
    comes on many midnights: what a few cases of a sample do there says nothing of one midnight of the country.

    Args:
        parts: all of a sample.
        midnights: how many there are.
    """
    counts: dict[str, Cells] = {}
    days: dict[str, set[int]] = {}
    for part in parts:
        for things in part.deposits.values():
            edge = np.flatnonzero(things.time_ns % MINUTE_NS == 0)
            night = things.time_ns[edge] % DAY_NS == 0
            both = np.bincount(things.kind[edge] * 2 + night, minlength=2 * len(things.kinds)).reshape(-1, 2)
            for number, (kind, row) in enumerate(zip(things.kinds, both, strict=True)):
                counts[kind] = counts.get(kind, np.zeros(2, dtype=np.int64)) + row
                theirs = edge[night & (things.kind[edge] == number)]
                days.setdefault(kind, set()).update((things.time_ns[theirs] // DAY_NS).tolist())
    return frozenset(
        kind for kind, (other, night) in counts.items() if night > other and len(days[kind]) >= OFTEN * midnights
    )


def at_once(things: Deposited | Sent | Asked, midnight: frozenset[str]) -> Mask:
    """Which of these things the whole country asks for at one moment."""
    found = things.time_ns % DAY_NS == 0
    if isinstance(things, Deposited):
        kinds = np.array([kind in midnight for kind in things.kinds], dtype=np.bool_)
        found &= kinds[things.kind]
    return np.asarray(found)


def multiplied(emissions: Emissions, copies: int, midnight: frozenset[str], begin_ns: int, end_ns: int) -> Emissions:
    """What the country asks for from one time to another, as times since the first of them.

    Args:
        emissions: of a sample, all that falls into the hours from one time to the other; times count from a midnight.
        copies: of each, the original among them; one to leave it as it is.
        midnight: kinds of records of which all copies stand on midnight if the original does.
        begin_ns: from when on.
        end_ns: until when.
    """

    def many(things: Things) -> Things:
        together = at_once(things, midnight)
        row, copy, time_ns = _thrown(things.time_ns, things.key, together, copies, begin_ns, end_ns)
        key = things.key[row]
        copied = copy > 0
        key[copied] = key_of(key[copied], copy[copied], COPY)
        # In the order of time, ties by key.
        order = np.lexsort((key, time_ns))
        return replace(_rows(things, row[order]), key=key[order], time_ns=time_ns[order] - begin_ns)

    return Emissions(
        deposits={chain: many(things) for chain, things in emissions.deposits.items()},
        packets={pair: many(things) for pair, things in emissions.packets.items()},
        checks={chain: many(things) for chain, things in emissions.checks.items()},
    )


def _thrown(
    time_ns: Cells, key: Keys, fixed: Mask, copies: int, begin_ns: int, end_ns: int
) -> tuple[Cells, Cells, Cells]:
    """Rows, numbers of copies, and times of what falls between two times."""
    hour_ns = time_ns // HOUR_NS * HOUR_NS
    entity = np.where(time_ns % MINUTE_NS == 0, key, time_ns.astype(np.uint64))
    rows, numbers, times = [], [], []
    for copy in range(copies):
        thrown_ns = time_ns
        if copy:
            words = key_of(entity, np.full(len(entity), copy), THROWN)
            shift_ns = (words % np.uint64(HOUR_NS)).astype(np.int64)
            thrown_ns = np.where(fixed, time_ns, hour_ns + (time_ns - hour_ns + shift_ns) % HOUR_NS)
        inside = np.flatnonzero((thrown_ns >= begin_ns) & (thrown_ns < end_ns))
        rows.append(inside)
        numbers.append(np.full(len(inside), copy, dtype=np.int64))
        times.append(thrown_ns[inside])
    return np.concatenate(rows), np.concatenate(numbers), np.concatenate(times)


def _rows(things: Things, row: Cells) -> Things:
    """Some of these things, in this order."""
    columns: dict[str, Any] = {name: getattr(things, name)[row] for name in _columns(things)}
    return replace(things, **columns)


def _columns(things: Things) -> list[str]:
    return [field.name for field in fields(things) if isinstance(getattr(things, field.name), np.ndarray)]


def _joined(parts: Sequence[Things]) -> Things:
    """These one behind the other, their kinds numbered anew."""
    kinds = tuple(sorted({kind for part in parts for kind in part.kinds}))
    first = parts[0]
    number = "of" if isinstance(first, Asked) else "kind"
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _columns(first)
    }
    columns[number] = np.concatenate(
        [np.array([kinds.index(kind) for kind in part.kinds], dtype=np.int64)[getattr(part, number)] for part in parts]
    )
    return replace(first, kinds=kinds, **columns)
