"""`alliance show`: what a scenario says once everything is filled in, and what a workflow does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.completion import scenario_files
from sim.cli.options import AsJson, Settings, print_json
from sim.scenario import Problem, ScenarioError, find_workflow, is_workflow, load, load_workflow, parse_assignments

if TYPE_CHECKING:
    from sim.casework.definition import Workflow
    from sim.scenario import Scenario

_SECOND = 1e9
_SCENARIOS = Path("scenarios")
_WORKFLOWS = _SCENARIOS / "workflows"


def show(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A scenario or workflow file; --workflow needs none.",
            show_default=False,
            autocompletion=scenario_files,
        ),
    ] = None,
    settings: Settings = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the whole resolved scenario as YAML.")] = False,
    workflow: Annotated[
        str | None,
        typer.Option(metavar="W12", help="Print a workflow, by code or name: of FILE, or of scenarios/workflows."),
    ] = None,
    article: Annotated[
        int | None,
        typer.Option(metavar="14", min=1, max=32, help="Print an article of the Opinions, with what runs it."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Draw the workflow's state machine into this .svg or .png file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a scenario: chains and rates. Or a workflow: states, ways out, periods of law, contracts. Or an article."""
    if article is not None:
        _show_article(article, as_json=as_json)
        return
    if figure is not None and figure.suffix not in {".svg", ".png"}:
        raise typer.BadParameter(f"--figure {figure}: needs a file that ends in .svg or .png")
    if workflow is not None or (file is not None and is_workflow(file)):
        if as_json:
            raise typer.BadParameter("--json shows a scenario or an article; a workflow's FILE is its own data")
        _show_workflow(_workflow(file, workflow, settings), figure)
        return
    if figure is not None:
        raise typer.BadParameter("--figure draws a workflow: needs --workflow, or a workflow's FILE")
    if file is None:
        raise typer.BadParameter("needs a FILE, --workflow or --article")
    scenario = load(file, set=parse_assignments(settings or []))
    if as_yaml:
        print(scenario.to_yaml(), end="")
    elif as_json:
        print_json(_data(scenario))
    else:
        _tables(scenario)


def _workflow(file: Path | None, asked: str | None, settings: list[str] | None) -> Workflow:
    """Return the workflow that is asked for."""
    if file is None:
        return load_workflow(find_workflow(_WORKFLOWS, asked or ""))
    if is_workflow(file):
        return load_workflow(file)
    from sim.scenario.workflow.convert import to_definition

    workflows = load(file, set=parse_assignments(settings or [])).workflows
    for name, spec in workflows.items():
        if asked in {name, spec.code}:
            return to_definition(name, spec)
    known = ", ".join(f"{spec.code} {name}" for name, spec in workflows.items()) or "none"
    raise ScenarioError([Problem(str(file), 0, 0, "workflows", f"does not run '{asked}'; workflows: {known}")])


def _data(scenario: Scenario) -> dict[str, Any]:
    """The resolved scenario as its file has it, and beside it the rates that its streams come to."""
    import yaml

    from sim.build import rate_at_start

    rates = {}
    for stream_id, stream in scenario.workload.items():
        if stream.rate is not None:
            at_start, expected = rate_at_start(scenario, stream_id)
            rates[stream_id] = {"mean_per_s": stream.rate, "at_start_per_s": at_start, "in_the_run": expected}
    return {"scenario": yaml.safe_load(scenario.to_yaml()), "rates": rates}


def _show_article(number: int, *, as_json: bool) -> None:
    from sim.scenario.articles import load_articles
    from sim.scenario.files import read_map

    article = load_articles(_SCENARIOS / "articles.yaml")[number]
    if as_json:
        print_json({"article": number, **article.model_dump(by_alias=True)})
        return
    print(f"article {number} (part {article.part}): {article.title}{f'  {article.zh}' if article.zh else ''}")
    print(f"{article.says}\n")
    titles = {}
    for file in sorted(_WORKFLOWS.glob("*.yaml")):
        tree, _ = read_map(file)
        titles[str(tree.get("code"))] = f"{file.stem}: {tree.get('title')}"
    for code in article.workflows:
        print(f"workflow {code} {titles.get(code, '(no file yet)')}")
    for name in article.scenarios:
        there = (_SCENARIOS / f"{name}.yaml").is_file()
        print(f"scenario {name}{'' if there else ' (no file yet)'}")


def _show_workflow(workflow: Workflow, figure: Path | None) -> None:
    from sim.report.workflow_words import description

    print(description(workflow), end="")
    if figure is None:
        return
    from sim.report import style
    from sim.report.workflow_figure import workflow_figure
    from sim.study.store import write_text

    drawn = workflow_figure(workflow)
    if figure.suffix == ".svg":
        write_text(figure, style.to_svg(drawn))
    else:
        figure.write_bytes(style.to_png(drawn))
    print(f"\nwrote {figure}")


def _tables(scenario: Scenario) -> None:
    from rich.console import Console
    from rich.table import Table

    from sim.report.wording import by_messages

    console = Console()
    console.print(f"[bold]{scenario.name}[/]  {scenario.question}", highlight=False)
    console.print(f"{scenario.start.isoformat()} for {scenario.horizon / _SECOND:g} s, seed {scenario.seed}\n")
    chains = Table("chain", "member", "zone", "nodes", "hash", "regions")
    for chain_id, chain in scenario.chains.items():
        nodes = f"{chain.validators}+{chain.observers}" if chain.observers else str(chain.validators)
        member, zone = scenario.members[chain.member].zh, scenario.zones[chain.zone].zh
        chains.add_row(chain_id, member, zone, nodes, chain.hash, str(len(chain.regions)))
    console.print(chains)
    console.print(_streams(scenario))
    for note in by_messages(scenario):
        console.print(note, highlight=False)


def _streams(scenario: Scenario) -> object:
    from rich.table import Table

    from sim.build import rate_at_start

    streams = Table("stream", "chain", "action", "year", "mean/s", "at start/s", "in the run")
    for stream_id, stream in scenario.workload.items():
        year = str(stream.year) if stream.year else ""
        if stream.rate is None:
            numbers = f"{stream.clients:,} clients", "", ""
        else:
            rate, expected = rate_at_start(scenario, stream_id)
            numbers = f"{stream.rate:,.3f}", f"{rate:,.3f}", f"{expected:,.0f}"
        streams.add_row(stream_id, stream.chain, stream.action, year, *numbers)
    return streams
