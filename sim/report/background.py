"""What a run was asked and on what ground: streams, planned faults, files, sources, assumptions and guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.report import wording
from sim.report.words import chinese

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim.report.words import Words
    from sim.scenario import Scenario
    from sim.scenario.fault import Fault
    from sim.study.run import Run

_NS_PER_S: Final = 1e9
_GUESS: Final = "guess"


def background(run: Run, say: Words) -> dict[str, Any]:
    """Everything that the page's section on the scenario says."""
    scenario, sources = run.scenario, run.manifest["parameters"].get("sources", {})
    return {
        "start": wording.started(scenario),
        "horizon": wording.round_duration(scenario.horizon / _NS_PER_S),
        "streams": [_stream(scenario, name, say) for name in scenario.workload],
        "faults": [_fault(fault, say) for fault in scenario.faults],
        "files": sources.get("files", []),
        "marks": [(mark, *told) for mark, told in sources.get("marks", {}).items()],
        "guesses": sources.get("guesses", []),
        "assumptions": list(_assumptions(run.summary, say)),
        "periods": _assumed_periods(scenario, say),
    }


def _stream(scenario: Scenario, name: str, say: Words) -> dict[str, str]:
    stream = scenario.workload[name]
    clients = stream.clients or 0
    rate = say("scenario.clients", number=clients) if stream.rate is None else f"{wording.scaled_rate(stream.rate)}/s"
    return {"id": name, "action": say.name("action", stream.action), "chain": stream.chain, "rate": rate}


def _fault(fault: Fault, say: Words) -> dict[str, str]:
    until = say("scenario.to-the-end")
    return {
        "what": say.name("fault", fault.action),
        "at": wording.clock(fault.at / _NS_PER_S),
        "lasts": until if fault.duration is None else wording.round_duration(fault.duration / _NS_PER_S),
        "where": _where(fault, say),
    }


def _where(fault: Fault, say: Words) -> str:
    """Whom it happens to: link, chain, nodes, regions, groups, as far as it says."""
    parts = []
    if fault.link is not None:
        parts.append(say("scenario.relayers", link=fault.link))
    if fault.chain is not None:
        parts.append(fault.chain)
    if fault.nodes is not None:
        parts.append(say("scenario.nodes", nodes=say("comma").join(map(str, fault.nodes))))
    if fault.regions is not None:
        parts.append(say("comma").join(say.name("region", region) for region in fault.regions))
    if fault.groups is not None:
        parts.append(" | ".join(_group(group, say) for group in fault.groups))
    return say("comma").join(parts) or say("scenario.everywhere")


def _group(group: tuple[str | int, ...] | str, say: Words) -> str:
    if isinstance(group, str):
        return say("scenario.rest")
    return say("comma").join(say.name("region", str(member)) for member in group)


def _assumptions(summary: Mapping[str, Any], say: Words) -> Iterator[dict[str, Any]]:
    """What the scenario assumes, in its own words or their translation; guesses first."""
    told = [text.partition(": ")[::2] for text in summary["assumptions"]]
    for name, text in sorted(told, key=lambda entry: _GUESS not in entry[1]):
        translated = say.lang == "zh" and bool(chinese("assumption", text))
        yield {
            "name": name,
            "text": say.name("assumption", text),
            "foreign": say.lang == "zh" and not translated,
            "guess": _GUESS in text,
        }


def _assumed_periods(scenario: Scenario, say: Words) -> str:
    """How many periods of law are assumed or from memory, and which; empty if none is."""
    known = [
        (workflow.code, name, period.assumed)
        for workflow in scenario.workflows.values()
        for name, period in workflow.deadlines.items()
    ]
    assumed = [f"{code} {wording.period_name(name, say)}" for code, name, guessed in known if guessed]
    if not assumed:
        return ""
    return say("scenario.assumed-periods", number=len(assumed), of=len(known), names=say("comma").join(assumed))
