"""`summary.json` of a year by tables: the same keys as of any run, for the whole country, and `year` beside them."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.build.estimates import record_link
from sim.casework.definition import Answer
from sim.casework.outcome import summarise as summarise_casework
from sim.chain.invariants import AGREEMENT
from sim.kernel.civil import DAY_NS, HOUR_NS
from sim.kernel.engine import SECOND
from sim.metrics.histogram import Histogram
from sim.scenario.year import Year
from sim.study.casework import summarise_docket
from sim.study.latencies import durations
from sim.study.manifest import SCHEMA_VERSION, run_id
from sim.study.slo import evaluate
from sim.study.summary import DIVERGED, NO_PROGRESS, PASS, SLO_MISSED, STAGES, VIOLATED
from sim.study.year.chains import WHOLE
from sim.study.year.growth import Yearly, grown
from sim.study.year.overload import behind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim.scenario import Scenario
    from sim.study.year.cases import Month
    from sim.study.year.chains import OfChain, Ran
    from sim.study.year.run import Lived

    Cells = NDArray[np.int64]
    Floats = NDArray[np.float64]

_SCALED: Final = ("started", "completed", "open", "transitions", "records")


def summarise(scenario: Scenario, seed: int, lived: Lived) -> dict[str, Any]:
    """Everything that `summary.json` holds."""
    year = scenario.year or Year()
    stretches = {chain_id: Stretch(scenario, lived, chain_id) for chain_id in scenario.chains}
    chains = {chain_id: _chain(scenario, lived, stretch) for chain_id, stretch in stretches.items()}
    summary: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "scenario": scenario.name,
        "question": scenario.question,
        "seed": seed,
        "run_id": run_id(scenario, seed),
        "trace_hash": "",
        "verdict": PASS,
        "violation": lived.violation,
        "checked_heights": sum(each.summary["checked_heights"] for each in lived.ran),
        "simulated_s": scenario.horizon / SECOND,
        "events": sum(each.summary["events"] for each in lived.ran),
        "messages": sum(each.summary["messages"] for each in lived.ran),
        "chains": chains,
        "crosschain": {link_id: _link(scenario, lived, link_id, year.one_in) for link_id in _used(scenario, lived)},
        "casework": _casework(scenario, lived, year.one_in),
        "proofs": _proofs(lived, chains, year.one_in),
        "slo": [],
        "assumptions": [f"{key}: {text}" for key, text in scenario.assumptions.items()],
        "docket": summarise_docket(lived),
        "year": _year(scenario, lived, stretches, chains),
    }
    summary["trace_hash"] = _trace(lived, summary["docket"]["hash"])
    summary["slo"] = evaluate(scenario.slo, summary)
    summary["verdict"] = _verdict(summary)
    return summary


class Stretch:
    """One chain over some hours of the year: tables where nothing goes wrong, what was measured around faults.

    Args:
        scenario: of the year.
        lived: it.
        chain_id: the chain.
        month: only its hours, and what was measured from when it begins on; all if left out.
    """

    def __init__(self, scenario: Scenario, lived: Lived, chain_id: str, month: Month | None = None) -> None:
        year = scenario.year or Year()
        begin_ns, end_ns = (0, scenario.horizon) if month is None else (month.begin_ns, month.end_ns)
        hours, days = slice(begin_ns // HOUR_NS, end_ns // HOUR_NS), slice(begin_ns // DAY_NS, end_ns // DAY_NS)
        self.chain_id, self._levels, self._bursts = (
            chain_id,
            lived.tables.levels[chain_id],
            lived.tables.bursts[chain_id],
        )
        place, load = lived.load.ids.index(chain_id), lived.load
        rates = load.rates(lived.around, year.one_in)[place]
        self.rates = rates[hours]
        self.seconds = lived.around.seconds_of_hours(len(rates))[hours]
        records = (load.hours[place, hours] * year.one_in + load.streams[place, hours]).astype(np.float64)
        at_once = (load.bursts[place, days] * year.one_in).astype(np.float64)
        pool = scenario.chains[chain_id].mempool.capacity
        late = behind(rates, self._levels.capacity, pool)[hours] / (HOUR_NS / SECOND) * records
        self.weights = self._levels.weights(self.rates, records - late)
        # What comes while a chain still works on what came before takes what it takes at its limit.
        self.weights[-1] += math.fsum(late.tolist())
        self.burst_weights = self._bursts.weights(at_once, at_once)
        self.exact = [
            each.chains[chain_id]
            for each in lived.ran
            if each.span.kind == "fault" and begin_ns <= each.span.begin_ns < end_ns
        ]
        self.offered = round(records.sum() + at_once.sum()) + sum(each.offered for each in self.exact)
        lost = [self._levels.lost(self.weights), self._bursts.lost(self.burst_weights)]
        self.rejected = round(sum(rejected for rejected, _ in lost)) + sum(each.rejected for each in self.exact)
        self.unfinished = round(sum(waiting for _, waiting in lost)) + sum(each.unfinished for each in self.exact)
        self.records = self.offered - self.rejected - self.unfinished
        outside_bytes = int((load.size_bytes[place, hours] * year.one_in + load.stream_bytes[place, hours]).sum())
        self.size_bytes = outside_bytes + sum(each.size_bytes for each in self.exact)
        blocks = math.fsum((self._levels.blocks(self.rates) * self.seconds).tolist())
        self.blocks = round(blocks + sum(each.blocks * each.seconds for each in self.exact))

    def times(self, name: str = WHOLE) -> Histogram:
        """How long committed records took, as a whole or in one stage."""
        found = Histogram()
        found.merge(self._levels.times(self.weights, name))
        found.merge(self._bursts.times(self.burst_weights, name))
        for each in self.exact:
            found.merge(each.times[name])
        return found


def _chain(scenario: Scenario, lived: Lived, stretch: Stretch) -> dict[str, Any]:
    """A chain's part of the summary; what it was nearest to is told of the busiest run.

    The run beyond the busiest hour makes tables and is none of the year.
    """
    spec = scenario.chains[stretch.chain_id]
    one_in = (scenario.year or Year()).one_in
    ran = [each.chains[stretch.chain_id] for each in lived.ran if each.span.copies == one_in]
    busiest = max(ran, key=lambda each: each.offered / each.seconds if each.seconds else 0.0)
    seconds = scenario.horizon / SECOND
    blocks = stretch.blocks
    return {
        "protocol": spec.consensus.protocol,
        "validators": spec.validators,
        "fidelity": spec.fidelity,
        "hash": spec.hash,
        "blocks": blocks,
        "computed_blocks": sum(each.result["computed_blocks"] for each in ran),
        "exact_blocks": sum(each.result["exact_blocks"] for each in ran),
        "transactions": stretch.records,
        "records": stretch.records,
        "offered": stretch.offered,
        "rejected": stretch.rejected,
        "unfinished": stretch.unfinished,
        "throughput_tps": stretch.records / seconds,
        "goodput_tps": stretch.records / seconds,
        "storage_bytes": stretch.size_bytes + blocks * busiest.result["header_bytes"],
        "mempool_peak": max(each.result["mempool_peak"] for each in ran),
        "view_changes": sum(each.result["view_changes"] for each in ran),
        "bottleneck": busiest.result["bottleneck"],
        "commit_latency_s": durations(stretch.times()),
        "stages_s": {stage: durations(stretch.times(stage)) for stage in STAGES},
        "windows": {"count": len(ran), "share_of_time": _ran_ns(lived) / scenario.horizon},
        "progress": _progress(ran),
    }


def _progress(ran: list[OfChain]) -> dict[str, Any]:
    """Of the run that was judged worst: where a chain stood still, or could have for longest without being noticed.

    A run in which all that was sent in its span came to an end has gone on after its last fault, however soon it ends.
    """
    told = [
        {**each.result["progress"], "judged_after_last_fault": True}
        if each.unfinished == 0
        else each.result["progress"]
        for each in ran
    ]
    stuck = next((each for each in told if each["stuck"] is not None), None)
    return dict(stuck or max(told, key=lambda each: (not each["judged_after_last_fault"], each["bound_s"])))


def _ran_ns(lived: Lived) -> int:
    return sum(each.span.end_ns - each.span.begin_ns for each in lived.ran)


def _used(scenario: Scenario, lived: Lived) -> list[str]:
    return [link_id for link_id in scenario.links if any(link_id in each.answers.crossed for each in lived.months)]


def _link(scenario: Scenario, lived: Lived, link_id: str, one_in: int) -> dict[str, Any]:
    """A link's part of the summary, as of any link whose packets are records."""
    spec = scenario.links[link_id]
    parts = [each.answers.crossed[link_id] for each in lived.months if link_id in each.answers.crossed]
    there_ns, there, known_ns, known = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("there_ns", "there", "known_ns", "known")
    )
    delivered, timed_out = there == Answer.DONE, there == Answer.TIMED_OUT
    offered = len(there) - int(np.count_nonzero(there == Answer.REFUSED))
    counts = [int(np.count_nonzero(mask)) for mask in (delivered, known == Answer.DONE, timed_out)]
    return {
        "fidelity": spec.fidelity,
        "protocol": spec.protocol,
        "verify": spec.verify,
        "atomicity": spec.atomicity,
        "offered": offered * one_in,
        "delivered": counts[0] * one_in,
        "acknowledged": counts[1] * one_in,
        "timed_out": counts[2] * one_in,
        "unfinished": (offered - counts[0] - counts[2]) * one_in,
        "latency_s": durations(_counted(there_ns[delivered])),
        "acknowledged_s": durations(_counted(known_ns[known == Answer.DONE])),
    }


def _counted(values_ns: Cells) -> Histogram:
    found = Histogram()
    found.add(values_ns)
    return found


def _casework(scenario: Scenario, lived: Lived, one_in: int) -> dict[str, Any]:
    """What became of each workflow's cases, in the whole country."""
    country = lived.docket.country
    found = summarise_casework(country.program, country.names, lived.passed, scenario.horizon)
    for counts in found.values():
        counts.update({name: counts[name] * one_in for name in _SCALED})
        for number in counts["deadlines"].values():
            number.update({name: value * one_in for name, value in number.items()})
        counts["losses"].update({name: value * one_in for name, value in counts["losses"].items()})
    return found


def _proofs(lived: Lived, chains: Mapping[str, Any], one_in: int) -> dict[str, int]:
    """Answers of the whole country; which of them were verified, and which are as those that were."""
    counts: dict[int, int] = {}
    for each in lived.months:
        for answer, count in each.answers.checks.items():
            counts[answer] = counts.get(answer, 0) + count * one_in
    passed, not_found, mismatch = (counts.get(answer, 0) for answer in (Answer.PASS, Answer.NOT_FOUND, Answer.MISMATCH))
    real = sum(each.summary["proofs"]["verified_real"] for each in lived.ran)
    return {
        "deposited": sum(chain["records"] for chain in chains.values()),
        "verified_real": real,
        "verified_charged": max(0, passed + mismatch - real),
        "passed": passed,
        "refused": sum(each.summary["proofs"]["refused"] for each in lived.ran),
        "not_found": not_found,
        "mismatch": mismatch,
        "unfinished": sum(counts.values()) - passed - not_found - mismatch,
    }


def _year(
    scenario: Scenario, lived: Lived, stretches: Mapping[str, Stretch], chains: Mapping[str, Any]
) -> dict[str, Any]:
    year = scenario.year or Year()
    yearly = {
        chain_id: Yearly(
            nodes=scenario.chains[chain_id].validators + scenario.chains[chain_id].observers,
            records=stretch.records,
            record_bytes=stretch.size_bytes,
            blocks=stretch.blocks,
            header_bytes=lived.ran[0].chains[chain_id].result["header_bytes"],
        )
        for chain_id, stretch in stretches.items()
    }
    hashed = sum(each.summary["proofs"]["deposited"] for each in lived.ran)
    deposited = sum(chain["records"] for chain in chains.values())
    return {
        "one_in": year.one_in,
        "windows": {
            kind: {
                "count": sum(each.span.kind == kind for each in lived.ran),
                "seconds": sum(
                    (each.span.end_ns - each.span.begin_ns) / SECOND for each in lived.ran if each.span.kind == kind
                ),
            }
            for kind in ("level", "burst", "fault")
        },
        "real": {
            "hashed": hashed,
            "share": hashed / deposited if deposited else 0.0,
            "proved": sum(each.proved for each in lived.ran),
        },
        "midnight": sorted(lived.midnight),
        "capacity_tps": {chain_id: lived.tables.levels[chain_id].capacity for chain_id in chains},
        "errors": _errors(scenario, lived, year.one_in),
        "months": _months(scenario, lived, year.one_in),
        "faults": [_fault(scenario, each) for each in lived.ran if each.span.kind == "fault"],
        "stored": {
            chain_id: chain.stored(chain.records) | {"nodes": chain.nodes} for chain_id, chain in yearly.items()
        },
        "growth": grown(yearly, year.growth, scenario.costs),
    }


def _months(scenario: Scenario, lived: Lived, one_in: int) -> list[dict[str, Any]]:
    names, passed = lived.docket.country.names, lived.passed
    born, workflow = passed.cases.born[: passed.count], passed.cases.workflow[: passed.count]
    found = []
    for each in lived.months:
        here = {chain_id: Stretch(scenario, lived, chain_id, each.month) for chain_id in scenario.chains}
        times = {chain_id: stretch.times() for chain_id, stretch in here.items()}
        begun = (born >= each.month.begin_ns) & (born < each.month.end_ns)
        started = np.bincount(workflow[begun], minlength=len(names.workflows)) * one_in
        found.append(
            {
                "month": each.month.name,
                "days": (each.month.end_ns - each.month.begin_ns) // DAY_NS,
                "records": {chain_id: stretch.records for chain_id, stretch in here.items()},
                "rejected": sum(stretch.rejected for stretch in here.values()),
                "unfinished": sum(stretch.unfinished for stretch in here.values()),
                "busiest_hour_tps": {chain_id: float(stretch.rates.max()) for chain_id, stretch in here.items()},
                "p50_s": {chain_id: histogram.quantile(0.5) / SECOND for chain_id, histogram in times.items()},
                "p99_s": {chain_id: histogram.quantile(0.99) / SECOND for chain_id, histogram in times.items()},
                "size_bytes": sum(stretch.size_bytes for stretch in here.values()),
                "cases": int(started.sum()),
                "started": {item.name: int(count) for item, count in zip(names.workflows, started, strict=True)},
                "deadlines_met": int(each.met.sum()) * one_in,
                "deadlines_missed": int(each.missed.sum()) * one_in,
            }
        )
    return found


def _fault(scenario: Scenario, ran: Ran) -> dict[str, Any]:
    """What chains did around one fault, or several that overlap."""
    begin_ns, end_ns = ran.span.begin_ns, ran.span.end_ns
    actions = [fault.action for fault in scenario.faults if begin_ns <= fault.at < end_ns]
    return {
        "actions": actions,
        "begin_s": begin_ns / SECOND,
        "end_s": end_ns / SECOND,
        "checked_heights": ran.summary["checked_heights"],
        "chains": {
            chain_id: {
                "offered": chain.offered,
                "rejected": chain.rejected,
                "unfinished": chain.unfinished,
                "view_changes": chain.result["view_changes"],
                "commit_latency_s": durations(chain.times[WHOLE]),
            }
            for chain_id, chain in ran.chains.items()
            if chain.offered
        },
    }


def _errors(scenario: Scenario, lived: Lived, one_in: int) -> dict[str, Any]:
    """Standard errors that come from following one case in so many, as shares of what they are of.

    Of records by chain from random groups of families; of cases and missed periods, which come one by one, from their
    number.
    """
    names, passed = lived.docket.country.names, lived.passed
    groups = sum(each.groups for each in lived.months)
    records = {}
    for chain_id, of_ways in _records_of_ways(scenario, lived).items():
        # Sums that do not depend on the order in which a processor adds.
        totals = [math.fsum(row) for row in (groups * of_ways).tolist()]
        whole = math.fsum(totals)
        if whole > 0:
            squares = math.fsum((total - whole / len(totals)) ** 2 for total in totals)
            records[chain_id] = math.sqrt(squares * len(totals) / (len(totals) - 1)) / whole
    began = passed.cases.workflow[: passed.count][passed.cases.born[: passed.count] >= 0]
    started = np.bincount(began, minlength=len(names.workflows)).tolist()
    return {
        "one_case_stands_for": one_in,
        "records": records,
        "started": {
            workflow.name: 1 / math.sqrt(count)
            for workflow, count in zip(names.workflows, started, strict=True)
            if count
        },
        "missed": {
            f"{workflow.name}.{name}": 1 / math.sqrt(missed)
            for number, workflow in enumerate(names.workflows)
            for slot, name in enumerate(names.deadlines[number])
            if (missed := int(passed.missed[number, slot]))
        },
    }


def _records_of_ways(scenario: Scenario, lived: Lived) -> dict[str, Floats]:
    """By chain: how many records each way out leaves there, packets included."""
    names = lived.docket.country.names
    found = {chain_id: np.zeros(len(names.transitions)) for chain_id in lived.load.ids}
    links = {(link.source, link.destination): link_id for link_id, link in reversed(list(scenario.links.items()))}
    for way, (_, transition) in enumerate(names.transitions):
        for records in transition.records:
            found[records.chain][way] += records.count
        message = transition.message
        if message is not None:
            for place in record_link(scenario, links[message.source, message.destination]).places:
                found[place][way] += message.count
    return found


def _trace(lived: Lived, cases: str) -> str:
    """Over what every window and every case did."""
    digest = hashlib.sha256(cases.encode())
    for each in lived.ran:
        digest.update(each.summary["trace_hash"].encode())
    return digest.hexdigest()


def _verdict(summary: Mapping[str, Any]) -> str:
    violation = summary["violation"]
    if violation is not None:
        return DIVERGED if violation["invariant"] == AGREEMENT else VIOLATED
    if any(chain["progress"]["stuck"] is not None for chain in summary["chains"].values()):
        return NO_PROGRESS
    return PASS if all(entry["met"] for entry in summary["slo"]) else SLO_MISSED
