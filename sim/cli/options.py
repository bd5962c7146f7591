"""Arguments that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Files: TypeAlias = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenario files.", show_default=False)]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as chains.jc.validators=31; repeatable."),
]
Language: TypeAlias = Annotated[
    Literal["en", "zh"],
    typer.Option("--lang", help="Language of the report and of what is printed: English or Chinese (en, zh)."),
]
