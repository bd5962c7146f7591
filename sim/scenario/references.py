"""Which ids a scenario declares, read from the tree before validation, and the fields that refer to them.

Reading the ids first lets every reference be checked where it is written, in the same pass as everything else and even
when another part of the file is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic_core import core_schema

from sim.scenario.problems import SET, hint
from sim.scenario.quantities import DURATION, ID, scalar_text, whole
from sim.scenario.yamltree import List, Map, Scalar, Value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue

_REQUIRED = ("members", "zones", "chains", "regions")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a scenario declares, as far as it can be read.

    Attributes:
        ids: the ids of each section; a section that is missing though required, or no map, is left out, since that is
            a problem of its own and would make every reference to it look wrong.
        nodes: validators and observers together of each chain, where both are whole numbers.
        deposits: the chain of each stream that deposits records; None where that is no chain.
        cases: names of deadlines and losses of each workflow, by section, where it is a map.
        horizon_ns: the horizon in nanoseconds, where it is a duration.
        costs_file: the file in which the costs are written, or ``--set``; None where they are no map.
        file: the file that the user named.
        files: all files that something in the scenario was written in, as shown to the user, in the order of keys.
    """

    ids: Mapping[str, tuple[str, ...]]
    nodes: Mapping[str, int]
    deposits: Mapping[str, str | None]
    cases: Mapping[str, Mapping[str, tuple[str, ...]]]
    horizon_ns: int | None
    costs_file: str | None
    file: Path
    files: tuple[str, ...]

    @staticmethod
    def of(root: Map, file: Path) -> Declared:
        """Read the ids that the tree ``root`` of ``file`` declares."""
        sections = {name: root.get(name) for name in ("members", "zones", "chains", "profiles", "workload", "links")}
        sections["regions"] = _get(_get(root.get("network"), "delays"), "regions")
        ids = {
            name: tuple(section) if isinstance(section, Map) else ()
            for name, section in sections.items()
            if isinstance(section, Map) or (section is None and name not in _REQUIRED)
        }
        chains = sections["chains"] if isinstance(sections["chains"], Map) else {}
        streams = sections["workload"] if isinstance(sections["workload"], Map) else {}
        return Declared(
            ids,
            {chain: count for chain, value in chains.items() if (count := _nodes(value)) is not None},
            {
                stream: str(chain) if (chain := _get(value, "chain")) in chains else None
                for stream, value in streams.items()
                if (_get(value, "action") or "deposit") == "deposit"
            },
            _cases(root.get("workflows")),
            _duration(root.get("horizon")),
            _costs_file(root.get("costs")),
            file,
            _files(root),
        )


def _files(root: Map) -> tuple[str, ...]:
    """The names of all sources that a tree's parts were written in, in the order in which they are met."""
    names = {root.position.source.name: None}
    left: list[Map | List] = [root]
    while left:
        tree = left.pop()
        if isinstance(tree, Map):
            names.update({place.source.name: None for place in tree.keys_at.values()})
            left += [below for below in tree.values() if isinstance(below, Map | List)]
        else:
            names[tree.position.source.name] = None
            left += [below for below in tree if isinstance(below, Map | List)]
    names.pop(SET, None)
    return tuple(names)


def _cases(workflows: Value | None) -> dict[str, dict[str, tuple[str, ...]]]:
    """What each workflow counts; of one that is no map, nothing."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, workflow in workflows.items() if isinstance(workflows, Map) else ():
        sections = {section: _get(workflow, section) for section in ("deadlines", "losses")}
        found[name] = {key: tuple(section) if isinstance(section, Map) else () for key, section in sections.items()}
    return found


def _costs_file(costs: Value | None) -> str | None:
    """Where the costs are written that no override changed; where all are overrides, there."""
    names = [cost.position.source.name for cost in costs.values()] if isinstance(costs, Map) else []
    return next((name for name in names if name != SET), SET if names else None)


def _get(value: Value | None, key: str) -> Value | None:
    return value.get(key) if isinstance(value, Map) else None


def _nodes(chain: Value) -> int | None:
    counts = []
    for key, default in (("validators", None), ("observers", 0)):
        written = _get(chain, key)
        try:
            counts.append(whole(0).read(written) if written is not None else default)
        except ValueError:
            return None
    validators, observers = counts
    return None if validators is None or observers is None else validators + observers


def _duration(value: Value | None) -> int | None:
    if not isinstance(value, Scalar):
        return None
    try:
        return DURATION.parse(value)
    except ValueError:
        return None


def declared(info: ValidationInfo) -> Declared | None:
    """Return what the scenario being read declares; None outside of `sim.scenario.load`."""
    return info.context if isinstance(info.context, Declared) else None


@dataclass(frozen=True)
class Reference:
    """Metadata of an id that must be declared in ``section``; ``noun`` is what users call one of its ids."""

    section: str
    noun: str

    def read(self, value: object, info: ValidationInfo) -> str:
        """Return the id.

        Raises:
            ValueError: the section does not declare it.
        """
        text = scalar_text(value, f"the id of a {self.noun}")
        known = declared(info)
        if known is not None and self.section in known.ids and text not in known.ids[self.section]:
            raise ValueError(self.dangling(text, known))
        return text

    def dangling(self, text: str, known: Declared) -> str:
        """Return the message about the id ``text``, which is not declared."""
        ids = known.ids[self.section]
        return f"'{text}' is not a {self.noun}{hint(text, ids, f'{self.noun}s')}{_also(text, ids, f'{self.noun}s')}"

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic to read with this reference alone."""
        return core_schema.with_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of an id, marked with what it refers to."""
        return {"x-kind": f"{self.noun} id", **ID.schema}


def _also(text: str, ids: tuple[str, ...], label: str) -> str:
    """Return the list of ids after a suggestion; without a suggestion the list is there already."""
    return f" {label}: {', '.join(ids)}" if "did you mean" in hint(text, ids, label) else ""


MEMBER = Reference("members", "member")
ZONE = Reference("zones", "zone")
CHAIN = Reference("chains", "chain")
PROFILE = Reference("profiles", "profile")
REGION = Reference("regions", "region")
STREAM = Reference("workload", "stream")
LINK = Reference("links", "link")
MemberId = Annotated[str, MEMBER]
ZoneId = Annotated[str, ZONE]
ChainId = Annotated[str, CHAIN]
ProfileId = Annotated[str, PROFILE]
RegionId = Annotated[str, REGION]
StreamId = Annotated[str, STREAM]
LinkId = Annotated[str, LINK]
