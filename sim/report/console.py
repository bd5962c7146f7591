"""A run's result on a terminal, 80 columns wide or more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.report import cases, wording, year
from sim.report.grids import grid
from sim.report.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from sim.report.words import Words
    from sim.scenario import Scenario

_COLOURS: Final = {"pass": "green", "slo-missed": "yellow"}
"""Of verdicts; the others are red."""


def show(
    summary: Mapping[str, Any],
    manifest: Mapping[str, Any],
    scenario: Scenario,
    console: Console | None = None,
    lang: str = "en",
) -> None:
    """Print `render`'s summary.

    Args:
        summary: `Run.summary`, or what `summary.json` holds.
        manifest: `Run.manifest`, or what `manifest.json` holds.
        scenario: what was run.
        console: where to; standard output if left out.
        lang: ``en`` or ``zh``.

    Raises:
        NoSuchLanguage: it is neither.
    """
    from rich.console import Console

    (console or Console()).print(render(summary, manifest, scenario, lang))


def render(
    summary: Mapping[str, Any], manifest: Mapping[str, Any], scenario: Scenario, lang: str = "en"
) -> RenderableType:
    """The verdict, the chains, what became of their records, verifications, objectives and how fast the run was."""
    say = words(lang)
    from rich.console import Group
    from rich.text import Text

    tables = [_chains(summary, scenario, say), _records(summary, say)]
    if wording.closed_loops(summary):
        tables.append(_closed_loops(summary, say))
    if summary["crosschain"]:
        tables.append(_links(summary, say))
    if "year" in summary:
        tables.append(_months(summary, say))
    if summary["casework"]:
        tables += [_cases(summary, scenario, say), *_losses(summary, scenario, say)]
    tables.append(_answers(summary, say))
    if summary["slo"]:
        tables.append(_objectives(summary, scenario, say))
    spaced = [part for table in tables for part in ("", table)]
    notes = [part for note in wording.by_messages(scenario, say) for part in ("", Text(note))]
    return Group(
        _verdict(summary, scenario, say), *spaced, *notes, "", Text(_speed(summary, manifest, say), style="dim")
    )


def _verdict(summary: Mapping[str, Any], scenario: Scenario, say: Words) -> Text:
    from rich.text import Text

    verdict = summary["verdict"]
    said = say("gap").join(
        filter(None, (wording.finding(summary, scenario, say), wording.expectation(summary, scenario, say)))
    )
    return Text.assemble(
        (f" {say(f'verdict.{verdict}')} ", f"bold reverse {_COLOURS.get(verdict, 'red')}"),
        "  ",
        (say.name("question", summary["question"]), "bold"),
        f"\n{said}\n{wording.load_sentence(summary, say)}",
    )


def _chains(summary: Mapping[str, Any], scenario: Scenario, say: Words) -> Table:
    from rich.text import Text

    table = grid(say("console.chains"))
    table.add_column(say("console.chain"), overflow="fold")
    table.add_column(say("console.member"), overflow="fold")
    table.add_column(say("console.nodes"), justify="right", no_wrap=True)
    table.add_column(say("console.hash"), no_wrap=True)
    table.add_column(say("console.limit"), overflow="fold")
    for chain_id, result in summary["chains"].items():
        chain = scenario.chains[chain_id]
        member = scenario.members[chain.member]
        nodes = f"{chain.validators}+{chain.observers}" if chain.observers else str(chain.validators)
        names = Text(member.zh if say.lang == "zh" else f"{member.zh}\n{member.name}")
        bounds = f"{wording.used_most(result, say)}\n{wording.waits_for(result, say)}"
        table.add_row(Text(chain_id, style="bold"), names, nodes, chain.hash, bounds)
    return table


def _records(summary: Mapping[str, Any], say: Words) -> Table:
    from rich.text import Text

    table = grid(say("console.records"))
    table.add_column(say("console.chain"), overflow="fold")
    counted = ("offered", "committed", "rejected", "unfinished", "offered-per-s")
    headings = (*(say(f"console.{name}") for name in counted), "p50", "p99", say("stages.max"), say("console.views"))
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    for chain_id, chain in summary["chains"].items():
        counts = [f"{chain[name]:,}" for name in ("offered", "records", "rejected", "unfinished")]
        rate = wording.three_digits(chain["offered"] / summary["simulated_s"])
        latencies = [wording.latency_s(chain, statistic) for statistic in ("p50", "p99", "max")]
        table.add_row(Text(chain_id, style="bold"), *counts, rate, *latencies, f"{chain['view_changes']:,}")
    return table


def _closed_loops(summary: Mapping[str, Any], say: Words) -> Table:
    from rich.text import Text

    table = grid(say("console.loops"))
    table.add_column(say("loops.stream"), overflow="fold")
    for heading in ("clients", "waiting", "thinking", "answers", "response", "think", "product", "retries"):
        table.add_column(say(f"loops.{heading}"), justify="right", overflow="fold")
    for _, stream_id, loop in wording.closed_loops(summary):
        digits = [wording.three_digits(loop[name]) for name in ("waiting", "thinking", "throughput_tps")]
        durations = [wording.duration(loop["response_s"]["mean"]), wording.duration(loop["think_s"])]
        product, retries = wording.three_digits(loop["little"]), f"{loop['retries']:,}"
        clients = f"{loop['clients']:,}"
        table.add_row(Text(stream_id, style="bold"), clients, *digits, *durations, product, retries)
    return table


def _links(summary: Mapping[str, Any], say: Words) -> Table:
    from rich.text import Text

    table = grid(say("console.links"))
    table.add_column(say("console.link"), overflow="fold")
    counted = ("sent", "delivered", "timed-out", "stuck", "open", "forged", "torn", "locked")
    for heading in (*(say(f"console.{name}") for name in counted), "p50", say("stages.max")):
        table.add_column(heading, justify="right", no_wrap=True)
    names = ("offered", "delivered", "timed_out", "stuck", "unfinished", "accepted_forged", "torn")
    for link_id, link in wording.links(summary).items():
        comma = say("comma")
        protocol, verify, atomicity = (
            say.name("way", link[key]).replace("_", " ") for key in ("protocol", "verify", "atomicity")
        )
        way = Text.assemble((link_id, "bold"), f"\n{protocol}{comma.rstrip()}\n{verify}{comma}{atomicity}")
        counts = [f"{link[name]:,}" for name in names] + [f"{sum(link['locked_at_end'].values()):,}"]
        spent = [wording.three_digits(link["latency_s"][q]) if link["delivered"] else "-" for q in ("p50", "max")]
        table.add_row(way, *counts, *spent)
    return table


def _months(summary: Mapping[str, Any], say: Words) -> Table:
    from rich.text import Text

    busiest = wording.busiest_chain(summary)
    table = grid(say("year.console", busiest=busiest))
    table.caption = f"{year.sentence(summary, say)}{say('gap')}{year.errors(summary, say)}"
    table.add_column(say("year.month"), no_wrap=True)
    for heading in ("records", "cases", "busiest-hour", "p99", "rejected", "missed"):
        table.add_column(say(f"year.{heading}"), justify="right", overflow="fold")
    for row in summary["year"]["months"]:
        counts = [f"{sum(row['records'].values()):,}", f"{row['cases']:,}"]
        counts += [wording.three_digits(row["busiest_hour_tps"][busiest]), wording.duration(row["p99_s"][busiest])]
        table.add_row(Text(row["month"], style="bold"), *counts, f"{row['rejected']:,}", f"{row['deadlines_missed']:,}")
    return table


def _cases(summary: Mapping[str, Any], scenario: Scenario, say: Words) -> Table:
    from rich.text import Text

    table = grid(say("console.cases"))
    table.caption = cases.sentence(summary, say)
    table.add_column(say("cases.workflow"), overflow="fold")
    counted = ("cases.began", "cases.ended", "cases.still-open", "cases.records")
    for heading in (*counted, "console.periods-met", "console.periods-missed"):
        table.add_column(say(heading), justify="right", no_wrap=True)
    for row in cases.workflows(summary, scenario):
        met, missed = (sum(number[name] for number in row["deadlines"].values()) for name in ("met", "missed"))
        counts = [f"{row[name]:,}" for name in ("started", "completed", "open", "records")]
        late = Text(f"{missed:,}", "bold red" if missed else "")
        spec = row["spec"]
        title = spec.zh if say.lang == "zh" else f"{row['name'].partition('-')[2]} {spec.zh}"
        table.add_row(Text(f"{spec.code} {title}", style="bold"), *counts, f"{met:,}", late)
    return table


def _losses(summary: Mapping[str, Any], scenario: Scenario, say: Words) -> Iterator[Table]:
    """What went wrong for people, if anything did."""
    from rich.text import Text

    found = cases.losses(summary, scenario, say)
    if found:
        table = grid(say("console.losses"))
        table.add_column(say("cases.workflow"), overflow="fold")
        table.add_column(say("losses.loss"), overflow="fold")
        table.add_column(say("losses.here"), justify="right")
        for loss in found:
            table.add_row(Text(loss.workflow, style="bold"), wording.loss_name(loss.name, say), loss.said)
        yield table


def _answers(summary: Mapping[str, Any], say: Words) -> Table:
    table = grid(say("console.answers"))
    table.add_column(say("proofs.answer"), overflow="fold")
    table.add_column(say("proofs.in-english"), overflow="fold")
    table.add_column(say("console.requests"), justify="right")
    for answer, number in wording.answers(summary):
        table.add_row(answer.zh, say(f"answer.{answer.key}"), f"{number:,}")
    return table


def _objectives(summary: Mapping[str, Any], scenario: Scenario, say: Words) -> Table:
    from rich.text import Text

    table = grid(say("console.objectives"))
    table.add_column(say("objectives.outcome"))
    table.add_column(say("objectives.metric"), overflow="fold")
    table.add_column(say("objectives.target"), justify="right", overflow="fold")
    table.add_column(say("objectives.actual"), justify="right", overflow="fold")
    for goal in wording.objectives(summary, scenario, say):
        outcome = Text(say("objectives.met"), "green") if goal.met else Text(say("objectives.missed"), "bold red")
        table.add_row(outcome, goal.metric, goal.target, goal.actual)
    return table


def _speed(summary: Mapping[str, Any], manifest: Mapping[str, Any], say: Words) -> str:
    wall = manifest["wall"]
    computed = sum(chain["computed_blocks"] for chain in summary["chains"].values())
    speed = say(
        "console.speed",
        time=wording.simulated(summary),
        wall=wording.duration(wall["simulation_s"]),
        events=wording.three_digits(wall["events_per_s"]),
        messages=wording.three_digits(wall["messages_per_s"]),
        memory=wording.storage(wall["peak_memory_bytes"]),
        heights=summary["checked_heights"],
        computed=say("console.speed-computed", heights=computed) if computed else "",
        seed=summary["seed"],
        run=summary["run_id"],
    )
    return f"{speed}\n{say('console.costs', costs=wording.costs(manifest, say))}"
