"""What became of all that a sample asked for in a month: measured around faults, and drawn from tables elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.build.measured import acknowledged, merged
from sim.build.outside import Part
from sim.casework.definition import Answer
from sim.casework.emissions import Measured
from sim.chain.verification import ABSENT, ALTERED, GENUINE
from sim.kernel.civil import DAY_NS, HOUR_NS
from sim.kernel.counters import Counters, uniforms
from sim.study.year.load import in_burst

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sim.build.emitted import Emitted, Requests
    from sim.kernel.draws import Draws
    from sim.study.year.load import Load
    from sim.study.year.table import Tables

    Cells = NDArray[np.int64]
    Codes = NDArray[np.int8]
    Floats = NDArray[np.float64]
    Keys = NDArray[np.uint64]

_RECORD, _PACKET, _CHECK = range(3)
"""Purposes of words."""
_USUAL: Final = {GENUINE: Answer.PASS, ABSENT: Answer.NOT_FOUND, ALTERED: Answer.MISMATCH}
"""What a check comes to where none like it was measured."""
_CHUNK: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Crossed:
    """What became of a link's packets in a month.

    Attributes:
        there_ns, there: delays and answers at the destination.
        known_ns, known: likewise at the sender; of a link that tells senders nothing, those at the destination.
    """

    there_ns: Cells
    there: Codes
    known_ns: Cells
    known: Codes


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of a month.

    Attributes:
        measured: of every record, packet and check that cases asked for.
        crossed: by link.
        checks: by answer, how many.
    """

    measured: Measured
    crossed: Mapping[str, Crossed]
    checks: Mapping[int, int]


class Answering:
    """Says what became of things.

    Args:
        tables: of what chains take.
        rates: (chains, hours) the country's records a second, bursts apart.
        bursts: (chains, days) the country's records at each midnight.
        load: names the chains.
        midnight: kinds of records that come at midnight.
        exact: what was measured around faults.
        draws: chance.
    """

    def __init__(
        self,
        tables: Tables,
        rates: Floats,
        bursts: Floats,
        load: Load,
        midnight: frozenset[str],
        exact: Sequence[Measured],
        draws: Draws,
    ) -> None:
        self._tables, self._rates, self._bursts, self._midnight = tables, rates, bursts, midnight
        self._place = {chain_id: number for number, chain_id in enumerate(load.ids)}
        self._exact = joined(exact)
        self._horizon_ns = rates.shape[1] * HOUR_NS
        self._counters = Counters(draws, "year's tables")

    def month(self, emitted: Emitted, check_ns: Mapping[str, int]) -> Answers:
        """What became of a month's things.

        Args:
            emitted: as chains take them.
            check_ns: what a check takes on each chain where none like it was measured.
        """
        parts: list[Part] = []
        for chain_id, rows in emitted.records.items():
            given = rows.given
            theirs = np.array([name.partition("/")[0] not in emitted.crossings for name in given.ids], dtype=np.bool_)
            mine = np.flatnonzero(theirs[given.stream])
            burst = in_burst(given.time_ns[mine], given.stream[mine], given.ids, self._midnight, emitted.crossings)
            parts.append(self._records(chain_id, rows.key[mine], given.time_ns[mine], burst))
        crossed = {}
        for link_id, crossing in emitted.crossings.items():
            mine = np.flatnonzero(crossing.from_cases)
            rate = self._rate(crossing.link.places[0], crossing.time_ns[mine])
            chance = self._chance(crossing.key[mine], _PACKET)
            key = crossing.key[mine]
            there_ns, there, known_ns, known = self._tables.links[link_id].drawn(rate, chance[:, :2])
            sent_ns = crossing.time_ns[mine]
            there_ns, there = self._corrected(key, sent_ns, there_ns, there)
            known_ns, known = self._corrected(acknowledged(key), sent_ns, known_ns, known)
            crossed[link_id] = Crossed(there_ns, there, known_ns, known)
            parts.append(Part(key, there_ns, there))
            if crossing.link.course.acknowledged is not None:
                parts.append(Part(acknowledged(key), known_ns, known))
        counts: dict[int, int] = {}
        for chain_id, asked in emitted.requests.items():
            part = self._checks(chain_id, asked, check_ns[chain_id])
            parts.append(part)
            for answer, count in zip(*np.unique(part.answer, return_counts=True), strict=True):
                counts[int(answer)] = counts.get(int(answer), 0) + int(count)
        return Answers(merged(parts), crossed, counts)

    def _records(self, chain_id: str, key: Keys, time_ns: Cells, burst: NDArray[np.bool_]) -> Part:
        delay_ns, answer = np.empty(len(key), dtype=np.int64), np.empty(len(key), dtype=np.int8)
        for begin in range(0, len(key), _CHUNK):
            here = slice(begin, begin + _CHUNK)
            chance = self._chance(key[here], _RECORD)
            levels, bursts = self._tables.levels[chain_id], self._tables.bursts[chain_id]
            delay_ns[here], answer[here] = levels.drawn(self._rate(chain_id, time_ns[here]), chance)
            at_once = np.flatnonzero(burst[here])
            if len(at_once):
                size = self._bursts[self._place[chain_id]][time_ns[here][at_once] // DAY_NS]
                delay_ns[begin + at_once], answer[begin + at_once] = bursts.drawn(size, chance[at_once])
        return Part(key, *self._corrected(key, time_ns, delay_ns, answer))

    def _checks(self, chain_id: str, asked: Requests, usual_ns: int) -> Part:
        key, presented = asked.key, asked.given.kind
        delay_ns, answer = np.full(len(key), usual_ns), np.empty(len(key), dtype=np.int8)
        chance = self._chance(key, _CHECK)
        for kind in np.unique(presented).tolist():
            mine = np.flatnonzero(presented == kind)
            known = self._tables.checks.get((chain_id, kind))
            if known is None:
                answer[mine] = _USUAL[kind]
                continue
            rank = (chance[mine, 0] * len(known[0])).astype(np.int64)
            delay_ns[mine], answer[mine] = known[0][rank], known[1][rank]
        return Part(key, *self._corrected(key, asked.time_ns, delay_ns, answer))

    def _corrected(self, key: Keys, time_ns: Cells, delay_ns: Cells, answer: Codes) -> tuple[Cells, Codes]:
        """The same, with what was measured instead where that is so; what would end after the horizon never does."""
        exact = self._exact
        place = np.minimum(np.searchsorted(exact.key, key), max(0, len(exact.key) - 1))
        if len(exact.key):
            there = exact.key[place] == key
            delay_ns, answer = delay_ns.copy(), answer.copy()
            delay_ns[there], answer[there] = exact.delay_ns[place[there]], exact.answer[place[there]]
        left_ns = self._horizon_ns - time_ns
        never = (answer == Answer.NO_ANSWER) | (delay_ns >= left_ns)
        return np.where(never, left_ns, delay_ns), np.where(never, Answer.NO_ANSWER, answer).astype(np.int8)

    def _rate(self, chain_id: str, time_ns: Cells) -> Floats:
        hours = self._rates[self._place[chain_id]]
        return np.asarray(hours[np.minimum(time_ns // HOUR_NS, len(hours) - 1)])

    def _chance(self, key: Keys, purpose: int) -> Floats:
        return uniforms(self._counters.words(np.zeros(len(key), dtype=np.int64), key, purpose)[:, :3])


def joined(parts: Sequence[Measured]) -> Measured:
    """All of these in the order of keys; of equal keys the first."""
    if not parts:
        return Measured(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int8))
    key, first = np.unique(np.concatenate([part.key for part in parts]), return_index=True)
    delay_ns, answer = (np.concatenate([getattr(part, name) for part in parts]) for name in ("delay_ns", "answer"))
    return Measured(key, delay_ns[first], answer[first])
