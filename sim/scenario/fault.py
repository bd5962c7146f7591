"""What goes wrong in a scenario, and when. Which keys a fault has depends on its action; `_ACTIONS` says it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from sim.crosschain.points import POINT_NAMES
from sim.crosschain.ways import STOLEN_FROM
from sim.scenario.distributions import Model
from sim.scenario.problems import EntryError
from sim.scenario.quantities import Duration, PositiveDuration, Share, one_of, scalar_text, whole
from sim.scenario.references import REGION, ChainId, LinkId, RegionId, StreamId, declared
from sim.scenario.units import show_duration
from sim.scenario.yamltree import List

MAX_NODE_NUMBER = 20_000
_MAX_PPM = 500_000
_MAX_TIMES = 1_000_000
REST: Final = "rest"

NodeNumber = Annotated[int, whole(0, MAX_NODE_NUMBER)]
Problems = Iterator[tuple[tuple[str | int, ...], str]]


@dataclass(frozen=True, slots=True)
class _Group:
    """Metadata of a group: a list of regions and node numbers, or the word ``rest``."""

    def read(self, value: object, info: ValidationInfo) -> tuple[str | int, ...] | str:
        """Return regions as texts and nodes as numbers.

        Raises:
            EntryError: an entry is neither.
            ValueError: it is no list and not ``rest``.
        """
        if not isinstance(value, List | tuple):
            if scalar_text(value, "a group: a list, or rest") == REST:
                return REST
            raise ValueError(f"is '{value}'; needs a list of regions or node numbers, or the word rest")
        if not value:
            raise ValueError("is an empty group; needs a list of regions or node numbers, or the word rest")
        members: list[str | int] = []
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for index, entry in enumerate(value):
            try:
                members.append(_member(entry, info))
            except ValueError as error:
                problems.append(((index,), str(error)))
        if problems:
            raise EntryError(problems)
        return tuple(members)

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic to read with this alone."""
        return core_schema.with_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(_shown)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of a group."""
        members = {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1}
        return {"x-kind": "list of regions or node numbers, or rest", "anyOf": [{"enum": [REST]}, members]}


def _member(entry: object, info: ValidationInfo) -> str | int:
    text = scalar_text(entry, "a region or a node number")
    return whole(0, MAX_NODE_NUMBER).read(entry) if text[:1].isdigit() else REGION.read(entry, info)


def _shown(group: tuple[str | int, ...] | str) -> list[str | int] | str:
    return group if isinstance(group, str) else list(group)


Group = Annotated[tuple[str | int, ...] | str, _Group()]


@dataclass(frozen=True, slots=True)
class _Action:
    """What the entries of one action look like.

    Attributes:
        meaning: for the key reference.
        needs: keys that it must have; `where` stands for a chain with nodes or regions.
        may: keys that it may have besides; `where` as above, and `chain` alone.
        lies: only validators of a protocol that stands liars can do it.
        lasts: it can go on for a while.
    """

    meaning: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    lies: bool = False
    lasts: bool = True


_WHERE: Final = ("chain", "nodes", "regions")
_ACTIONS: Final = {
    "crash": _Action("the nodes stop, and restart at the end", needs=("where",), may=("disk",)),
    "partition": _Action("nodes of different groups are cut off from each other", ("groups",), ("chain", "direction")),
    "loss": _Action("a share of the messages is lost", ("share",), ("where",)),
    "duplicate": _Action("a share of the messages comes twice", ("share",), ("where",)),
    "lag": _Action("messages come later by extra", ("extra",), ("where",)),
    "clog": _Action("messages are held until the end, and come then", ("for",), ("where",)),
    "clock-skew": _Action("clocks are ahead, behind, or run at another rate", ("where",), ("ahead", "behind", "ppm")),
    "slow": _Action("CPUs need so many times as long", ("where", "times")),
    "silent": _Action("Byzantine: sends nothing", ("where",), ("peers",), lies=True),
    "delay": _Action("Byzantine: sends late", ("where", "extra"), ("peers",), lies=True),
    "withhold": _Action("Byzantine: sends no votes", ("where",), ("peers",), lies=True),
    "invalid-signature": _Action("Byzantine: signs badly", ("where",), ("peers",), lies=True),
    "censor": _Action("Byzantine: proposes nothing of some streams", ("where", "streams"), lies=True),
    "equivocate": _Action("Byzantine: tells either half of its peers something else", ("where",), lies=True),
    "conflicting-new-view": _Action(
        "Byzantine: opens a view that it leads with one story for either half", ("where",), lies=True
    ),
    "twins": _Action(
        "Byzantine: runs twice, each instance with its own group of peers", ("where", "groups"), lies=True
    ),
    "relayer-clock": _Action("clocks of relayers of a link jump", ("link",), ("relayers", "ahead", "behind")),
    "relayer-crash": _Action("relayers of a link stop, and begin anew at the end", ("link",), ("relayers", "after")),
    "forge": _Action(
        "relayers of a link make up packets instead",
        ("link",),
        ("relayers", "stolen_keys", "stolen_from", "blocks_ahead"),
    ),
    "notary-crash": _Action("notaries of a link answer nobody until the end", ("link",), ("notaries",)),
    "recover-client": _Action(
        "planned: members set a header to go on from where a light client of a link is frozen or expired",
        ("link",),
        lasts=False,
    ),
    "deny-receipt": _Action("relayers of a link deny that packets were received", ("link",), ("relayers",)),
    "censor-packets": _Action(
        "relayers of a link leave packets to others", ("link",), ("relayers", "streams", "amounts_from")
    ),
    "replay": _Action("relayers of a link also send again what was executed before", ("link",), ("relayers",)),
    "reorder": _Action("relayers of a link send what is due last first", ("link",), ("relayers",)),
    "version-skew": _Action(
        "relayers of a link write calls in the version after that of the contracts", ("link",), ("relayers",)
    ),
    "revoke": _Action(
        "planned: relayers, or notaries, are not admitted any more", ("link",), ("relayers", "notaries"), lasts=False
    ),
    "rotate": _Action(
        "planned: relayers, or notaries, have another key", ("link",), ("relayers", "notaries"), lasts=False
    ),
    "admit": _Action(
        "planned: relayers, or notaries, that were revoked are admitted with another key",
        ("link",),
        ("relayers", "notaries"),
        lasts=False,
    ),
    "transfer": _Action("planned: the leader of a raft chain hands over to a validator", ("chain", "to"), lasts=False),
}
CHANGES: Final = ("revoke", "rotate", "admit")
"""What changes the identity registry."""
LIES: Final = frozenset(name for name, action in _ACTIONS.items() if action.lies)
"""What only a Byzantine node does."""


class Fault(Model):
    """Something that goes wrong at a given time."""

    at: Duration = Field(description="When it starts, counted from the start of the simulation.")
    duration: PositiveDuration | None = Field(
        default=None, alias="for", description="How long it lasts; to the end if left out."
    )
    action: Annotated[str, one_of(*_ACTIONS)] = Field(
        description="; ".join(f"{name}: {action.meaning}" for name, action in _ACTIONS.items()) + "."
    )
    chain: ChainId | None = Field(
        default=None, description="The chain that it happens to; what happens to the network happens to all without it."
    )
    nodes: tuple[NodeNumber, ...] | None = Field(
        default=None,
        min_length=1,
        description="Numbers of the nodes that it happens to; validators come first, from 0.",
    )
    regions: tuple[RegionId, ...] | None = Field(
        default=None, min_length=1, description="Regions whose nodes it happens to, instead of nodes."
    )
    disk: Annotated[Literal["kept", "lost"], one_of("kept", "lost")] | None = Field(
        default=None,
        description="crash: lost: a validator restarts with nothing and counts as Byzantine; with raft it stays out.",
    )
    groups: tuple[Group, ...] | None = Field(
        default=None,
        min_length=2,
        description="partition: who still reaches each other; rest is all others. twins: the peers of either instance.",
    )
    direction: Annotated[Literal["both", "one-way"], one_of("both", "one-way")] | None = Field(
        default=None, description="partition: one-way: only what the first group sends to the others is lost."
    )
    share: Share | None = Field(default=None, description="loss, duplicate: share of the messages.")
    extra: PositiveDuration | None = Field(default=None, description="lag, delay: how much later.")
    ahead: PositiveDuration | None = Field(
        default=None, description="clock-skew, relayer-clock: how far the clocks jump ahead."
    )
    behind: PositiveDuration | None = Field(
        default=None, description="clock-skew, relayer-clock: how far they jump back."
    )
    ppm: Annotated[int, whole(-_MAX_PPM, _MAX_PPM)] | None = Field(
        default=None, description="clock-skew: microseconds that the clocks gain in a second, or lose if negative."
    )
    times: Annotated[int, whole(1, _MAX_TIMES)] | None = Field(
        default=None, description="slow: how many times as long."
    )
    peers: tuple[NodeNumber, ...] | None = Field(
        default=None, min_length=1, description="silent, delay, withhold, invalid-signature: only towards these nodes."
    )
    streams: tuple[StreamId, ...] | None = Field(
        default=None,
        min_length=1,
        description="censor: streams that a leader leaves out; censor-packets: that relayers leave out.",
    )

    link: LinkId | None = Field(
        default=None, description="What relayers and notaries do, and what is planned: the link."
    )
    relayers: tuple[NodeNumber, ...] | None = Field(
        default=None, min_length=1, description="What relayers do, or is done to them: their numbers; all if left out."
    )
    stolen_keys: Annotated[int, whole(1, MAX_NODE_NUMBER)] | None = Field(
        default=None, description="forge: how many keys they have."
    )
    stolen_from: Annotated[str, one_of(*STOLEN_FROM)] | None = Field(
        default=None,
        description="forge: whose keys: source, with verify: light_client, validators of the chain where the link "
        "begins; relay, those of the chain between, about which they lie then; notaries, those of the link. source if "
        "left out.",
    )
    blocks_ahead: Annotated[int, whole(1, 1_000_000_000)] | None = Field(
        default=None,
        description="forge: how many blocks above the head they put a header that they made up; 1 if left out. A light "
        "client that believed it is frozen when the chain itself comes there.",
    )
    notaries: tuple[NodeNumber, ...] | None = Field(
        default=None, min_length=1, description="What happens to notaries: their numbers; all if left out."
    )
    after: Annotated[str, one_of(*POINT_NAMES)] | None = Field(
        default=None,
        description="relayer-crash: not at that time, but as soon as it has sent such a call from then on; which there "
        "are depends on the link's protocol and atomicity.",
    )
    amounts_from: Annotated[int, whole(1, 1_000_000_000)] | None = Field(
        default=None, description="censor-packets: only packets that transfer so much at least."
    )
    to: NodeNumber | None = Field(default=None, description="transfer: the validator that is to lead.")

    @field_validator("at", mode="after")
    @classmethod
    def _before_the_end(cls, value: int, info: ValidationInfo) -> int:
        known = declared(info)
        if known is not None and known.horizon_ns is not None and value >= known.horizon_ns:
            raise ValueError(f"must be before the horizon, which is {show_duration(known.horizon_ns)}")
        return value

    @field_validator("nodes", "peers", mode="after")
    @classmethod
    def _nodes_of_the_chain(cls, value: tuple[int, ...] | None, info: ValidationInfo) -> tuple[int, ...] | None:
        chain = info.data.get("chain")
        known = declared(info)
        count = None if known is None else known.nodes.get(str(chain))
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for index, node in enumerate(value or ()):
            if node in (value or ())[:index]:
                problems.append(((index,), f"node {node} is repeated; needs each node once"))
            elif count is not None and node >= count:
                problems.append(((index,), f"{chain} has no node {node}; its nodes are 0 to {count - 1}"))
        if problems:
            raise EntryError(problems)
        return value

    @model_validator(mode="after")
    def _keys_of_the_action(self) -> Self:
        items = [*self._missing(), *self._misplaced(), *self._contradictory()]
        if items:
            raise EntryError(items)
        return self

    def _given(self) -> set[str]:
        names = {name: "for" if name == "duration" else name for name in type(self).model_fields}
        return {key for name, key in names.items() if getattr(self, name) is not None}

    def _missing(self) -> Problems:
        given = self._given()
        for key in _ACTIONS[self.action].needs:
            if key != "where" and key not in given:
                yield (key,), f"is missing; {self.action} needs it"
        if "where" in _ACTIONS[self.action].needs and not given & {"nodes", "regions"}:
            yield ("nodes",), f"is missing; {self.action} needs nodes, or regions"
        if "chain" not in given and "link" not in given and given & {"nodes", "peers", "streams"}:
            yield ("chain",), "is missing; nodes are numbers on one chain"
        elif "chain" not in given and "where" in _ACTIONS[self.action].needs:
            yield ("chain",), f"is missing; {self.action} needs it"

    def _misplaced(self) -> Problems:
        action = _ACTIONS[self.action]
        allowed = {"at", "action", *action.needs, *action.may} | ({"for"} if action.lasts else set())
        if "where" in allowed:
            allowed.update(_WHERE)
        for key in sorted(self._given() - allowed):
            if key == "for":
                yield (key,), f"does not belong here; {self.action} happens at one time"
                continue
            users = [name for name, other in _ACTIONS.items() if key in (*other.needs, *other.may)]
            users = users or [name for name, other in _ACTIONS.items() if "where" in (*other.needs, *other.may)]
            yield (key,), f"belongs to action: {', '.join(users)}; {self.action} has no '{key}'"

    def _contradictory(self) -> Problems:
        if self.nodes is not None and self.regions is not None:
            yield ("regions",), "contradicts nodes; needs one of the two"
        if self.ahead is not None and self.behind is not None:
            yield ("behind",), "contradicts ahead; needs one of the two"
        if self.action == "clock-skew" and self.ahead is self.behind is self.ppm is None:
            yield ("ahead",), "is missing; clock-skew needs ahead, behind or ppm"
        if self.action == "relayer-clock" and self.ahead is self.behind is None:
            yield ("ahead",), "is missing; relayer-clock needs ahead or behind"
        if self.action in CHANGES and (self.relayers is None) == (self.notaries is None):
            wrong = "is missing" if self.relayers is None else "contradicts notaries"
            yield ("relayers",), f"{wrong}; {self.action} needs relayers or notaries"
        if self.stolen_from is not None and self.stolen_keys is None:
            yield ("stolen_keys",), "is missing; stolen_from says whose they are"
        if self.disk == "lost" and self.duration is None:
            yield ("for",), "is missing; a node that never restarts needs no disk"
        if self.groups is not None and self.groups.count(REST) > 1:
            yield ("groups",), "says rest twice; needs it once at most"
        if self.action == "twins" and self.groups is not None and len(self.groups) != len(("first", "second")):
            yield ("groups",), f"has {len(self.groups)} entries; twins are two instances"
