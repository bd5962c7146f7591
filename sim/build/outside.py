"""What is asked of chains outside the windows in which they run, and what it is taken to have come to.

Of all that casework asks for, the run gets what falls into windows, at the run's own times. The rest keeps its keys
and gets delay and answer of something that was measured where its chain was as busy (`sim.build.windows.Pools`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sim.build.emitted import Outside, Packets, Requests, Rows
from sim.build.estimates import check_ns, crossing_ns, record_ns
from sim.build.windows import Pools, choose
from sim.casework.definition import Answer
from sim.kernel.counters import Counters, uniforms
from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.build.emitted import Emitted
    from sim.build.windows import Windows
    from sim.crosschain.actors.sender import Traffic
    from sim.kernel.draws import Draws
    from sim.scenario import Scenario

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]
    Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Part:
    """Things of one kind with what became of them; arrays have shape (things,).

    Attributes:
        key: of each.
        delay_ns: what each took.
        answer: what it ended with.
    """

    key: Keys
    delay_ns: Cells
    answer: Codes


def narrow(scenario: Scenario, draws: Draws, emitted: Emitted) -> Emitted:
    """What of all this the chains run through: the same, or what falls into windows, where a scenario has some."""
    windows = choose(scenario, {chain_id: rows.given.time_ns for chain_id, rows in emitted.records.items()})
    if windows is None:
        return emitted
    counters = Counters(draws, "outside of windows")
    records, requests, packets = {}, {}, {}
    outside, unasked, unsent = {}, {}, {}
    deposit_ns, answer_ns = record_ns(scenario), check_ns(scenario)

    def left(key: Keys, time_ns: Cells, alike: Cells, idle_ns: tuple[int, ...]) -> Outside:
        zeros = np.zeros(len(key), dtype=np.int64)
        return Outside(key, time_ns, alike, uniforms(counters.words(zeros, key, 0)[:, 0]), idle_ns)

    for chain_id, rows in emitted.records.items():
        there = windows.of(rows.given.time_ns) >= 0
        records[chain_id] = _rows(rows, there, windows)
        of_stream = rows.given.stream[~there].astype(np.int64)
        outside[chain_id] = left(rows.key[~there], rows.given.time_ns[~there], of_stream, (deposit_ns[chain_id],))
    for chain_id, asked in emitted.requests.items():
        there = windows.of(asked.given.time_ns) >= 0
        requests[chain_id] = _requests(asked, there, windows)
        kind = asked.given.kind[~there]
        unasked[chain_id] = left(asked.key[~there], asked.time_ns[~there], kind, (answer_ns[chain_id],))
    for link_id, sent in emitted.packets.items():
        there = windows.of(sent.traffic.times_ns) >= 0
        packets[link_id] = Packets(_some(sent.traffic, there, windows), sent.key[there], sent.time_ns[there])
        same = np.zeros(int(np.count_nonzero(~there)), dtype=np.int64)
        unsent[link_id] = left(sent.key[~there], sent.time_ns[~there], same, crossing_ns(scenario, link_id))
    return replace(
        emitted,
        records=records,
        requests=requests,
        packets=packets,
        windows=windows,
        outside=outside,
        unasked=unasked,
        unsent=unsent,
    )


def _rows(rows: Rows, there: NDArray[np.bool_], windows: Windows) -> Rows:
    given = rows.given
    inside = replace(
        given,
        stream=given.stream[there],
        time_ns=windows.to_run(given.time_ns[there]),
        way_ns=given.way_ns[there],
        size_bytes=given.size_bytes[there],
        node=given.node[there],
    )
    return Rows(inside, rows.key[there])


def _requests(asked: Requests, there: NDArray[np.bool_], windows: Windows) -> Requests:
    given = asked.given
    inside = replace(
        given,
        of=given.of[there],
        time_ns=windows.to_run(given.time_ns[there]),
        kind=given.kind[there],
        choice=given.choice[there],
        node=given.node[there],
        looks=None if given.looks is None else given.looks.of(np.flatnonzero(there)),
    )
    return Requests(inside, asked.key[there], asked.time_ns[there], asked.back_ns[there])


def _some(traffic: Traffic, there: NDArray[np.bool_], windows: Windows) -> Traffic:
    return replace(
        traffic,
        times_ns=windows.to_run(traffic.times_ns[there]),
        size_bytes=traffic.size_bytes[there],
        node=traffic.node[there],
        payer=traffic.payer[there],
        payee=traffic.payee[there],
        preimages=[traffic.preimages[k] for k in np.flatnonzero(there).tolist()],
        irreversible=traffic.irreversible[there],
    )


def drawn_records(windows: Windows, inside: Part, sent_ns: Cells, outside: Outside) -> Part:
    """What records outside the windows of a chain are taken to have come to.

    Args:
        windows: where the chain ran.
        inside: what was measured.
        sent_ns: when each of these was sent.
        outside: the others.
    """
    slots = -(-windows.horizon_ns // windows.slot_ns)
    slot = outside.time_ns // windows.slot_ns
    together = np.bincount(slot, minlength=slots) + np.bincount(sent_ns // windows.slot_ns, minlength=slots)
    load = (together * SECOND / windows.slot_ns)[slot]
    pools = Pools.of(windows, sent_ns, inside.delay_ns, inside.answer != Answer.NO_ANSWER)
    row = pools.drawn(outside.time_ns, load, outside.chance)
    done = np.full(len(row), Answer.DONE, dtype=np.int8)
    return _taken(windows, inside, row, outside, outside.idle_ns[0], done)


def drawn_alike(
    windows: Windows, inside: Sequence[Part], like: Cells, outside: Outside, usual: Codes
) -> tuple[Part, ...]:
    """What checks or packets outside the windows are taken to have come to: as one inside that is like them.

    Args:
        windows: where chains ran.
        inside: what was measured of the same things in the same order: when delivered and, if ever, when known.
        like: what each of these has that those outside must have alike.
        outside: the others.
        usual: the answer where nothing like it was measured, by what they have alike.
    """
    row = np.full(len(outside.key), -1, dtype=np.int64)
    for alike in np.unique(outside.alike).tolist():
        able = np.flatnonzero((like == alike) & (inside[0].answer != Answer.NO_ANSWER))
        able = able[np.argsort(inside[0].delay_ns[able], kind="stable")]
        here = np.flatnonzero(outside.alike == alike)
        if len(able):
            row[here] = able[(outside.chance[here] * len(able)).astype(np.int64)]
    answer = usual[outside.alike]
    return tuple(
        _taken(windows, part, row, outside, idle_ns, answer)
        for part, idle_ns in zip(inside, outside.idle_ns, strict=False)
    )


def _taken(windows: Windows, inside: Part, row: Cells, outside: Outside, idle_ns: int, answer: Codes) -> Part:
    """The delays and answers of these rows; of none, what is usual. What would end after the horizon never does."""
    delay_ns, found = np.full(len(row), idle_ns), answer.copy()
    known = row >= 0
    delay_ns[known], found[known] = inside.delay_ns[row[known]], inside.answer[row[known]]
    left_ns = windows.horizon_ns - outside.time_ns
    found[delay_ns >= left_ns] = Answer.NO_ANSWER
    return Part(outside.key, np.minimum(delay_ns, left_ns), found)
