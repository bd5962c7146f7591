"""`alliance report`: make the page of a saved run or study again, in English or Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.options import Language


def report(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The --out of run, sweep, compare or capacity.", show_default=False),
    ],
    lang: Language = "en",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page. Default: report.html in that directory.")
    ] = None,
) -> int:
    """Make the page of a saved run or study again, from its tables. Exit code 2: the directory holds neither."""
    from sim.study.sweeps.journal import HEAD

    write = _of_study if (directory / HEAD).is_file() else _of_run
    print(write(directory, out or directory / "report.html", lang))
    return 0


def _of_run(directory: Path, page: Path, lang: str) -> Path:
    from sim.report import write_page
    from sim.study.run import Run

    return write_page(Run.read(directory), page, lang)


def _of_study(directory: Path, page: Path, lang: str) -> Path:
    from sim.report.studies import write_page
    from sim.study.sweeps.study import Study

    return write_page(Study.read(directory), page, lang=lang)
