"""What a timeline shows of a run: a process for every chain and link, and one each for faults and cases.

Blocks, views, pools, packets, steps of cases and faults come out of the run's tables; messages and what CPUs do out of
what was seen while the run was repeated (`sim.study.retrace`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.kernel.engine import SECOND
from sim.network.transport import NEVER
from sim.report.perfetto import Timeline
from sim.report.perfetto_cases import draw_cases
from sim.report.wording import counted
from sim.scenario.schedule import link_schedule
from sim.scenario.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.chain.watched import ChainWatch
    from sim.network.watched import Sending
    from sim.study.retrace import Computed, Retraced

_BINS = 50
"""Rates are counted in so many parts of the window."""
_MARKS = (
    "intended",
    "sent",
    "relayed",
    "polled",
    "submitted",
    "updated",
    "prepared",
    "received",
    "committed",
    "acknowledged",
    "timed_out",
    "cancelled",
    "reversed",
    "repair",
)
"""What can happen to a packet, as columns of its table without ``_ns``."""


@dataclass(slots=True)
class Shown:
    """How much of what a timeline shows.

    Attributes:
        messages: received in the window. work: pieces of CPU work besides.
        blocks, views, packets, faults, cases: likewise.
        cases_left_out: did something in the window too, and are not shown.
        notes: what its reader must know.
    """

    messages: int = 0
    work: int = 0
    blocks: int = 0
    views: int = 0
    packets: int = 0
    faults: int = 0
    cases: int = 0
    cases_left_out: int = 0
    notes: list[str] = field(default_factory=list)


def draw(found: Retraced) -> tuple[Timeline, Shown]:
    """The timeline of a window of a run, and how much of what is in it."""
    timeline, shown = Timeline(found.from_ns, found.until_ns), Shown()
    for chain_id in found.run.scenario.chains:
        _Chain(timeline, shown, found, chain_id).draw()
    for link_id in found.run.scenario.links:
        _draw_packets(timeline, shown, found, link_id)
    _draw_faults(timeline, shown, found)
    shown.cases, shown.cases_left_out = draw_cases(timeline, found.run, found.ahead_ns)
    if found.ahead_ns:
        shown.notes.append(
            "times are those of the chains, which run in windows only; "
            f"the scenario's are {show_duration(found.ahead_ns)} later"
        )
    if shown.cases_left_out:
        shown.notes.append(f"{shown.cases_left_out:,} more cases did something in the window and are left out")
    return timeline, shown


class _Chain:
    """The tracks of one chain."""

    def __init__(self, timeline: Timeline, shown: Shown, found: Retraced, chain_id: str) -> None:
        self._timeline, self._shown, self._found, self._id = timeline, shown, found, chain_id
        spec = found.run.scenario.chains[chain_id]
        self._validators = spec.validators
        note = f"{spec.consensus.protocol}, {spec.validators} validators"
        self._process = timeline.process(f"chain {chain_id}", note)

    def draw(self) -> None:
        """All of them."""
        computed = self._found.computed.get(self._id, ())
        self._draw_views()
        self._draw_blocks()
        if computed:
            self._draw_computed(computed)
        self._draw_counters()
        self._draw_nodes(self._found.watch.chains[self._id])

    def _rows(self, table: str) -> list[dict[str, Any]]:
        return self._found.run.scan(table, self._id).collect().rows(named=True)

    def _draw_views(self) -> None:
        """A slice for each view, from when the first node enters it until the first one enters the next."""
        entered: dict[int, tuple[int, int]] = {}
        for row in self._rows("views"):
            at_ns, _ = entered.get(row["view"], (NEVER, 0))
            if row["time_ns"] < at_ns:
                entered[row["view"]] = row["time_ns"], row["leader"]
        if not entered or min(at_ns for at_ns, _ in entered.values()) > 0:
            first = self._found.run.scan("commits", self._id).head(1).collect().rows(named=True)
            if first and first[0]["view"] not in entered:
                entered[first[0]["view"]] = 0, first[0]["leader"]
        track = self._timeline.track(self._process, "view and leader")
        begun = sorted((at_ns, view, leader) for view, (at_ns, leader) in entered.items())
        for (at_ns, view, leader), (end_ns, _, _) in pairwise([*begun, (NEVER, 0, 0)]):
            name = f"view {view}, node {leader} leads"
            if at_ns < end_ns:
                self._shown.views += self._timeline.slice(track, name, at_ns, end_ns, {"view": view, "leader": leader})

    def _draw_blocks(self) -> None:
        """A slice for each block, from when it is cut until the first node has executed it."""
        rows = [row for row in self._rows("commits") if row["cut_ns"] >= 0 and self._touches(row)]
        rows.sort(key=lambda row: row["cut_ns"])
        tracks = self._timeline.lanes(self._process, "blocks", [(row["cut_ns"], row["executed_ns"]) for row in rows])
        for row, track in zip(rows, tracks, strict=True):
            said = {key: row[key] for key in ("transactions", "size_bytes", "view", "leader")}
            name = f"block {row['height']}"
            drawn = self._timeline.slice(track, name, row["cut_ns"], row["executed_ns"], said)
            self._shown.blocks += drawn
            if row["cut_ns"] < row["proposed_ns"] <= row["decided_ns"] < row["executed_ns"]:
                ends = (row["cut_ns"], row["proposed_ns"], row["decided_ns"], row["executed_ns"])
                for stage, span in zip(("propose", "agree", "execute"), pairwise(ends), strict=True):
                    if span[0] < span[1]:
                        self._timeline.slice(track, stage, *span, depth=1)

    def _touches(self, row: dict[str, Any]) -> bool:
        return bool(row["cut_ns"] < self._found.until_ns and row["executed_ns"] >= self._found.from_ns)

    def _draw_computed(self, computed: tuple[Computed, ...]) -> None:
        """What was computed as a whole, and how its messages, if they are shown, agree with that."""
        times = {row["height"]: (row["cut_ns"], row["executed_ns"]) for row in self._rows("commits")}
        computed = tuple(sorted(computed, key=lambda each: times[each.height]))
        tracks = self._timeline.lanes(self._process, "computed heights", [times[each.height] for each in computed])
        for each, track in zip(computed, tracks, strict=True):
            told = "none: computed as a whole"
            if each.delivered:
                told = "delivered anew, same times" if each.exact else "delivered anew, other times"
            said: dict[str, int | str] = {"messages": told, "executed_later_ns": each.off_ns}
            self._timeline.slice(track, f"computed {each.height}", *times[each.height], said)
        exact = sum(each.exact for each in computed)
        silent = sum(not each.delivered for each in computed)
        heights = counted(len(computed), "height")
        note = f"chain {self._id}: the run computed {heights} of the window as a whole"
        if exact == len(computed):
            note += "; their messages, delivered for this timeline, lead to the same times"
        else:
            delivered = len(computed) - silent
            furthest_ns = max((abs(each.off_ns) for each in computed), default=0)
            note += f"; {silent} have no messages" if silent else ""
            if delivered > exact:
                note += f"; delivered, {delivered - exact} are off by up to {furthest_ns / SECOND:.3g} s"
        self._shown.notes.append(note)

    def _draw_counters(self) -> None:
        """How many records wait, and how many are offered and committed each second."""
        columns = ("intended_ns", "queued_ns", "cut_ns", "executed_ns")
        frame = self._found.run.scan("transactions", self._id).select(columns).collect()
        times = {name: frame[name].to_numpy() for name in columns}
        begin_ns, end_ns = self._found.from_ns, self._found.until_ns
        pool = self._timeline.counter(self._process, "waiting in the pool", "records")
        queued_ns, cut_ns = (times[name][times["queued_ns"] >= 0] for name in ("queued_ns", "cut_ns"))
        left_ns = cut_ns[cut_ns >= 0]
        waiting = int(np.count_nonzero(queued_ns < begin_ns)) - int(np.count_nonzero(left_ns < begin_ns))
        self._timeline.count(pool, begin_ns, waiting)
        changes = [*((int(t), 1) for t in queued_ns), *((int(t), -1) for t in left_ns)]
        sums: dict[int, int] = {}
        for at_ns, change in changes:
            if begin_ns <= at_ns < end_ns:
                sums[at_ns] = sums.get(at_ns, 0) + change
        for at_ns, change in sorted(sums.items()):
            waiting += change
            self._timeline.count(pool, at_ns, waiting)
        edges = np.linspace(begin_ns, end_ns, _BINS + 1).astype(np.int64)
        for name, column in (("offered", "intended_ns"), ("committed", "executed_ns")):
            track = self._timeline.counter(self._process, name, "records/s")
            counts, _ = np.histogram(times[column], bins=edges)
            for at_ns, count, width_ns in zip(edges[:-1], counts, np.diff(edges), strict=True):
                self._timeline.count(track, int(at_ns), float(count) * SECOND / max(1, int(width_ns)))

    def _draw_nodes(self, seen: ChainWatch) -> None:
        """For each node what its CPU does, and messages as arrows from node to node."""
        timeline = self._timeline
        busy = {arrival.receiver for arrival in seen.post.arrivals} | {work.node for work in seen.work}
        busy |= {sending.sender for sending in seen.post.sendings}
        tracks: dict[int, list[int]] = {}
        for node in sorted(busy):
            role = "validator" if node < self._validators else "observer"
            name = f"{role} {node}, {seen.regions[node]}"
            tracks[node] = [timeline.thread(self._process, name)]
            tracks[node] += [timeline.thread(self._process, f"{name}: core {core}") for core in range(1, seen.cores)]
        sent: dict[int, list[int]] = {id(sending): [] for sending in seen.post.sendings}
        for arrival in seen.post.arrivals:
            sending = arrival.sending
            flows = [timeline.flow()] if id(sending) in sent else []
            served = arrival.done_ns > arrival.begun_ns >= 0 and arrival.begun_ns < timeline.until_ns
            begin_ns, end_ns = (arrival.begun_ns, arrival.done_ns) if served else (arrival.received_ns,) * 2
            said = {**_said(sending), "way_ns": arrival.received_ns - sending.sent_ns}
            said["waited_ns"] = begin_ns - arrival.received_ns
            name = sending.address[0] if arrival.taken else f"{sending.address[0]}, not taken"
            timeline.slice(tracks[arrival.receiver][0], name, begin_ns, end_ns, said, ends=flows)
            self._shown.messages += arrival.taken
            if flows:
                sent[id(sending)].extend(flows)
        for sending in seen.post.sendings:
            said = {**_said(sending), "copies": sending.copies, "lost": sending.lost}
            name = f"send {sending.address[0]}"
            timeline.instant(tracks[sending.sender][0], name, sending.sent_ns, said, starts=sent[id(sending)])
        for work in seen.work:
            taking = seen.cores == 1 and work.what.startswith("take ")
            if not taking:
                place = tracks[work.node][work.core]
                self._shown.work += timeline.slice(place, work.what, work.begun_ns, work.done_ns)


def _said(sending: Sending) -> dict[str, int | str]:
    _, view, sequence, *_ = sending.address
    return {"from": sending.sender, "view": view, "sequence": sequence, "size_bytes": sending.size_bytes}


def _draw_packets(timeline: Timeline, shown: Shown, found: Retraced, link_id: str) -> None:
    """A link: a slice for each packet from when somebody meant to send it to the last that happened to it."""
    link = found.run.scenario.links[link_id]
    way = [link.source, *([] if link.via is None else [link.via]), link.destination]
    process = timeline.process(f"link {link_id}", " to ".join(way))
    summary = found.run.summary["crosschain"].get(link_id, {})
    if summary.get("fidelity") == "record":
        timeline.track(process, "packets are records here: see the chains' blocks")
        shown.notes.append(f"link {link_id}: its packets are records on its chains (fidelity: record), not drawn apart")
        return
    import polars as pl

    rows = found.run.scan("packets").filter(pl.col("link") == link_id).collect().rows(named=True)
    spans = sorted(_spans(rows, timeline), key=lambda span: (span[0], span[1]))
    tracks = timeline.lanes(process, "packets", [span[:2] for span in spans])
    for (begin_ns, end_ns, row, marks), track in zip(spans, tracks, strict=True):
        number = f"packet {row['sequence']}" if row["sequence"] >= 0 else "packet, never sent"
        said = {"amount": row["amount"], "outcome": row["outcome"]}
        shown.packets += timeline.slice(track, f"{number}: {row['outcome']}", begin_ns, end_ns, said)
        for (at_ns, _), (next_ns, mark) in pairwise(marks):
            if at_ns < next_ns:
                timeline.slice(track, f"until {mark.replace('_', ' ')}", at_ns, next_ns, depth=1)


def _spans(
    rows: list[dict[str, Any]], timeline: Timeline
) -> Iterator[tuple[int, int, dict[str, Any], list[tuple[int, str]]]]:
    """Of each packet in the window its beginning, its end, its row, and what happened to it in the order of time."""
    for row in rows:
        marks = sorted((row[f"{mark}_ns"], mark) for mark in _MARKS if row[f"{mark}_ns"] >= 0)
        if not marks:
            continue
        begin_ns, end_ns = marks[0][0], marks[-1][0]
        if row["outcome"] in {"unfinished", "stuck"}:
            end_ns = NEVER
        if begin_ns < timeline.until_ns and end_ns >= timeline.from_ns:
            yield begin_ns, end_ns, row, marks


def _draw_faults(timeline: Timeline, shown: Shown, found: Retraced) -> None:
    """What went wrong: a slice from its beginning to its end, an instant for what a node notices."""
    scenario = found.run.scenario
    drawn: dict[str, list[tuple[int, int, str]]] = {}
    begun: dict[tuple[str, int, str], list[int]] = {}
    for row in found.run.scan("faults").collect().rows(named=True):
        chain, node, event, at_ns = row["chain"], row["node"], row["event"], row["time_ns"]
        began = "crash" if event == "restart" else event.removesuffix(" ends")
        whose = f" of node {node}" if node >= 0 else ""
        open_ns = begun.setdefault((chain, node, began), [])
        if began != event:
            if open_ns:
                drawn.setdefault(chain, []).append((open_ns.pop(), at_ns, f"{began}{whose}"))
        elif ": " in event:
            drawn.setdefault(chain, []).append((at_ns, at_ns, f"{event}{whose}"))
        else:
            open_ns.append(at_ns)
    for (chain, node, began), open_ns in begun.items():
        whose = f" of node {node}" if node >= 0 else ""
        drawn.setdefault(chain, []).extend((at_ns, NEVER, f"{began}{whose}") for at_ns in open_ns)
    for fault in link_schedule(scenario):
        whom = ", ".join(map(str, fault.whom))
        at_ns = fault.at_ns - found.ahead_ns
        span = (at_ns, NEVER if fault.for_ns is None else at_ns + fault.for_ns)
        drawn.setdefault(fault.link, []).append((*span, f"{fault.kind} {whom}".strip()))
    if not drawn:
        return
    process = timeline.process("faults")
    for place, spans in drawn.items():
        within = sorted(span for span in spans if span[0] < timeline.until_ns and span[1] >= timeline.from_ns)
        tracks = timeline.lanes(process, place, [span[:2] for span in within])
        for (begin_ns, end_ns, name), track in zip(within, tracks, strict=True):
            shown.faults += timeline.slice(track, name, begin_ns, end_ns, {"since_ns": begin_ns})
