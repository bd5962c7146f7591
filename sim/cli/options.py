"""Arguments that several verbs take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from sim.cli.completion import scenario_files, setting_keys

Files: TypeAlias = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Scenario files.", show_default=False, autocompletion=scenario_files),
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key, such as chains.jc.validators=31; repeatable.",
        autocompletion=setting_keys,
    ),
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
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def print_json(data: object) -> None:
    """Print what a script reads: one JSON value over several lines."""
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


Language: TypeAlias = Annotated[
    Literal["en", "zh"],
    typer.Option("--lang", help="Language of the report and of what is printed: English or Chinese (en, zh)."),
]
