"""Running chains through one window of the year at the whole country's load, and what is kept of it.

A window is a run like any other: real hashes, real headers, heights delivered message by message where something goes
wrong. What is kept are histograms, some order statistics, and a few counts; of a window around a fault also what
became of everything that the sample itself asked for.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.build import build, measure
from sim.build.copies import multiplied
from sim.casework.definition import Answer
from sim.casework.emissions import Emissions, Measured
from sim.chain.blocks import NOT_YET
from sim.chain.invariants import InvariantViolation
from sim.chain.outcome import COMMITTED, REFUSED
from sim.kernel.engine import SECOND
from sim.metrics.histogram import Histogram
from sim.metrics.recorder import Coded
from sim.proof import merkle
from sim.study.summary import STAGES, summarise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.build.crossings import Crossing
    from sim.chain.chain import Chain
    from sim.metrics.recorder import Column
    from sim.scenario import Scenario
    from sim.scenario.fault import Fault
    from sim.scenario.stream import Stream

    Cells = NDArray[np.int64]
    Codes = NDArray[np.int8]

WHOLE: Final = "whole"
"""All stages of a record's way together."""
WARM_NS: Final = 120 * SECOND
"""Before a level is measured: packets of so long ago leave their records on the way, gateways taking up to 60 s."""
DRAIN_NS: Final = 60 * SECOND
"""After the last record: a full pool of 15,000 is empty in half of that."""
_RANKS: Final = 1024
"""Order statistics that are kept of a chain's delays."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is run, and what of it is measured; nanoseconds since the start of the year.

    Attributes:
        kind: "level", "burst" or "fault".
        begin_ns, end_ns: of what is measured.
        copies: how many times the sample is there.
    """

    kind: str
    begin_ns: int
    end_ns: int
    copies: int

    @property
    def from_ns(self) -> int:
        """When the run begins."""
        return max(0, self.begin_ns - WARM_NS) if self.kind == "level" else self.begin_ns


@dataclass(frozen=True, slots=True)
class OfChain:
    """What one chain did with what was sent to it in the measured span, or in a burst, at its first moment.

    Attributes:
        offered, committed, rejected, unfinished: records.
        seconds: in which they were sent; 0 of a burst.
        times: histograms of the whole and of each stage, of committed records; nanoseconds.
        delays_ns: `_RANKS` order statistics of the whole at most, ascending.
        size_bytes: of committed records.
        blocks: of the run, per second of it.
        result: the chain's part of an ordinary `summary.json`.
    """

    offered: int
    committed: int
    rejected: int
    unfinished: int
    seconds: float
    times: Mapping[str, Histogram]
    delays_ns: Cells
    size_bytes: int
    blocks: float
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OfLink:
    """What became of a link's packets in the measured span.

    Attributes:
        there_ns, known_ns: until the effect stood, and until the sender knew; empty where it never does.
        there, known: answers.
    """

    there_ns: Cells
    there: Codes
    known_ns: Cells
    known: Codes


@dataclass(frozen=True, slots=True)
class Ran:
    """What is kept of a window.

    Attributes:
        span: what was run.
        chains: by id.
        links: by id, those that packets crossed.
        checks: by chain and by what was presented: delays in nanoseconds, and answers.
        own: of a fault: what became of what the sample itself asked for.
        summary: of the run: events, messages, proofs, trace.
        proved: records that were proved and verified for real.
        violation: of an invariant.
    """

    span: Span
    chains: Mapping[str, OfChain]
    links: Mapping[str, OfLink]
    checks: Mapping[tuple[str, int], tuple[Cells, Codes]]
    own: Measured | None
    summary: Mapping[str, Any]
    proved: int
    violation: dict[str, Any] | None


def run(
    scenario: Scenario,
    seed: int,
    emissions: Emissions,
    midnight: frozenset[str],
    span: Span,
) -> Ran:
    """Run all chains through a window.

    Args:
        scenario: of the year.
        seed: of the replication; each window has chance of its own.
        emissions: of the sample, all of the hours that the window touches.
        midnight: kinds of records that come at midnight (`sim.build.copies.of_midnight`).
        span: the window.
    """
    asked = multiplied(emissions, span.copies, midnight, span.from_ns, span.end_ns)
    one_in = span.copies if scenario.year is None else scenario.year.one_in
    part = narrowed(scenario, span.from_ns, span.end_ns + DRAIN_NS, busier=span.copies / one_in)
    proved = 0 if scenario.year is None else scenario.year.proved
    alliance = build(part, _seed(seed, span), emissions=asked)
    violation: InvariantViolation | None = None
    try:
        alliance.engine.run(until=alliance.horizon_ns)
    except InvariantViolation as broken:
        violation = broken
    alliance.finish()
    summary = summarise(part, seed, alliance, violation)
    measured = measure(alliance)
    found = Ran(
        span=span,
        chains={chain_id: _chain(alliance, chain_id, span, summary) for chain_id in part.chains},
        links={link_id: _link(crossing, measured, span) for link_id, crossing in alliance.emitted.crossings.items()},
        checks=_checks(alliance, measured, span),
        own=_own(emissions, measured) if span.kind == "fault" else None,
        summary={name: summary[name] for name in ("events", "messages", "checked_heights", "proofs", "trace_hash")},
        proved=sum(_prove(chain, proved) for chain in alliance.chains.values()),
        violation=summary["violation"],
    )
    del alliance, asked, measured
    gc.collect()
    return found


def narrowed(scenario: Scenario, begin_ns: int, end_ns: int, busier: float = 1.0) -> Scenario:
    """The scenario from one time to another, with the faults that happen then and streams so many times as busy."""
    faults = []
    for fault in scenario.faults:
        until_ns = None if fault.duration is None else fault.at + fault.duration
        if fault.at < end_ns and (until_ns is None or until_ns > begin_ns):
            faults.append(_moved(fault, begin_ns, until_ns))
    return scenario.model_copy(
        update={
            "start": scenario.start + timedelta(microseconds=begin_ns // 1000),
            "horizon": end_ns - begin_ns,
            "faults": tuple(faults),
            "workload": {
                stream_id: _heard(stream, begin_ns, busier)
                for stream_id, stream in scenario.workload.items()
                if stream.end is None or stream.end > begin_ns
            },
            "slo": (),
        }
    )


def _moved(fault: Fault, begin_ns: int, until_ns: int | None) -> Fault:
    at_ns = max(0, fault.at - begin_ns)
    duration = None if until_ns is None else until_ns - begin_ns - at_ns
    return fault.model_copy(update={"at": at_ns, "duration": duration})


def _heard(stream: Stream, begin_ns: int, busier: float) -> Stream:
    """A stream as it is from a time on."""
    end = None if stream.end is None else stream.end - begin_ns
    rate = None if stream.rate is None else stream.rate * busier
    return stream.model_copy(update={"begin": max(0, stream.begin - begin_ns), "end": end, "rate": rate})


def _seed(seed: int, span: Span) -> int:
    """Chance of a window: by the year's seed and when and what it is."""
    mixed = (seed * 1_000_003 + span.from_ns // SECOND) * 1009 + span.copies
    return mixed % (1 << 62)


def _chain(alliance: Alliance, chain_id: str, span: Span, summary: Mapping[str, Any]) -> OfChain:
    chain = alliance.chains[chain_id]
    rows = alliance.recorder.of("transactions", chain_id)
    sent_ns = np.asarray(rows["intended_ns"], dtype=np.int64) + span.from_ns
    mine = (sent_ns >= span.begin_ns) & (sent_ns < span.end_ns)
    if span.kind == "burst":
        mine = sent_ns == span.begin_ns
    done = mine & (np.asarray(rows["executed_ns"], dtype=np.int64) != NOT_YET)
    counts = {name: int(np.count_nonzero(_are(rows["outcome"], name) & mine)) for name in (COMMITTED, REFUSED)}
    times = {}
    for name, (first, last) in {WHOLE: ("intended_ns", "executed_ns"), **STAGES}.items():
        times[name] = Histogram()
        spent_ns = np.asarray(rows[last], dtype=np.int64)[done] - np.asarray(rows[first], dtype=np.int64)[done]
        times[name].add(spent_ns)
        if name == WHOLE:
            delays_ns = np.sort(spent_ns)
    offered = int(np.count_nonzero(mine))
    result = summary["chains"][chain_id]
    return OfChain(
        offered=offered,
        committed=counts[COMMITTED],
        rejected=counts[REFUSED],
        unfinished=offered - counts[COMMITTED] - counts[REFUSED],
        seconds=0.0 if span.kind == "burst" else (span.end_ns - span.begin_ns) / SECOND,
        times=times,
        delays_ns=thinned(delays_ns),
        size_bytes=int(np.asarray(rows["size_bytes"], dtype=np.int64)[done].sum()),
        blocks=result["blocks"] * SECOND / (span.end_ns - span.from_ns),
        result=result | {"header_bytes": len(chain.ledger.blocks[0].header.to_bytes())},
    )


def _are(column: Column, text: str) -> NDArray[np.bool_]:
    """Which cells are this text; a chain without records has a list without cells."""
    return column.are(text) if isinstance(column, Coded) else np.zeros(len(column), dtype=np.bool_)


def thinned(ascending: Cells, most: int = _RANKS) -> Cells:
    """These, or so many of them at equal distances in rank: each stands for as many others."""
    if len(ascending) <= most:
        return ascending
    ranks = ((np.arange(most) * 2 + 1) * len(ascending)) // (2 * most)
    return ascending[ranks]


def _link(crossing: Crossing, measured: Measured, span: Span) -> OfLink:
    from sim.build.measured import acknowledged

    sent_ns = crossing.time_ns + span.from_ns
    mine = np.flatnonzero(crossing.from_cases & (sent_ns >= span.begin_ns) & (sent_ns < span.end_ns))
    there_ns, there = _looked_up(measured, crossing.key[mine])
    if crossing.link.course.acknowledged is None:
        return OfLink(there_ns, there, there_ns[:0], there[:0])
    known_ns, known = _looked_up(measured, acknowledged(crossing.key[mine]))
    return OfLink(there_ns, there, known_ns, known)


def _looked_up(measured: Measured, key: NDArray[np.uint64]) -> tuple[Cells, Codes]:
    place = np.searchsorted(measured.key, key)
    return measured.delay_ns[place], measured.answer[place]


def _checks(alliance: Alliance, measured: Measured, span: Span) -> dict[tuple[str, int], tuple[Cells, Codes]]:
    found = {}
    for chain_id, asked in alliance.emitted.requests.items():
        inside = asked.time_ns + span.from_ns >= span.begin_ns
        for presented in np.unique(asked.given.kind).tolist():
            delay_ns, answer = _looked_up(measured, asked.key[inside & (asked.given.kind == presented)])
            answered = answer != Answer.NO_ANSWER
            found[chain_id, presented] = (delay_ns[answered], answer[answered])
    return found


def _own(emissions: Emissions, measured: Measured) -> Measured:
    """What became of what the sample itself asked for; its delays do not end with the window."""
    from sim.build.measured import acknowledged

    keys = [things.key for things in emissions.deposits.values()]
    for sent in emissions.packets.values():
        keys += [sent.key, acknowledged(sent.key)]
    keys += [things.key for things in emissions.checks.values()]
    key = np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.uint64)
    place = np.searchsorted(measured.key, key)
    there = place < len(measured.key)
    there[there] = measured.key[place[there]] == key[there]
    # What had no answer when the window was over had one later, but nobody knows when: tables say it.
    answered = there.copy()
    answered[there] = measured.answer[place[there]] != Answer.NO_ANSWER
    return Measured(key[answered], measured.delay_ns[place[answered]], measured.answer[place[answered]])


def _prove(chain: Chain, count: int) -> int:
    """Prove so many of a chain's records, spread over its log, against its last header; returns how many there were.

    Raises:
        ProofError: a record is not where the ledger says.
    """
    ledger = chain.ledger
    size = int(ledger.blocks.log_sizes[-1])
    rows = np.flatnonzero((ledger.leaf_index >= 0) & (ledger.leaf_index < size))
    rows = thinned(rows, count) if count else rows[:0]
    header = ledger.blocks[len(ledger.blocks.log_sizes) - 1].header
    for row in rows.tolist():
        leaf = int(ledger.leaf_index[row])
        merkle.verify_inclusion(
            ledger.suite,
            leaf_hash=ledger.suite.leaf(chain.records.content(row)),
            index=leaf,
            size=header.log_size,
            proof=ledger.log.inclusion_proof(leaf, header.log_size),
            root=header.log_root,
        )
    return len(rows)
