"""What the chains did with what casework asked of them: from the tables of a finished run back to the keys that asked.

Of a message that waits for an acknowledgement both are told: when it was delivered under its key, and when its sender
knew under `acknowledged(key)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from sim.build.outside import Part, drawn_alike, drawn_records
from sim.casework.definition import Answer
from sim.casework.emissions import Measured
from sim.casework.keys import ACKNOWLEDGED
from sim.chain.blocks import NOT_YET
from sim.chain.outcome import COMMITTED, INVALID, REFUSED
from sim.chain.verification import MISMATCH, NOT_FOUND, PASS
from sim.crosschain.books import EFFECT
from sim.crosschain.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sim.build.alliance import Alliance
    from sim.build.crossings import Crossing
    from sim.build.emitted import Packets, Requests, Rows
    from sim.build.windows import Windows
    from sim.chain.chain import Chain
    from sim.crosschain.books import Trip
    from sim.crosschain.link import Link
    from sim.crosschain.recorded import Travels

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]

_ANSWERS: Final = {PASS: Answer.PASS, NOT_FOUND: Answer.NOT_FOUND, MISMATCH: Answer.MISMATCH}
"""What a verification's outcome is to a case; a proof that proves nothing, and none by the end, are no answer."""


def acknowledged(key: Keys) -> Keys:
    """The keys of what senders know of their messages, from those of the messages."""
    keys: Keys = key ^ np.uint64(ACKNOWLEDGED)
    return keys


def measure(alliance: Alliance) -> Measured:
    """What became of everything that was emitted, after `Alliance.finish`.

    A record counts from when it was sent to when the node that its sender talks to has executed it; one for which the
    pool has no room to when the sender is told. A check counts to when the answer is back in the province. What never
    happened takes the rest of the run and has no answer. What falls into no window in which chains ran is taken to have
    fared as something that does (`sim.build.outside`).
    """
    emitted, parts = alliance.emitted, []
    for chain_id in emitted.records:
        parts += _all_records(alliance, chain_id)
    for chain_id in emitted.requests:
        parts += _all_requests(alliance, chain_id)
    for link_id in emitted.packets:
        parts += _all_messages(alliance, link_id)
    measured = merged(parts)
    if not emitted.crossings:
        return measured
    # Records of packets are measured already; what became of the packets follows from these.
    end_ns = _end_ns(alliance)
    crossed = [part for crossing in emitted.crossings.values() for part in _crossed(crossing, measured, end_ns)]
    return merged([Part(measured.key, measured.delay_ns, measured.answer), *crossed])


def followed(alliance: Alliance) -> dict[str, Travels]:
    """What became of the packets of each link whose packets are records, by link, after `Alliance.finish`."""
    emitted = alliance.emitted
    if not emitted.crossings:
        return {}
    parts = []
    for chain_id, rows in emitted.records.items():
        legs = [code for code, name in enumerate(rows.given.ids) if name.partition("/")[0] in emitted.crossings]
        streams = [rows.given.stream, *([] if emitted.windows is None else [emitted.outside[chain_id].alike])]
        for part, stream in zip(_all_records(alliance, chain_id), streams, strict=True):
            mine = np.flatnonzero(np.isin(stream, legs))
            parts.append(Part(part.key[mine], part.delay_ns[mine], part.answer[mine]))
    measured = merged(parts)
    return {link_id: crossing.follow(measured) for link_id, crossing in emitted.crossings.items()}


def _end_ns(alliance: Alliance) -> int:
    """When the scenario ends, in its own time."""
    windows = alliance.emitted.windows
    return alliance.horizon_ns if windows is None else windows.horizon_ns


def _own_ns(windows: Windows | None, run_ns: Cells) -> Cells:
    """Times of the run in the scenario's own time; `NOT_YET` stays."""
    return run_ns if windows is None else np.where(run_ns == NOT_YET, NOT_YET, windows.from_run(run_ns))


def _all_records(alliance: Alliance, chain_id: str) -> list[Part]:
    """A chain's records: those that it ran through, and those outside windows."""
    emitted, windows = alliance.emitted, alliance.emitted.windows
    rows = emitted.records[chain_id]
    sent_ns = _own_ns(windows, rows.given.time_ns)
    inside = _records(alliance, chain_id, rows, sent_ns)
    if windows is None:
        return [inside]
    return [inside, drawn_records(windows, inside, sent_ns, emitted.outside[chain_id])]


def _all_requests(alliance: Alliance, chain_id: str) -> list[Part]:
    """Likewise its verification requests."""
    emitted, windows = alliance.emitted, alliance.emitted.windows
    rows = emitted.requests[chain_id]
    inside = _requests(chain_id, rows, alliance)
    if windows is None:
        return [inside]
    usual = np.array([Answer.PASS, Answer.NOT_FOUND, Answer.MISMATCH], dtype=np.int8)
    return [inside, *drawn_alike(windows, [inside], rows.given.kind, emitted.unasked[chain_id], usual)]


def _all_messages(alliance: Alliance, link_id: str) -> list[Part]:
    """Likewise the messages of a link with contracts."""
    emitted, windows = alliance.emitted, alliance.emitted.windows
    packets = emitted.packets[link_id]
    inside = list(_messages(alliance.links[link_id], packets, alliance))
    if windows is None:
        return inside
    like, done = np.zeros(len(packets.key), dtype=np.int64), np.array([Answer.DONE], dtype=np.int8)
    there, *known = drawn_alike(windows, inside, like, emitted.unsent[link_id], done)
    return [*inside, there, *(Part(acknowledged(part.key), part.delay_ns, part.answer) for part in known)]


def merged(parts: Sequence[Part]) -> Measured:
    """Keys, delays and answers of many kinds in the order of keys; of equal keys the last part and the worst answer.

    Answers are worse the higher their numbers, but for those of checks, whose keys are their own.
    """
    key = np.concatenate([np.empty(0, dtype=np.uint64), *(part.key for part in parts)])
    delay_ns = np.concatenate([np.empty(0, dtype=np.int64), *(part.delay_ns for part in parts)])
    answer = np.concatenate([np.empty(0, dtype=np.int8), *(part.answer for part in parts)])
    order = np.argsort(key, kind="stable")
    key, delay_ns, answer = key[order], delay_ns[order], answer[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, dtype=np.int64)
    if len(first) < len(key):
        key = key[first]
        delay_ns, answer = np.maximum.reduceat(delay_ns, first), np.maximum.reduceat(answer, first)
    return Measured(key, delay_ns, answer)


def _records(alliance: Alliance, chain_id: str, rows: Rows, sent_ns: Cells) -> Part:
    if not len(rows.key):
        return Part(rows.key, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int8))
    chain, end_ns = alliance.chains[chain_id], _end_ns(alliance)
    table, offered = alliance.recorder.of("transactions", chain_id), chain.offered
    here = given_rows(chain, rows)
    done_ns = np.asarray(table["executed_ns"], dtype=np.int64)[here]
    answer = np.full(len(here), Answer.NO_ANSWER, dtype=np.int8)
    outcome = table["outcome"]
    are = {name: outcome.are(name)[here] for name in (COMMITTED, REFUSED, INVALID)}  # type: ignore[union-attr]
    answer[are[COMMITTED]] = Answer.DONE
    answer[are[INVALID]] = Answer.REFUSED
    turned_away = are[REFUSED]
    if turned_away.any():
        answer[turned_away] = Answer.REFUSED
        there = here[turned_away]
        done_ns[turned_away] = offered.submitted_ns[there] + 2 * _way_ns(chain)[offered.node[there]]
    done_ns = _own_ns(alliance.emitted.windows, done_ns)
    never = (done_ns == NOT_YET) | (done_ns >= end_ns)
    answer[never] = Answer.NO_ANSWER
    return Part(rows.key, np.where(never, end_ns, done_ns) - sent_ns, answer)


def given_rows(chain: Chain, rows: Rows) -> Cells:
    """Where the given records stand among all that were offered to a chain, in their order."""
    offered = chain.offered
    if len(rows.key) == len(offered):
        return np.arange(len(offered))
    first = offered.streams.index(rows.given.ids[0])
    stream = offered.stream[: offered.known]
    return np.flatnonzero((stream >= first) & (stream < first + len(rows.given.ids)))


def _way_ns(chain: Chain) -> Cells:
    """From a client of each node to the leader that the chain has in the end, without jitter."""
    leader = chain.proposer.pool.leader
    onward_ns = np.array([row[leader].delay_ns for row in chain.network.topology.links], dtype=np.int64)
    onward_ns[leader] = 0
    return chain.access_ns + onward_ns


def _requests(chain: str, rows: Requests, alliance: Alliance) -> Part:
    table = alliance.recorder.of("verifications", chain)
    requests = alliance.verifications[chain].requests
    before = len(requests.streams) - len(rows.given.ids)
    theirs = np.flatnonzero(requests.stream >= before)
    # A row of the table names its stream and its number there.
    place = {name: code for code, name in enumerate(requests.streams) if code >= before}
    code = np.array([place.get(name, NOT_YET) for name in np.asarray(table["stream"]).tolist()], dtype=np.int64)
    mine = np.flatnonzero(code != NOT_YET)
    order = mine[np.lexsort((np.asarray(table["number"], dtype=np.int64)[mine], code[mine]))]
    by_stream = np.argsort(requests.stream[theirs], kind="stable")
    done_ns, answer = np.empty(len(theirs), dtype=np.int64), np.empty(len(theirs), dtype=np.int8)
    done_ns[by_stream] = np.asarray(table["done_ns"], dtype=np.int64)[order]
    outcomes = np.asarray(table["outcome"])[order].tolist()
    answer[by_stream] = [_ANSWERS.get(outcome, Answer.NO_ANSWER) for outcome in outcomes]
    end_ns = _end_ns(alliance)
    back_ns = _own_ns(alliance.emitted.windows, done_ns) + rows.back_ns
    never = (done_ns == NOT_YET) | (back_ns >= end_ns)
    answer[never] = Answer.NO_ANSWER
    return Part(rows.key, np.where(never, end_ns, back_ns) - rows.time_ns, answer)


def _messages(link: Link, packets: Packets, alliance: Alliance) -> Iterator[Part]:
    """When each message's packets were delivered, and when its sender knew."""
    end_ns = alliance.horizon_ns
    count = len(packets.key)
    effect = EFFECT.get(link.config.atomicity, Step.EXECUTED)
    trips = {trip.row: trip.until(end_ns) for trip in link.books.trips}
    (sender,) = (each for each in link.senders if each.traffic is packets.traffic)
    reached = np.full((2, count), end_ns, dtype=np.int64)
    answer = np.full((2, count), Answer.NO_ANSWER, dtype=np.int8)
    for k, row in enumerate(sender.rows):
        for end, (at_ns, found) in enumerate(_ends(link, trips[row], effect)):
            if found != Answer.NO_ANSWER:
                reached[end, k], answer[end, k] = at_ns, found
    own_ns = _own_ns(alliance.emitted.windows, reached)
    delay_ns = np.where(answer == Answer.NO_ANSWER, _end_ns(alliance), own_ns) - packets.time_ns
    yield Part(packets.key, delay_ns[0], answer[0])
    if link.config.answers:
        yield Part(acknowledged(packets.key), delay_ns[1], answer[1])


def _crossed(crossing: Crossing, measured: Measured, end_ns: int) -> Iterator[Part]:
    """As `_messages`, where packets are records."""
    cases, course = np.flatnonzero(crossing.from_cases), crossing.link.course
    if not len(cases):
        return
    went = crossing.follow(measured)
    key, time_ns = crossing.key[cases], crossing.time_ns[cases]
    place = np.minimum(np.searchsorted(measured.key, crossing.leg(0)[cases]), len(measured.key) - 1)
    unsent = (measured.key[place] == crossing.leg(0)[cases]) & (measured.answer[place] == Answer.REFUSED)
    for station, keys in ((course.delivered, key), (course.acknowledged, acknowledged(key))):
        if station is not None:
            late = went.timed_out[cases] & ~unsent
            done_ns = np.where(late, went.done_ns[-1, cases], went.done_ns[station, cases])
            done_ns[unsent] = time_ns[unsent] + measured.delay_ns[place[unsent]]
            answer = np.select([unsent, late], [Answer.REFUSED, Answer.TIMED_OUT], Answer.DONE).astype(np.int8)
            answer[done_ns >= end_ns] = Answer.NO_ANSWER
            yield Part(keys, np.minimum(done_ns, end_ns) - time_ns, answer)


def _ends(link: Link, trip: Trip, effect: Step) -> tuple[tuple[int, Answer], tuple[int, Answer]]:
    """When a packet was delivered and when its sender knew, each with what it ended with."""
    times_ns = trip.times_ns
    for_good = not times_ns.keys() & {Step.REVERSED, Step.REPAIR}
    if effect in times_ns and for_good:
        # An application that could not take it says so in its acknowledgement.
        answer = Answer.REFUSED if trip.failed else Answer.DONE
        known = (times_ns[Step.SETTLED], answer) if Step.SETTLED in times_ns else (0, Answer.NO_ANSWER)
        return (times_ns[effect], answer), known
    if Step.REFUNDED in times_ns:
        return ((times_ns[Step.REFUNDED], Answer.TIMED_OUT),) * 2
    refused_ns = _refused_ns(link, trip)
    return ((refused_ns, Answer.REFUSED if refused_ns else Answer.NO_ANSWER),) * 2


def _refused_ns(link: Link, trip: Trip) -> int:
    """When the source refused to send a packet, by the first of its nodes that did; 0 if it did not."""
    return link.refused_ns(trip.row) if trip.refusal is not None or link.has_no_room(trip.row) else 0
