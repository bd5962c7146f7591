"""`alliance schema`: the JSON Schema for editors, and the key reference for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sim.scenario import json_schema, key_reference, workflow_schema

SCHEMA_FILE = "scenario.schema.json"
WORKFLOW_FILE = "workflow.schema.json"
REFERENCE_FILE = "KEYS.md"


def schema_text() -> str:
    """The JSON Schema as it is committed."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def workflow_text() -> str:
    """The JSON Schema of workflow files as it is committed."""
    return json.dumps(workflow_schema(), indent=2, ensure_ascii=False) + "\n"


def schema(
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Write {SCHEMA_FILE}, {WORKFLOW_FILE} and {REFERENCE_FILE} there instead of printing."
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of scenario files, or write it with the key reference."""
    if write is None:
        print(schema_text(), end="")
        return
    from sim.study.store import write_text

    write_text(write / SCHEMA_FILE, schema_text())
    write_text(write / WORKFLOW_FILE, workflow_text())
    write_text(write / REFERENCE_FILE, key_reference())
    print(f"wrote {', '.join(str(write / name) for name in (SCHEMA_FILE, WORKFLOW_FILE, REFERENCE_FILE))}")
