"""The command's frame: its verbs, what an error looks like, and what exit codes mean.

0: the verdict is the expected one. 1: another verdict. 2: bad input, told in one line per error. 130: interrupted.
"""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from sim.cli import (
    bench_report,
    calibrate,
    capacity,
    catalogue,
    compare,
    init,
    report,
    run,
    schema,
    show,
    sweep,
    torture,
    trace,
    validate,
    verify,
)
from sim.scenario import ScenarioError

BAD_INPUT = 2

app = typer.Typer(
    name="alliance",
    help="Try out a cross-chain alliance of judicial blockchains before anyone builds it.",
    epilog="Start with: alliance run scenarios/quickstart.yaml, or a scenario of your own: alliance init",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("init")(init.init)
app.command("validate")(validate.validate)
app.command("show")(show.show)
app.command("schema")(schema.schema)
app.command("list")(catalogue.catalogue)
app.command("sweep")(sweep.sweep)
app.command("compare")(compare.compare)
app.command("capacity")(capacity.capacity)
app.command("torture")(torture.torture)
app.command("trace")(trace.trace)
app.command("verify")(verify.verify)
app.command("calibrate")(calibrate.calibrate)
app.command("report")(report.report)
app.command("bench-report")(bench_report.bench_report)


def run_command(arguments: list[str]) -> int:
    """Run the command with these arguments; returns its exit code, having told errors in one line each."""
    try:
        return app(arguments, standalone_mode=False) or 0
    except ScenarioError as error:
        print(error, file=sys.stderr)
    except (TyperException, OSError) as error:
        if str(error):
            print(f"alliance: {error}", file=sys.stderr)
    return BAD_INPUT
