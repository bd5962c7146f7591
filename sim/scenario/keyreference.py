"""The key reference for people, in Markdown: every key with what it takes, its default and its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.crosschain.ways import table
from sim.scenario.schema import Schema, complete_format, definition_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRODUCTION: Final = """# Keys of a scenario file

Made from the models by `alliance schema`; do not edit. Ids are keys of maps: lower-case letters, digits and hyphens,
starting with a letter. `extends: other.yaml` takes over another file's keys, relative to the file that says so: maps
merge by key, lists and values are replaced, and so is a distribution of another form. `--set a.b.c=value` overrides one
key; list elements go by number (`faults.0.at`).

A workflow's file, `workflows/NAME.yaml`, has the keys of `workflows.<id>` below. A state may be a shared step instead,
`serving: {use: e-service, served: window, failed: public-notice}`: the states of `workflows/steps/e-service.yaml`, of
which the first is called `serving` and the others `serving.NAME`, with the states that follow its `exits`; a `then`
beside it is added to all of them. A scenario names workflows in a list, or in a map with what of their files changes.
"""
_HEAD: Final = "| key | value | default | meaning |\n|---|---|---|---|"


def key_reference() -> str:
    """Return the key reference as a Markdown document."""
    root = complete_format()
    sections = "\n".join(_sections("", root))
    forms = "\n".join(_sections("", definition_of("DurationDistribution")["anyOf"][1]))
    return f"{_INTRODUCTION}{sections}\n{_distributions(forms)}\n{_quantities(root)}\n## Ways to cross\n\n{table()}\n"


def _sections(path: str, schema: Schema) -> Iterator[str]:
    """Yield the section of one map of keys, then those of the maps below it."""
    properties: Schema = schema["properties"]
    required = schema.get("required", ())
    yield f"\n## `{path}`\n" if path else ""
    if path and "description" in schema:
        yield schema["description"].replace("\n\n", "\n") + "\n"
    yield _HEAD
    for key, child in properties.items():
        yield f"| `{key}` | {_label(child)} | {_default(child, required=key in required)} | {_meaning(child)} |"
    for key, child in properties.items():
        below, inner = _inner(f"{path}.{key}" if path else key, child)
        if inner is not None:
            yield from _sections(below, inner)


def _inner(path: str, schema: Schema) -> tuple[str, Schema | None]:
    """Return the map of keys that a key leads to, and the path that it then has; None for a scalar or distribution."""
    if "patternProperties" in schema:
        return _inner(f"{path}.<id>", next(iter(schema["patternProperties"].values())))
    if "items" in schema:
        return _inner(f"{path}.<number>", schema["items"])
    if "$ref" in schema:
        return _inner(path, definition_of(schema["$ref"]))
    return path, schema if "properties" in schema else None


def _label(schema: Schema) -> str:
    if "x-kind" in schema:
        return str(schema["x-kind"])
    if "patternProperties" in schema:
        return f"map by id: {_label(next(iter(schema['patternProperties'].values())))}"
    if "items" in schema:
        return f"list: {_label(schema['items'])}"
    name = str(schema["$ref"]).rpartition("/")[2]
    if name.endswith(("Distribution", "Plain")):
        kind = name.removesuffix("Distribution").removesuffix("Plain").lower()
        return f"[distribution](#distributions) of {kind}s"
    return "keys, see below" if "properties" in definition_of(name) else f"[{name}](#quantities)"


def _default(schema: Schema, *, required: bool) -> str:
    if required:
        return "required"
    default: Any = schema.get("default")
    if isinstance(default, dict):
        return ", ".join(f"{key}: {value}" for key, value in default.items())
    return "" if default is None or default == [] else f"`{default}`"


def _meaning(schema: Schema) -> str:
    text = str(schema.get("description", "")).replace("\n", " ")
    return text.translate({ord("|"): "\\|", ord("*"): "\\*", ord("<"): "&lt;", ord(">"): "&gt;"})


def _distributions(forms: str) -> str:
    return (
        "\n## Distributions\n\nA bare quantity is a constant; otherwise exactly one of these keys. The quantities are "
        f"durations or sizes, as the key needs; the table shows durations.\n{forms}\n"
    )


def _quantities(root: Schema) -> str:
    rows = [
        f"| {name} | {', '.join(f'`{example}`' for example in kind['examples'])} |"
        for name, kind in root["$defs"].items()
        if "x-kind" in kind
    ]
    return "\n## Quantities\n\n| kind | examples |\n|---|---|\n" + "\n".join(rows) + "\n"
