"""Arguments that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Files: TypeAlias = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenario files.", show_default=False)]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as chains.jc.validators=31; repeatable."),
]
ExecutorName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--executor", metavar="NAME", help="processes (of this machine), serial, or dask (workers of a scheduler)."
    ),
]
Workers: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Processes at work. Default: one for each processor.", show_default=False)
]
Scheduler: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Of a Dask scheduler, such as tcp://host:8786; without it, dask starts workers here."
    ),
]
