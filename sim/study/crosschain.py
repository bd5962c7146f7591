"""What the summary says of links between chains."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.crosschain.books import EFFECT, INTENDED, NOT_YET
from sim.crosschain.contracts.identity import MAGIC, Document
from sim.crosschain.outcome import (
    DELIVERED,
    FORGED,
    STUCK,
    TIMED_OUT,
    UNFINISHED,
    account,
    stages,
    write_relayers,
    write_table,
)
from sim.crosschain.steps import DESTINATION, SOURCE, Step
from sim.kernel.engine import SECOND
from sim.study.latencies import latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.build.crossings import Crossing
    from sim.crosschain.actors.inquirer import Question
    from sim.crosschain.books import Trip
    from sim.crosschain.link import Link
    from sim.crosschain.recorded import Travels
    from sim.metrics.recorder import Recorder
    from sim.scenario.crosslink import CrossLink


def summarise_links(links: Mapping[str, Link], recorder: Recorder, end_ns: int) -> dict[str, Any]:
    """The part `crosschain` of `summary.json`; the table of packets is written down too."""
    found: dict[str, Any] = {}
    for link_id, link in links.items():
        reached = account(link, end_ns)
        write_table(link, reached, recorder)
        write_relayers(link, recorder, end_ns)
        config, count = link.config, reached.outcomes.count
        delivered = [t for t, outcome in zip(reached.trips, reached.outcomes, strict=True) if outcome == DELIVERED]
        found[link_id] = {
            "protocol": config.protocol,
            "verify": config.verify,
            "atomicity": config.atomicity,
            "order": "ordered" if config.ordered else "unordered",
            "offered": len(reached.outcomes) - count(FORGED),
            "delivered": count(DELIVERED),
            "acknowledged": sum(Step.SETTLED in trip.times_ns for trip in delivered),
            "timed_out": count(TIMED_OUT),
            "refused": reached.refused,
            "stuck": count(STUCK),
            "unfinished": count(UNFINISHED),
            "accepted_forged": count(FORGED),
            "executed_twice": link.books.twice,
            "late_success": reached.late,
            "torn": reached.torn,
            "repairs": reached.repairs,
            "locked_at_end": dict(zip((SOURCE, DESTINATION), reached.locked, strict=True)),
            "trust": _trust(link),
            "frozen": any(client.frozen for client in link.clients),
            "expired": any(client.is_expired(end_ns) for client in link.clients),
            "latency_s": _span(delivered, INTENDED, EFFECT.get(config.atomicity, Step.EXECUTED)),
            "stages_s": {stage: _span(delivered, *ends) for stage, ends in stages(link).items()},
            "messages": reached.messages,
            "bytes": reached.size_bytes,
            "client_updates": sum(client.work.updates for client in link.clients),
            "client_signatures": sum(client.work.signatures for client in link.clients),
            "verified_real": sum(client.work.real for client in link.clients),
            "verified_charged": sum(client.work.charged for client in link.clients),
        }
        if link.inquirers:
            asked = [question for inquirer in link.inquirers for question in inquirer.asked]
            found[link_id]["queries"] = _queries(asked, end_ns)
    return found


def summarise_recorded(
    crossings: Mapping[str, Crossing], went: Mapping[str, Travels], links: Mapping[str, CrossLink], end_ns: int
) -> dict[str, Any]:
    """The part `crosschain` of `summary.json` for links whose packets are records.

    Args:
        crossings: what was sent.
        went: what became of it.
        links: what the scenario says of them.
        end_ns: when the run ended.
    """
    found: dict[str, Any] = {}
    for link_id, crossing in crossings.items():
        spec, course, reached = links[link_id], crossing.link.course, went[link_id]
        delivered_ns = reached.done_ns[course.delivered]
        sent = crossing.time_ns < end_ns
        delivered = sent & ~reached.timed_out & (delivered_ns < end_ns)
        known = delivered & (reached.done_ns[course.acknowledged or 0] < end_ns) & (course.acknowledged is not None)
        timed_out = sent & reached.timed_out & (reached.done_ns[-1] < end_ns)
        offered = int(np.count_nonzero(sent))
        found[link_id] = {
            "fidelity": spec.fidelity,
            "protocol": spec.protocol,
            "verify": spec.verify,
            "atomicity": spec.atomicity,
            "offered": offered,
            "delivered": int(np.count_nonzero(delivered)),
            "acknowledged": int(np.count_nonzero(known)),
            "timed_out": int(np.count_nonzero(timed_out)),
            "unfinished": offered - int(np.count_nonzero(delivered)) - int(np.count_nonzero(timed_out)),
            "latency_s": latency((delivered_ns - crossing.time_ns)[delivered]),
            "acknowledged_s": latency((reached.done_ns[course.acknowledged or 0] - crossing.time_ns)[known]),
        }
    return found


def summarise_identity(registry: str, links: Mapping[str, Link], end_ns: int) -> dict[str, Any]:
    """The part `identity` of `summary.json`: each change of a document, and how long it took to every other chain."""
    changes: list[dict[str, Any]] = []
    for link_id, link in links.items():
        for trip in link.books.trips:
            if trip.packet is None or trip.forged or not trip.packet.data.startswith(MAGIC):
                continue
            document, done = Document.from_bytes(trip.packet.data), trip.until(end_ns)
            known = Step.EXECUTED in done.times_ns and not trip.failed
            changes.append(
                {
                    "did": document.did,
                    "revision": document.revision,
                    "admitted": document.admitted,
                    "link": link_id,
                    "chain": link.config.destination,
                    "announced_s": trip.at(INTENDED) / SECOND,
                    "known_after_s": (trip.at(Step.EXECUTED) - trip.at(INTENDED)) / SECOND if known else None,
                }
            )
    return {"registry": registry, "changes": changes}


def _queries(asked: Sequence[Question], end_ns: int) -> dict[str, Any]:
    """What became of the questions asked over a link."""
    answered = [question for question in asked if 0 <= question.answered_ns < end_ns]
    refused = Counter(question.refusal for question in asked if question.refusal is not None)
    return {
        "asked": len(asked),
        "answered": len(answered),
        "refused": dict(sorted(refused.items())),
        "unanswered": len(asked) - len(answered) - sum(refused.values()),
        "accepted_stale": sum(question.stale for question in answered),
        "accepted_forged": sum(question.forged for question in answered),
        "latency_s": latency(np.array([each.answered_ns - each.asked_ns for each in answered], dtype=np.int64)),
        "age_s": latency(np.array([each.age_ns for each in answered], dtype=np.int64)),
    }


def _trust(link: Link) -> str:
    """On whose word it rests what the link's chains believe of each other."""
    if not link.stands_lies:
        return "orderer"
    return {"none": "relayers", "spv": "gateways", "committee": "notaries"}.get(link.config.verify, "validators")


def _span(trips: Sequence[Trip], start: str, end: str) -> dict[str, float]:
    spent = [trip.at(end) - trip.at(start) for trip in trips if NOT_YET not in {trip.at(start), trip.at(end)}]
    return latency(np.array(spent, dtype=np.int64))
