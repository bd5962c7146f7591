"""The report: a run as one HTML page that can be mailed, read on a telephone, printed, and opened years later."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.report import cases, pictures, series, trust, wording, year
from sim.report.background import background
from sim.report.story import text_of
from sim.report.words import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment, Template
    from markupsafe import Markup

    from sim.report.pictures import Drawn
    from sim.report.words import Words
    from sim.study.run import Run

_TEMPLATES: Final = Path(__file__).parent / "templates"
_PRESENTED: Final = ("genuine", "absent", "altered")
"""What a client may present for verification: column `kind` of the table."""
_EVENTS: Final = 60
"""So many crashes, restarts and view changes are listed; how many more there are is said."""
_CHINESE: Final = re.compile(
    r"[\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]+(?:\d+[\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]+)*"
)
"""Chinese, and numbers in its middle, as of articles."""


def render(run: Run, figures: Sequence[Drawn], lang: str = "en") -> str:
    """The page's text.

    Args:
        run: what it tells of.
        figures: from `sim.report.figures.draw`.
        lang: ``en`` or ``zh``; what is drawn inside figures is English in both.

    Raises:
        NoSuchLanguage: it is neither.
    """
    say = words(lang)
    summary, scenario = run.summary, run.scenario
    busiest = wording.busiest_chain(summary)
    happened = [_event(moment, say) for moment in series.moments(run)]
    return _template(lang).render(
        lang=lang,
        tag=say.tag,
        scenario=scenario,
        summary=summary,
        manifest=run.manifest,
        question=say.name("question", summary["question"]),
        seen=say.echo(summary["violation"]["detail"]) if summary["violation"] else "",
        finding=wording.finding(summary, scenario, say),
        simulated=wording.simulated(summary),
        costs=wording.costs(run.manifest, say),
        load=wording.load_sentence(summary, say),
        expectation=wording.expectation(summary, scenario, say),
        objectives=wording.objectives(summary, scenario, say),
        figures={drawn.picture.name: pictures.on_page(drawn, say, "figure") for drawn in figures},
        chains=[_chain(run, chain_id, say) for chain_id in summary["chains"]],
        busiest=busiest,
        stages=_stages(summary["chains"][busiest], say),
        links=[_link(run, link_id, say) for link_id in summary["crosschain"]],
        closed_loops=wording.closed_loops(summary),
        casework=_casework(run, say),
        year=year.told(summary, scenario, say),
        answers=list(wording.answers(summary)),
        presented=_presented(run),
        proved=_proved(run, say),
        events=happened[:_EVENTS],
        more_events=len(happened[_EVENTS:]),
        told=background(run, say),
        validations=trust.validations(run, say),
        invariants=list(trust.invariants(run, say)),
        omissions=list(trust.omissions(run, say)),
        resolved=scenario.to_yaml(),
    )


def environment_of(say: Words) -> Environment:
    """What templates are read with: whatever is put into them is escaped, and nothing may be missing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["t"] = say.html
    environment.filters["breakable"] = breakable
    environment.filters["tied"] = wording.tied
    return environment


@cache
def _template(lang: str) -> Template:
    """The page's template with a language's messages, compiled once."""
    say = words(lang)
    environment = environment_of(say)
    environment.globals["name"] = say.name
    environment.filters["count"] = "{:,}".format
    environment.filters["digits"] = wording.three_digits
    environment.filters["duration"] = wording.duration
    environment.filters["given_duration"] = wording.given_duration
    environment.filters["long"] = wording.long_duration
    environment.filters["share"] = wording.share
    environment.filters["storage"] = wording.storage
    environment.filters["hanzi"] = lambda text: _hanzi(text, say)
    return environment.get_template("report.html.j2")


def breakable(path: str) -> Markup:
    """A dotted path as markup that may go on in the next line behind each dot and low line."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(path))))  # noqa: S704 - escaped


def _hanzi(text: str, say: Words) -> Markup:
    """A text as markup; what of it is Chinese is said to be so where the page is not."""
    from markupsafe import Markup, escape

    safe = str(escape(text))
    if say.lang == "en":
        safe = _CHINESE.sub(r'<span lang="zh-Hans">\g<0></span>', safe)
    return Markup(safe)  # noqa: S704 - escaped above


def _chain(run: Run, chain_id: str, say: Words) -> dict[str, Any]:
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
        "used_most": wording.used_most(result, say),
        "waits_for": wording.waits_for(result, say),
    }


def _link(run: Run, link_id: str, say: Words) -> dict[str, Any]:
    link = wording.links(run.summary)[link_id]
    latency_s = [wording.three_digits(link["latency_s"][name]) if link["delivered"] else "-" for name in ("p50", "p99")]
    refused = say("comma").join(f"{reason} {number:,}" for reason, number in link["refused"].items())
    return {
        "id": link_id,
        "link": link,
        "way": " → ".join(run.scenario.links[link_id].chains),
        "latency_s": latency_s,
        "locked": sum(link["locked_at_end"].values()),
        "refused": refused,
    }


def _casework(run: Run, say: Words) -> dict[str, Any]:
    """Everything that is said of cases; nothing where none were simulated."""
    summary, scenario = run.summary, run.scenario
    if not summary["casework"]:
        return {}
    periods = [
        (period, wording.period_name(period.name, say), wording.law_text(period.law, say))
        for period in cases.periods(summary, scenario)
    ]
    losses = cases.losses(summary, scenario, say)
    return {
        "sentence": cases.sentence(summary, say),
        "workflows": cases.workflows(summary, scenario),
        "periods": periods,
        "losses": [(loss, wording.loss_name(loss.name, say)) for loss in losses],
        "none_lost": cases.none_lost(summary),
        "desks": [(wording.role_name(role, say), desk) for role, desk in cases.desks(summary)],
        "platform": cases.platform(summary),
        "stories": [(_story_title(story.title, story.zh, say), story, text_of(story, say)) for story in run.stories],
    }


def _story_title(title: str, zh: str, say: Words) -> str:
    return zh if say.lang == "zh" and zh else title


def _stages(result: Mapping[str, Any], say: Words) -> list[dict[str, Any]]:
    """The stages of a chain's commit latency and the whole, in seconds; nothing where nothing was committed."""
    if not result["records"]:
        return []
    times = {**result["stages_s"], "whole": result["commit_latency_s"]}
    return [
        {"name": say.name("stage", name), "meaning": say(f"stage.{name}"), "times_s": times[name]} for name in times
    ]


def _presented(run: Run) -> list[tuple[str, list[int]]]:
    """How many requests of each kind came to each answer, in the order of `wording.answers`."""
    table = run.table("verifications").group_by("kind", "outcome").len()
    numbers = {(kind, outcome): number for kind, outcome, number in table.iter_rows()}
    names = {"passed": "pass"}
    outcomes = [names.get(answer.key, answer.key) for answer, _ in wording.answers(run.summary)]
    return [(kind, [numbers.get((kind, outcome), 0) for outcome in outcomes]) for kind in _PRESENTED]


def _proved(run: Run, say: Words) -> list[tuple[str, str, str]]:
    """What was computed for real and what was only charged as time: of each kind of proof, both counts."""
    proofs = run.summary["proofs"]
    links = [link for link in run.summary["crosschain"].values() if not wording.is_recorded(link)]
    real, charged = (sum(link[key] for link in links) for key in ("verified_real", "verified_charged"))
    records = [record for story in run.stories for event in story.events for record in event.records]
    rows = [("hashes", proofs["deposited"], 0), ("requests", proofs["verified_real"], proofs["verified_charged"])]
    if links:
        rows.append(("packets", real, charged))
    if records:
        rows.append(("told", sum(record.leaf >= 0 for record in records), 0))
    told = [(say(f"proofs.{key}"), f"{made:,}", f"{taken:,}") for key, made, taken in rows]
    shown, rest = ("signatures-real", "signatures-charged") if real else ("signatures-none", "signatures-all")
    return [*told, (say("proofs.signatures"), say(f"proofs.{shown}"), say(f"proofs.{rest}"))]


def _event(moment: series.Moment, say: Words) -> dict[str, str]:
    return {"time": wording.clock(moment.time_s), "chain": moment.chain, "text": _happening(moment, say)}


def _happening(moment: series.Moment, say: Words) -> str:
    """A moment in words: whom it happens to, and what."""
    if moment.kind == "view":
        until = wording.clock(moment.until_s)
        return say("event.view", view=moment.view, leader=moment.leader, nodes=len(moment.nodes), until=until)
    kind, over = moment.kind.removesuffix(" ends"), moment.kind.endswith(" ends")
    what = say.name("fault", kind)
    if over:
        what = say("event.ends", what=what)
    if moment.nodes == (series.NETWORK,):
        return say("event.network", what=what)
    one = len(moment.nodes) == 1
    key = {"crash": "crash" if one else "crashes", "restart": "restart" if one else "restarts"}.get(moment.kind)
    nodes = say("comma").join(map(str, moment.nodes))
    return say(
        f"event.{key or ('node' if one else 'nodes')}",
        node=moment.nodes[0],
        number=len(moment.nodes),
        nodes=nodes,
        what=what,
    )
