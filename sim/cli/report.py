"""`alliance report`: make the page of a saved run again, in English or Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.options import Language


def report(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Run directory: the --out of alliance run.", show_default=False)
    ],
    lang: Language = "en",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page. Default: report.html in the run directory.")
    ] = None,
) -> int:
    """Make the page of a saved run again, from its tables. Exit code 2: the directory holds no run."""
    from sim.report import write_page
    from sim.study.run import Run

    print(write_page(Run.read(directory), out or directory / "report.html", lang))
    return 0
