"""A run's result on a terminal, 80 columns wide or more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.report import cases, wording, year

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from sim.scenario import Scenario

_HEADINGS: Final = (
    "offered",
    "com-\nmitted",
    "re-\njected",
    "unfin-\nished",
    "offered\nper s",
    "p50",
    "p99",
    "max",
    "view\nchanges",
)
_COLOURS: Final = {"pass": "green", "slo-missed": "yellow"}
"""Of verdicts; the others are red."""


def show(
    summary: Mapping[str, Any], manifest: Mapping[str, Any], scenario: Scenario, console: Console | None = None
) -> None:
    """Print `render`'s summary.

    Args:
        summary: `Run.summary`, or what `summary.json` holds.
        manifest: `Run.manifest`, or what `manifest.json` holds.
        scenario: what was run.
        console: where to; standard output if left out.
    """
    from rich.console import Console

    (console or Console()).print(render(summary, manifest, scenario))


def render(summary: Mapping[str, Any], manifest: Mapping[str, Any], scenario: Scenario) -> RenderableType:
    """The verdict, the chains, what became of their records, verifications, objectives and how fast the run was."""
    from rich.console import Group
    from rich.text import Text

    tables = [_chains(summary, scenario), _records(summary)]
    if wording.closed_loops(summary):
        tables.append(_closed_loops(summary))
    if summary["crosschain"]:
        tables.append(_links(summary))
    if "year" in summary:
        tables.append(_months(summary))
    if summary["casework"]:
        tables += [_cases(summary, scenario), *_losses(summary, scenario)]
    tables.append(_answers(summary))
    if summary["slo"]:
        tables.append(_objectives(summary, scenario))
    spaced = [part for table in tables for part in ("", table)]
    notes = [part for note in wording.by_messages(scenario) for part in ("", Text(note))]
    return Group(_verdict(summary, scenario), *spaced, *notes, "", Text(_speed(summary, manifest), style="dim"))


def _verdict(summary: Mapping[str, Any], scenario: Scenario) -> Text:
    from rich.text import Text

    verdict = summary["verdict"]
    said = f"{wording.finding(summary, scenario)} {wording.expectation(summary, scenario)}".rstrip()
    return Text.assemble(
        (f" {verdict} ", f"bold reverse {_COLOURS.get(verdict, 'red')}"),
        "  ",
        (summary["question"], "bold"),
        f"\n{said}\n{wording.load_sentence(summary)}",
    )


def _table(title: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _chains(summary: Mapping[str, Any], scenario: Scenario) -> Table:
    from rich.text import Text

    table = _table("Chains")
    table.add_column("chain", overflow="fold")
    table.add_column("member", overflow="fold")
    table.add_column("validators\n+observers", justify="right", no_wrap=True)
    table.add_column("hash", no_wrap=True)
    table.add_column("nearest its limit; latency mostly from", overflow="fold")
    for chain_id, result in summary["chains"].items():
        chain = scenario.chains[chain_id]
        member = scenario.members[chain.member]
        nodes = f"{chain.validators}+{chain.observers}" if chain.observers else str(chain.validators)
        names = Text(f"{member.zh}\n{member.name}")
        bounds = f"{wording.used_most(result)}\n{wording.waits_for(result)}"
        table.add_row(Text(chain_id, style="bold"), names, nodes, chain.hash, bounds)
    return table


def _records(summary: Mapping[str, Any]) -> Table:
    from rich.text import Text

    table = _table("Records (commit latency in seconds, of committed records)")
    table.add_column("chain", overflow="fold")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", overflow="fold")
    for chain_id, chain in summary["chains"].items():
        counts = [f"{chain[name]:,}" for name in ("offered", "records", "rejected", "unfinished")]
        rate = wording.three_digits(chain["offered"] / summary["simulated_s"])
        latencies = [wording.latency_s(chain, statistic) for statistic in ("p50", "p99", "max")]
        table.add_row(Text(chain_id, style="bold"), *counts, rate, *latencies, f"{chain['view_changes']:,}")
    return table


def _closed_loops(summary: Mapping[str, Any]) -> Table:
    from rich.text import Text

    table = _table("Closed loops (Little's law: clients = answers/s x (response + think))")
    table.add_column("stream", overflow="fold")
    for heading in ("clients", "waiting", "thinking", "answers/s", "response", "think", "product", "retries"):
        table.add_column(heading, justify="right", overflow="fold")
    for _, stream_id, loop in wording.closed_loops(summary):
        digits = [wording.three_digits(loop[name]) for name in ("waiting", "thinking", "throughput_tps")]
        durations = [wording.duration(loop["response_s"]["mean"]), wording.duration(loop["think_s"])]
        product, retries = wording.three_digits(loop["little"]), f"{loop['retries']:,}"
        clients = f"{loop['clients']:,}"
        table.add_row(Text(stream_id, style="bold"), clients, *digits, *durations, product, retries)
    return table


def _links(summary: Mapping[str, Any]) -> Table:
    from rich.text import Text

    table = _table("Links (forged: accepted; one-way latency in seconds, of delivered packets)")
    table.add_column("link and way", overflow="fold")
    headings = ("sent", "deliv.", "timed\nout", "stuck", "open", "forged", "torn", "locked", "p50", "max")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    names = ("offered", "delivered", "timed_out", "stuck", "unfinished", "accepted_forged", "torn")
    for link_id, link in wording.links(summary).items():
        way = Text.assemble(
            (link_id, "bold"),
            f"\n{link['protocol'].replace('_', ' ')},\n{link['verify'].replace('_', ' ')}, {link['atomicity']}",
        )
        counts = [f"{link[name]:,}" for name in names] + [f"{sum(link['locked_at_end'].values()):,}"]
        spent = [wording.three_digits(link["latency_s"][q]) if link["delivered"] else "-" for q in ("p50", "max")]
        table.add_row(way, *counts, *spent)
    return table


def _months(summary: Mapping[str, Any]) -> Table:
    from rich.text import Text

    busiest = wording.busiest_chain(summary)
    table = _table(f"The year by tables (busiest hour and latency of {busiest})")
    table.caption = f"{year.sentence(summary)} {year.errors(summary)}"
    table.caption_justify = "left"
    table.add_column("month", no_wrap=True)
    for heading in ("records", "cases", "busiest\nper s", "p99", "rejected", "periods\nmissed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in summary["year"]["months"]:
        counts = [f"{sum(row['records'].values()):,}", f"{row['cases']:,}"]
        counts += [wording.three_digits(row["busiest_hour_tps"][busiest]), wording.duration(row["p99_s"][busiest])]
        table.add_row(Text(row["month"], style="bold"), *counts, f"{row['rejected']:,}", f"{row['deadlines_missed']:,}")
    return table


def _cases(summary: Mapping[str, Any], scenario: Scenario) -> Table:
    from rich.text import Text

    table = _table("Cases")
    table.caption = cases.sentence(summary)
    table.caption_justify = "left"
    table.add_column("workflow", overflow="fold")
    for heading in ("began", "ended", "open", "records", "periods\nmet", "periods\nmissed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in cases.workflows(summary, scenario):
        met, missed = (sum(number[name] for number in row["deadlines"].values()) for name in ("met", "missed"))
        counts = [f"{row[name]:,}" for name in ("started", "completed", "open", "records")]
        late = Text(f"{missed:,}", "bold red" if missed else "")
        table.add_row(
            Text(f"{row['spec'].code} {row['name'].partition('-')[2]}", style="bold"), *counts, f"{met:,}", late
        )
    return table


def _losses(summary: Mapping[str, Any], scenario: Scenario) -> Iterator[Table]:
    """What went wrong for people, if anything did."""
    from rich.text import Text

    found = cases.losses(summary, scenario)
    if found:
        table = _table("Losses")
        table.add_column("workflow", overflow="fold")
        table.add_column("loss", overflow="fold")
        table.add_column("in this run", justify="right")
        for loss in found:
            table.add_row(Text(loss.workflow, style="bold"), loss.name.replace("-", " "), loss.said)
        yield table


def _answers(summary: Mapping[str, Any]) -> Table:
    table = _table("Verification requests")
    table.add_column("answer", overflow="fold")
    table.add_column("in English", overflow="fold")
    table.add_column("requests", justify="right")
    for answer, number in wording.answers(summary):
        table.add_row(answer.zh, answer.en, f"{number:,}")
    return table


def _objectives(summary: Mapping[str, Any], scenario: Scenario) -> Table:
    from rich.text import Text

    table = _table("Objectives")
    table.add_column("outcome")
    table.add_column("metric", overflow="fold")
    table.add_column("target", justify="right", overflow="fold")
    table.add_column("actual", justify="right", overflow="fold")
    for goal in wording.objectives(summary, scenario):
        outcome = Text("met", "green") if goal.met else Text("missed", "bold red")
        table.add_row(outcome, goal.metric, goal.target, goal.actual)
    return table


def _speed(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    wall = manifest["wall"]
    computed = sum(chain["computed_blocks"] for chain in summary["chains"].values())
    assumed = f" and assumed at {computed:,} computed as a whole" if computed else ""
    return (
        f"{wording.simulated(summary)} simulated in {wording.duration(wall['simulation_s'])}: "
        f"{wording.three_digits(wall['events_per_s'])} events/s, "
        f"{wording.three_digits(wall['messages_per_s'])} messages/s, "
        f"at most {wording.storage(wall['peak_memory_bytes'])} of memory; "
        f"agreement checked at {summary['checked_heights']:,} heights{assumed}; "
        f"seed {summary['seed']}, run {summary['run_id']}\n"
        f"CPU costs from {wording.costs(manifest)}"
    )
