"""The report: a run as one HTML page that can be mailed, read on a telephone, printed, and opened years later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.report import cases, inline, series, timeline, wording, year
from sim.report.story import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment

    from sim.report.figures import Drawn
    from sim.study.run import Run

_TEMPLATES: Final = Path(__file__).parent / "templates"
_PRESENTED: Final = ("genuine", "absent", "altered")
"""What a client may present for verification: column `kind` of the table."""
_EVENTS: Final = 60
"""So many crashes, restarts and view changes are listed; how many more there are is said."""


def render(run: Run, figures: Sequence[Drawn]) -> str:
    """The page's text.

    Args:
        run: what it tells of.
        figures: from `sim.report.figures.draw`.
    """
    summary, scenario = run.summary, run.scenario
    busiest = wording.busiest_chain(summary)
    happened = [_event(moment) for moment in series.moments(run)]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            scenario=scenario,
            summary=summary,
            manifest=run.manifest,
            finding=wording.finding(summary, scenario),
            simulated=wording.simulated(summary),
            costs=wording.costs(run.manifest),
            load=wording.load_sentence(summary),
            expectation=wording.expectation(summary, scenario),
            objectives=wording.objectives(summary, scenario),
            figures=[_figure(drawn) for drawn in figures],
            chains=[_chain(run, chain_id) for chain_id in summary["chains"]],
            busiest=busiest,
            stages=_stages(summary["chains"][busiest]),
            links=[_link(run, link_id) for link_id in summary["crosschain"]],
            closed_loops=wording.closed_loops(summary),
            casework=_casework(run),
            year=year.told(summary, scenario),
            by_messages=wording.by_messages(scenario),
            answers=list(wording.answers(summary)),
            presented=_presented(run),
            events=happened[:_EVENTS],
            more_events=len(happened[_EVENTS:]),
            assumptions=[(text.partition(": ")[0], text.partition(": ")[2]) for text in summary["assumptions"]],
            resolved=scenario.to_yaml(),
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = "{:,}".format
    environment.filters["counted"] = wording.counted
    environment.filters["digits"] = wording.three_digits
    environment.filters["duration"] = wording.duration
    environment.filters["given_duration"] = wording.given_duration
    environment.filters["long"] = wording.long_duration
    environment.filters["share"] = wording.share
    environment.filters["storage"] = wording.storage
    return environment


def _figure(drawn: Drawn) -> dict[str, Any]:
    from markupsafe import Markup

    name, caption = drawn.picture.name, drawn.picture.caption
    # Whatever a scenario says is drawn as outlines in the figure, and escaped in the label.
    svg = Markup(inline.svg(drawn.svg, name, f"{drawn.title}. {caption}"))  # noqa: S704
    return {"name": name, "title": drawn.title, "caption": caption, "svg": svg}


def _chain(run: Run, chain_id: str) -> dict[str, Any]:
    chain, result = run.scenario.chains[chain_id], run.summary["chains"][chain_id]
    statistics = ("p50", "p99", "max")
    return {
        "id": chain_id,
        "member": run.scenario.members[chain.member],
        "zone": run.scenario.zones[chain.zone],
        "chain": chain,
        "result": result,
        "offered_per_s": result["offered"] / run.summary["simulated_s"],
        "latency_s": [wording.latency_s(result, statistic) for statistic in statistics],
        "used_most": wording.used_most(result),
        "waits_for": wording.waits_for(result),
    }


def _link(run: Run, link_id: str) -> dict[str, Any]:
    link = wording.links(run.summary)[link_id]
    latency_s = [wording.three_digits(link["latency_s"][name]) if link["delivered"] else "-" for name in ("p50", "p99")]
    return {
        "id": link_id,
        "link": link,
        "way": " → ".join(run.scenario.links[link_id].chains),
        "latency_s": latency_s,
        "locked": sum(link["locked_at_end"].values()),
    }


def _casework(run: Run) -> dict[str, Any]:
    """Everything that is said of cases; nothing where none were simulated."""
    summary, scenario = run.summary, run.scenario
    if not summary["casework"]:
        return {}
    return {
        "sentence": cases.sentence(summary),
        "workflows": cases.workflows(summary, scenario),
        "periods": cases.periods(summary, scenario),
        "losses": cases.losses(summary, scenario),
        "none_lost": cases.none_lost(summary),
        "desks": cases.desks(summary),
        "platform": cases.platform(summary),
        "stories": [(story, text_of(story)) for story in run.stories],
    }


def _stages(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stages of a chain's commit latency and the whole, in seconds; nothing where nothing was committed."""
    if not result["records"]:
        return []
    meanings = {**wording.STAGE_MEANINGS, "whole": "from the intended send time until the client's node has executed"}
    times = {**result["stages_s"], "whole": result["commit_latency_s"]}
    return [{"name": name, "meaning": meanings[name], "times_s": times[name]} for name in times]


def _presented(run: Run) -> list[tuple[str, list[int]]]:
    """How many requests of each kind came to each answer, in the order of `wording.answers`."""
    table = run.table("verifications").group_by("kind", "outcome").len()
    numbers = {(kind, outcome): number for kind, outcome, number in table.iter_rows()}
    names = {"passed": "pass"}
    outcomes = [names.get(answer.key, answer.key) for answer, _ in wording.answers(run.summary)]
    return [(kind, [numbers.get((kind, outcome), 0) for outcome in outcomes]) for kind in _PRESENTED]


def _event(moment: series.Moment) -> dict[str, str]:
    text = timeline.describe(moment, "").removeprefix(": ")
    if moment.kind == "view":
        text += (
            f"; {wording.counted(len(moment.nodes), 'node')} entered it, the last at {wording.clock(moment.until_s)}"
        )
    elif len(moment.nodes) > 1:
        text += f": {', '.join(map(str, moment.nodes))}"
    return {"time": wording.clock(moment.time_s), "chain": moment.chain, "kind": moment.kind, "text": text}
