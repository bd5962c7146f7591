"""What is said of a year by tables: its months, what happened around faults, what is stored and what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sim.report import wording
from sim.report.wording import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.report.words import Words
    from sim.scenario import Scenario


def told(summary: Mapping[str, Any], scenario: Scenario, say: Words = ENGLISH) -> dict[str, Any]:
    """Everything that the page says of it; nothing of an ordinary run."""
    if "year" not in summary:
        return {}
    return {
        "sentence": sentence(summary, say),
        "real": real(summary, say),
        "months": [_month(row, summary) for row in summary["year"]["months"]],
        "faults": [_fault(row, scenario, say) for row in summary["year"]["faults"]],
        "growth": summary["year"]["growth"],
        "errors": errors(summary, say),
        "busiest": wording.busiest_chain(summary),
    }


def sentence(summary: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """How much happened, and how it was found out."""
    year = summary["year"]
    return say(
        "year.sentence",
        records=summary["proofs"]["deposited"],
        cases=sum(row["cases"] for row in year["months"]),
        one_in=year["one_in"],
        windows=sum(kind["count"] for kind in year["windows"].values()),
        time=wording.long_duration(sum(kind["seconds"] for kind in year["windows"].values())),
        faults=year["windows"]["fault"]["count"],
    )


def real(summary: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """How many proofs are real."""
    made = summary["year"]["real"]
    share = wording.share(made["share"])
    return say("year.real", hashed=made["hashed"], share=share, proved=made["proved"])


def errors(summary: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """What following a sample costs in accuracy, of the busiest chain and of the least sure period."""
    found = summary["year"]["errors"]
    busiest = wording.busiest_chain(summary)
    parts = []
    if busiest in found["records"]:
        parts.append(say("year.error-records", chain=busiest, share=wording.share(found["records"][busiest])))
    if found["missed"]:
        name = max(found["missed"], key=lambda period: found["missed"][period])
        share = wording.share(found["missed"][name])
        parts.append(say("year.error-missed", share=share, period=wording.period_name(name, say)))
    return say("gap").join(parts)


def _month(row: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    busiest = wording.busiest_chain(summary)
    ended = row["deadlines_met"] + row["deadlines_missed"]
    return {
        **row,
        "all_records": sum(row["records"].values()),
        "busiest_tps": row["busiest_hour_tps"][busiest],
        "p99": row["p99_s"][busiest],
        "missed_share": row["deadlines_missed"] / ended if ended else 0.0,
    }


def _fault(row: Mapping[str, Any], scenario: Scenario, say: Words) -> dict[str, Any]:
    begin = scenario.start + timedelta(seconds=row["begin_s"])
    slowest = max(row["chains"], key=lambda chain: row["chains"][chain]["commit_latency_s"]["max"], default="")
    return {
        "when": f"{begin:%Y-%m-%d %H:%M}",
        "lasted_s": row["end_s"] - row["begin_s"],
        "what": ", ".join(say.name("fault", action) for action in dict.fromkeys(row["actions"])),
        "slowest": slowest,
        "latency_s": row["chains"][slowest]["commit_latency_s"] if slowest else {"p99": 0.0, "max": 0.0},
        "rejected": sum(chain["rejected"] for chain in row["chains"].values()),
        "unfinished": sum(chain["unfinished"] for chain in row["chains"].values()),
        "view_changes": sum(chain["view_changes"] for chain in row["chains"].values()),
    }
