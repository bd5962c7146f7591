"""`alliance init`: a small, commented scenario to start from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

_NAME = "my-alliance"
"""What the starter calls itself."""


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where it goes.")] = Path(f"{_NAME}.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a small scenario to start from: complete in one file, with a comment on everything."""
    from sim.study.store import write_text

    if file.is_dir():
        raise typer.BadParameter(f"{file} is a directory; needs a file, such as {file / f'{_NAME}.yaml'}")
    if file.exists() and not force:
        raise FileExistsError(f"{file} exists; give --force to replace it, or another FILE")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"{file}: there is no directory {file.parent}")
    write_text(file, starter(file))
    print(f"wrote    {file}")
    print(f"next     alliance run {file}")


def starter(file: Path) -> str:
    """The starter for a file: it is called like the file, if scenarios can be called so."""
    from sim.scenario.quantities import ID

    text = resources.files("sim.scenario").joinpath("starter.yaml").read_text(encoding="utf-8")
    text = text.replace(f"{_NAME}.yaml", file.name)
    try:
        name = ID.read(file.stem)
    except ValueError:
        return text
    return text.replace(f"name: {_NAME}", f"name: {name}")
