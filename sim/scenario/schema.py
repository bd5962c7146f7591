"""The file format as data, made from the models: JSON Schema for editors, a key reference for people, and key look-up.

Three readers, one origin: what the models accept, what an editor completes and what the reference says cannot differ.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sim.scenario.model import Scenario
from sim.scenario.quantities import BANDWIDTH, DURATION, HOURS, ID, INSTANT, RATE, SHARE, SIZE, Reader
from sim.scenario.workflow.quantities import AMOUNT, PERIOD, SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

Schema: TypeAlias = dict[str, Any]

_QUANTITIES: Final[dict[str, Reader[Any]]] = {
    reader.name: reader for reader in (DURATION, SIZE, BANDWIDTH, RATE, SHARE, INSTANT, HOURS, SPAN, PERIOD, AMOUNT)
}
_LITERAL: Final = frozenset({"default", "examples", "enum", "x-kind", "x-rivals"})
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "#/$defs/"
_WHOLE_ENTRIES: Final = frozenset({"Link", "Fault", "Slo", "Transition", "Deposit", "SpawnedCase", "Signal"})
_EXTENDS: Final = {
    "type": "string",
    "minLength": 1,
    "description": "Another scenario file, relative to this one; its maps merge with this one's by key, "
    "its lists and values are replaced, and a distribution of another form is replaced whole.",
}
_MATRIX_PATH: Final = {"type": "string", "minLength": 1, "description": "Path of a delay-matrix file."}
_HOLIDAYS_PATH: Final = {"type": "string", "minLength": 1, "description": "Path of a table of holidays."}
_CALIBRATION_PATH: Final = {"type": "string", "minLength": 1, "description": "Path of a calibration file."}

_USE: Final = {
    "type": "object",
    "description": "A shared step, `steps/NAME.yaml`: besides these keys, the state that follows each of its exits.",
    "properties": {
        "use": {"type": "string", "description": "Name of the shared step."},
        "title": {"type": "string"},
        "zh": {"type": "string"},
        "then": {"type": "array", "items": {"$ref": "#/$defs/Transition"}},
    },
    "required": ["use"],
    "additionalProperties": {"type": "string"},
}


def json_schema() -> Schema:
    """Return the JSON Schema (2020-12) of a scenario file.

    Any key may come from the file that ``extends`` names, so the schema requires none but those of list entries, which
    a file always writes in full.
    """
    root: Schema = _without_marks(complete_format())
    for name, definition in root["$defs"].items():
        if name not in _WHOLE_ENTRIES:
            definition.pop("required", None)
    root.pop("required")
    delays, costs = root["$defs"]["Network"]["properties"]["delays"], root["properties"]["costs"]
    for key, path in ((delays, _MATRIX_PATH), (costs, _CALIBRATION_PATH)):
        key["anyOf"] = [path, {"$ref": key.pop("$ref")}]
    holidays = root["$defs"]["Casework"]["properties"]["holidays"]
    holidays["anyOf"] = [_HOLIDAYS_PATH, {"$ref": holidays.pop("$ref")}]
    workflows = root["properties"]["workflows"]
    ids = {"type": "string", **{key: ID.schema[key] for key in ("pattern",)}}
    whole = {key: workflows.pop(key) for key in ("patternProperties", "additionalProperties") if key in workflows}
    workflows["anyOf"] = [{"type": "array", "items": ids}, {"type": "object", **whole}]
    workflows.pop("type", None)
    root["properties"] = {"extends": _EXTENDS, **root["properties"]}
    return {"$schema": _DIALECT, "title": "Scenario of an alliance of permissioned chains", **root}


def workflow_schema() -> Schema:
    """Return the JSON Schema (2020-12) of a workflow's file, in which a state may use a shared step."""
    complete = _without_marks(complete_format())
    workflow = complete["$defs"]["Workflow"]
    needed: dict[str, Schema] = {}
    waiting = list(_references(workflow))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = complete["$defs"][name]
            waiting += _references(needed[name])
    needed["State"] = {"anyOf": [needed["State"], _USE]}
    defs = {name: needed[name] for name in complete["$defs"] if name in needed}
    return {"$schema": _DIALECT, "title": "Workflow of the courts", **workflow, "$defs": defs}


def _references(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(_REFERENCE)
        for value in node.values():
            yield from _references(value)


def complete_format() -> Schema:
    """Return the schema of a complete scenario, in which ``x-kind`` names the kind of each scalar."""
    return format_of(Scenario)


@cache
def format_of(model: type[BaseModel]) -> Schema:
    """Return the schema of a complete file of this model, in which ``x-kind`` names the kind of each scalar."""
    raw = model.model_json_schema(by_alias=True)
    names = {name: definition["title"] for name, definition in raw.setdefault("$defs", {}).items()}
    root: Schema = _normal(raw, {f"{_REFERENCE}{old}": f"{_REFERENCE}{new}" for old, new in names.items()})
    kinds = {
        kind: {"x-kind": kind, **reader.schema, "description": f"Needs {reader.needs}."}
        for kind, reader in _QUANTITIES.items()
    }
    defs = {names[name]: definition for name, definition in root["$defs"].items()}
    root["$defs"] = {name: defs[name] for name in sorted(defs)} | kinds
    return root


def definition_of(reference: str) -> Schema:
    """Return the part of the format that a ``$ref``, or its last word, names."""
    found: Schema = complete_format()["$defs"][reference.removeprefix(_REFERENCE)]
    return found


def _normal(node: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Return a schema with short names, without nulls and automatic titles, and with defaults as a file writes them."""
    if isinstance(node, list):
        return [_normal(item, names) for item in node]
    if not isinstance(node, dict):
        return names.get(node, node) if isinstance(node, str) else node
    node = {key: value for key, value in node.items() if key not in {"title", "propertyNames"}}
    if "default" in node:
        node = _with_default_as_written(node)
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        node = {**choices[0], **{key: value for key, value in node.items() if key != "anyOf"}}
    elif choices:
        node["anyOf"] = choices
    if "patternProperties" in node:
        node["additionalProperties"] = False
    kind = str(node.get("x-kind", "")).removeprefix("positive ")
    if kind in _QUANTITIES:
        return {"$ref": f"{_REFERENCE}{kind}", **{key: node[key] for key in ("description", "default") if key in node}}
    return {
        key: {name: _normal(child, names) for name, child in value.items()}
        if key == "properties"
        else (value if key in _LITERAL else _normal(value, names))
        for key, value in node.items()
    }


def _with_default_as_written(node: Schema) -> Schema:
    """Return the schema of a field with its default in the file's words; a default of nothing is left out."""
    default = node["default"]
    reader = _QUANTITIES.get(str(node.get("x-kind", "")).removeprefix("positive "))
    if default is not None and reader is not None:
        default = reader.show(default)
    rest = {key: value for key, value in node.items() if key != "default"}
    return rest if default is None else {**rest, "default": default}


def _without_marks(node: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        return [_without_marks(item) for item in node]
    if isinstance(node, dict):
        return {key: _without_marks(value) for key, value in node.items() if key not in {"x-kind", "x-rivals"}}
    return node


class Node:
    """A place in the format: which keys may stand there, and what stands below a key."""

    def __init__(self, schema: Schema, model: type[BaseModel] = Scenario) -> None:
        self._schema = schema
        self._model = model
        self._choices = list(_resolved(schema, model))

    @staticmethod
    def root(model: type[BaseModel] = Scenario) -> Node:
        """Return the top of a file: of a scenario, without ``extends``, unless it is of another model."""
        return Node(format_of(model), model)

    @staticmethod
    def of(name: str) -> Node:
        """Return the part of the format of this name."""
        return Node(definition_of(name))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are known here; none where the keys are ids."""
        return tuple(key for choice in self._choices for key in choice.get("properties", ()))

    @property
    def meaning(self) -> str:
        """What the key says, without a full stop; empty where the models do not say."""
        return str(self._schema.get("description", "")).removesuffix(".")

    @property
    def has_ids(self) -> bool:
        """Whether the keys here are ids of the user's choice."""
        return any(_values(choice) is not None for choice in self._choices)

    @property
    def is_list(self) -> bool:
        """Whether a list stands here."""
        return any("items" in choice for choice in self._choices)

    def rivals(self, key: str) -> tuple[str, ...]:
        """The keys that cannot stand beside this one: where a file overlays another, it takes their place."""
        return tuple(name for choice in self._choices for name in choice.get("x-rivals", {}).get(key, ()))

    @property
    def is_choice(self) -> bool:
        """Whether exactly one of the keys may be given."""
        return any(choice.get("maxProperties") == 1 for choice in self._choices)

    def below(self, key: str | int) -> Node | None:
        """Return what stands below a key, an id or a list number; None if that cannot be."""
        for choice in self._choices:
            if key in choice.get("properties", {}):
                return Node(choice["properties"][key], self._model)
            if isinstance(key, int) and "items" in choice:
                return Node(choice["items"], self._model)
            values = _values(choice)
            if isinstance(key, str) and values is not None:
                return Node(values, self._model)
        return None


def _values(schema: Schema) -> Schema | None:
    """Return the schema of the values of a map by id."""
    patterns: Schema = schema.get("patternProperties", {})
    found = next(iter(patterns.values()), schema.get("additionalProperties"))
    return found if isinstance(found, dict) else None


def _resolved(schema: Schema, model: type[BaseModel]) -> Iterator[Schema]:
    """Yield the alternatives of a schema, references followed."""
    if "$ref" in schema:
        yield from _resolved(format_of(model)["$defs"][schema["$ref"].removeprefix(_REFERENCE)], model)
    elif "anyOf" in schema:
        for choice in schema["anyOf"]:
            yield from _resolved(choice, model)
    else:
        yield schema
