"""Run directories read back: a run whose tables are files, and the stories of its cases.

A directory is a run if it holds what `sim.study.store.save_run` writes: ``scenario.yaml``, ``manifest.json``,
``summary.json``, all tables, and ``stories.json`` where cases were followed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.metrics.tables import TABLES
from sim.study.follow import Story
from sim.study.frames import Saved
from sim.study.manifest import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import TypeAdapter

    from sim.study.run import Run

STORIES: Final = "stories.json"
"""Where a run directory has the stories of its cases."""


class NotARun(OSError):
    """A directory does not hold a run that this version can read."""


def read_run(directory: str | Path) -> Run:
    """The run in a run directory; its tables stay where they are and are read when somebody looks at them.

    Raises:
        NotARun: something of it is missing, broken, or of another version.
        ScenarioError: its ``scenario.yaml`` is none.
    """
    from sim.scenario import load
    from sim.study.run import Run

    folder = Path(directory)
    summary = _json(folder, "summary.json")
    manifest = _json(folder, "manifest.json")
    if summary.get("schema") != SCHEMA_VERSION:
        raise NotARun(
            f"{folder} has a summary of schema {summary.get('schema', 'unknown')}; this version reads {SCHEMA_VERSION}"
        )
    _check_tables(folder)
    return Run(
        scenario=load(folder / "scenario.yaml"),
        summary=summary,
        trace_hash=str(summary["trace_hash"]),
        manifest=manifest,
        _recorder=Saved(folder / "tables"),
        stories=_stories(folder),
    )


def stories_as_json(stories: Sequence[Story]) -> bytes:
    """Stories as they stand in a run directory."""
    return _adapter().dump_json(tuple(stories), indent=2) + b"\n"


def _stories(folder: Path) -> tuple[Story, ...]:
    from pydantic import ValidationError

    file = folder / STORIES
    if not file.is_file():
        return ()
    try:
        return _adapter().validate_json(file.read_bytes())
    except ValidationError as error:
        raise NotARun(f"{file} does not hold stories of cases: {_first(error.errors()[0]['msg'])}") from error


def _adapter() -> TypeAdapter[tuple[Story, ...]]:
    from pydantic import TypeAdapter

    return TypeAdapter(tuple[Story, ...])


def _json(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    if not file.is_file():
        raise NotARun(f"{folder} is not a run directory: it has no {name}; needs the --out of an alliance run")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotARun(f"{file} is not JSON: {_first(error)}") from error
    if not isinstance(data, dict):
        raise NotARun(f"{file} is not a JSON object")
    return data


def _check_tables(folder: Path) -> None:
    """Look at every table's columns, so that what is wrong is told before anything is drawn."""
    import polars as pl
    from polars.exceptions import PolarsError

    for name, columns in TABLES.items():
        file = folder / "tables" / f"{name}.parquet"
        if not file.is_file():
            raise NotARun(f"{folder} is not a whole run directory: it has no tables/{name}.parquet")
        try:
            found = pl.read_parquet_schema(file)
        except (PolarsError, OSError) as error:
            raise NotARun(f"{file} cannot be read: {_first(error)}") from error
        if list(found) != list(columns):
            raise NotARun(f"{file} has other columns than this version's: {', '.join(found)}")


def _first(error: object) -> str:
    return str(error).partition("\n")[0]
