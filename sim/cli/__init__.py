"""The command `alliance`: one verb per file. Heavy libraries are imported when a verb needs them, never for --help."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130


def main() -> NoReturn:
    """Entry point of the command; an interruption at any moment, even while it loads, ends in one line."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        from sim.cli.app import run_command

        code = run_command(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("alliance: interrupted, nothing was written", file=sys.stderr)
    sys.exit(code)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
