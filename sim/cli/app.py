"""The command's frame: its verbs, what an error looks like, and what exit codes mean.

0: the verdict is the expected one. 1: another verdict. 2: bad input, told in one line per error. 130: interrupted.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import typer
from typer.exceptions import TyperException

from sim.cli import calibrate, catalogue, run, schema, show, validate, verify
from sim.scenario import ScenarioError

if TYPE_CHECKING:
    from types import FrameType

BAD_INPUT = 2
INTERRUPTED = 130

app = typer.Typer(
    name="alliance",
    help="Try out a cross-chain alliance of judicial blockchains before anyone builds it.",
    epilog="Start with: alliance run scenarios/quickstart.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("validate")(validate.validate)
app.command("show")(show.show)
app.command("schema")(schema.schema)
app.command("list")(catalogue.catalogue)
app.command("verify")(verify.verify)
app.command("calibrate")(calibrate.calibrate)


def main() -> NoReturn:
    """Entry point of the command."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = _fail("interrupted, nothing was written", INTERRUPTED)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        code = BAD_INPUT
    except TyperException as error:
        code = _fail(str(error), BAD_INPUT)
    except OSError as error:
        code = _fail(str(error), BAD_INPUT)
    sys.exit(code or 0)


def _fail(message: str, code: int) -> int:
    if message:
        print(f"alliance: {message}", file=sys.stderr)
    return code


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
