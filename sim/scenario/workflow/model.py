"""The frozen model of a workflow file: every key with its type, default and meaning.

The descriptions are the key reference. A dump leaves out whatever is the default, so that a saved run with all
workflows stays readable. Shared steps are filled in before (`steps`): no model knows the key ``use``.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from sim.scenario.distributions import (
    Distribution,
    DurationDistribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Model,
    Normal,
    Pareto,
    Plain,
    SizeDistribution,
    Truncated,
    Uniform,
)
from sim.scenario.problems import EntryError
from sim.scenario.quantities import Id, PositiveNumber, Rate, Share, Text, one_of, whole
from sim.scenario.references import ChainId, ProfileId
from sim.scenario.workflow.quantities import (
    Amount,
    CallName,
    Code,
    Flag,
    LegalPeriod,
    Span,
    StateName,
    is_working,
)
from sim.scenario.yamltree import Map, Scalar

for _model in (Exponential, Uniform, Lognormal, Normal, Gamma, Pareto, Empirical, Plain, Truncated):
    for _quantity in (Span, Amount):
        _model.__class_getitem__(_quantity)
_Drawn = TypeVar("_Drawn", bound=Plain[Any])


def _one_draw(spec: _Drawn) -> _Drawn:
    """Refuse what takes more than one draw: a case has one number for each of its steps.

    Raises:
        ValueError: it does.
    """
    (form,) = spec.model_fields_set
    if form not in _ONE_DRAW:
        raise ValueError(f"is {form}, which takes several draws; needs one of {', '.join(_ONE_DRAW)}")
    return spec


_ONE_DRAW = ("constant", "exponential", "uniform", "lognormal", "normal", "pareto")
SpanDistribution: TypeAlias = Annotated[Distribution[Span], AfterValidator(_one_draw)]
CalmDistribution: TypeAlias = Annotated[DurationDistribution, AfterValidator(_one_draw)]
AmountDistribution: TypeAlias = Annotated[Distribution[Amount], AfterValidator(_one_draw)]
RecordSizeDistribution: TypeAlias = Annotated[SizeDistribution, AfterValidator(_one_draw)]

ANSWERS = ("any", "done", "timed-out", "refused", "pass", "not-found", "mismatch", "no-answer")
WAITS = ("committed", "delivered", "acknowledged", "answered")
PRIORITIES = ("P0", "P1", "P2", "P3", "P4")
TRIGGERS = ("after", "due", "desk", "on")
HEARERS = ("parent", "children", "subject")
QUARTERS = 4
_MEAN_TOLERANCE = 0.01
"""Published quarterly weights are rounded to a hundredth; they are scaled to a mean of exactly 1."""


class Part(Model):
    """A part of a workflow; its dump leaves out what is the default."""

    @model_serializer(mode="wrap")
    def _lean(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = handler(self)
        kept = {}
        for name, info in type(self).model_fields.items():
            key = info.serialization_alias or info.alias or name
            key = key if key in dumped else name
            if key in dumped and (
                info.is_required() or getattr(self, name) != info.get_default(call_default_factory=True)
            ):
                kept[key] = dumped[key]
        return kept


class Guard(Part):
    """What must hold, or a transition cannot be taken."""

    yes: tuple[Id, ...] = Field(default=(), description="Facts that must all hold.")
    no: tuple[Id, ...] = Field(default=(), description="Facts none of which may hold.")
    answer: Annotated[str, one_of(*ANSWERS)] = Field(
        default="any", description="What the wait of the transition into this state ended with."
    )


class Deposit(Part):
    """Records that are deposited."""

    kind: Id = Field(description='What they are: "judgment", "receipt".')
    chain: ChainId | None = Field(default=None, description="Where; the workflow's chain if left out.")
    count: PositiveNumber = Field(default=1.0, description="How many; a fractional part is a chance of one more.")
    size: RecordSizeDistribution | None = Field(default=None, description="Of each; else the scenario's usual size.")


class Sending(Part):
    """A message to another chain."""

    destination: ChainId = Field(alias="to", description="The other chain.")
    source: ChainId | None = Field(default=None, alias="from", description="The workflow's chain if left out.")
    name: Id | None = Field(default=None, description="What it is called; the state that follows if left out.")
    count: Annotated[int, whole(1, 10_000)] = Field(
        default=1, description="Packets, one for each institution asked; a wait is for the last of them."
    )
    verify: Annotated[str, one_of("none", "spv", "committee", "light_client")] | None = Field(
        default=None, description="What the other chain must check at least; whatever the link does if left out."
    )
    atomicity: Annotated[str, one_of("none", "packet", "2pc", "tcc", "htlc")] | None = Field(
        default=None, description="Which atomicity the link must have; whatever it has if left out."
    )


class Verification(Part):
    """A verification request."""

    of: Id = Field(description="Kind of the records asked about.")
    chain: ChainId | None = Field(default=None, description="Where they are; the workflow's chain if left out.")
    public: Flag = Field(default=True, description="On the Internet platform (article 7), or from inside the court.")
    altered: tuple[Id, ...] = Field(
        default=(), description="Facts of which each means that what is presented is not what was deposited."
    )
    absent: tuple[Id, ...] = Field(default=(), description="Facts of which each means that it was never deposited.")


class DeskWork(Part):
    """Work that a person does in office hours."""

    role: Id = Field(description="Who: clerk, judge, officer; `casework.desks` says how many there are.")
    work: SpanDistribution = Field(description="How long it takes, in office hours.")


class SpawnedCase(Part):
    """Another case that begins."""

    workflow: Id = Field(description="Of which workflow.")
    chance: Share = Field(default=1.0, description="That it begins.")
    carries: tuple[Id, ...] = Field(default=(), description="Facts that it takes over where it has such facts.")


class Signal(Part):
    """A signal to other cases."""

    to: Annotated[Literal["parent", "children", "subject"], one_of(*HEARERS)] = Field(
        description="The case that began this one, those that this one began, or all open cases about the same "
        "person or company."
    )
    signal: Id = Field(description="What they are told.")


class Transition(Part):
    """A way out of a state; exactly one of `after`, `due`, `desk` and `on` says when (`after` may delay `due`)."""

    to: StateName = Field(description="The state that it leads to.")
    after: SpanDistribution | None = Field(default=None, description="How long after the state was entered.")
    clock: Annotated[Literal["calendar", "office"], one_of("calendar", "office")] = Field(
        default="calendar", description="What `after` is counted in; office where it is written in working days (wd)."
    )
    due: StateName | None = Field(default=None, description="The deadline at whose end it fires.")
    desk: DeskWork | None = Field(default=None, description="Somebody has to do it.")
    on: Id | None = Field(default=None, description="The signal that it waits for; it pre-empts all else.")
    usually: CalmDistribution | None = Field(
        default=None, description="With `on`: how long that takes in calm, for cases that began before the run."
    )
    expected: Flag = Field(default=False, description="With `on`: this is the signal that comes in calm.")
    chance: Share | None = Field(
        default=None, description="Weight among the ways out that hold and are not `on`; an equal part of the rest."
    )
    guard: Guard = Field(default=Guard(), alias="if", description="What must hold.")
    by: Id | None = Field(default=None, description="Who does it: nature, a party, an office, a contract.")
    records: tuple[Deposit, ...] = Field(default=(), description="Deposited when it fires.")
    sends: Sending | None = Field(default=None, description="A message to another chain, sent when it fires.")
    call: CallName | None = Field(
        default=None, description="Of a contract's method, when the first of `records` is committed; else its own."
    )
    verifies: Verification | None = Field(default=None, description="A verification request.")
    waits: Annotated[Literal["committed", "delivered", "acknowledged", "answered"], one_of(*WAITS)] | None = Field(
        default=None, description="For what, before the next state is entered."
    )
    spawns: tuple[SpawnedCase, ...] = Field(default=(), description="Cases that begin.")
    tells: tuple[Signal, ...] = Field(default=(), description="Signals to other cases.")
    sets: tuple[Id, ...] = Field(default=(), description="Facts that hold from then on.")
    clears: tuple[Id, ...] = Field(default=(), description="Facts that do not hold from then on.")
    irreversible: Flag = Field(default=False, description="It cannot be undone, only repaired.")
    repaired_by: StateName | None = Field(default=None, description="The state that repairs it.")
    priority: Annotated[Literal["P0", "P1", "P2", "P3", "P4"], one_of(*PRIORITIES)] = Field(
        default="P2", description="Class of urgency of its desk work and transactions; P0 first."
    )
    law: Text | None = Field(default=None, description="The rule that it follows, such as CPL 126.")

    @model_validator(mode="before")
    @classmethod
    def _working_days_are_office_time(cls, value: object) -> object:
        if not isinstance(value, Map) or "after" not in value or "clock" in value:
            return value
        spans = list(_quantities_in(value["after"]))
        working = [span for span in spans if is_working(span)]
        if not working:
            return value
        if len(working) < len(spans):
            other = next(span for span in spans if not is_working(span))
            message = f"mixes working days ({working[0]}) with other time ({other}); needs one of them"
            raise EntryError([(("after",), message)])
        copy = value.copy()
        copy.put("clock", Scalar("office", working[0].position), value.keys_at["after"])
        return copy

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        items = list(self._wrong())
        if items:
            raise EntryError(items)
        return self

    def _wrong(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        given = [key for key in TRIGGERS if getattr(self, key) is not None]
        if not given:
            yield (), f"has no trigger; needs one of {', '.join(TRIGGERS)}"
        elif len(given) > 1 and given != ["after", "due"]:
            yield (given[-1],), f"stands beside {' and '.join(given[:-1])}; needs one of {', '.join(TRIGGERS)}"
        if "on" not in given:
            for key in ("usually", "expected"):
                if key in self.model_fields_set:
                    yield (key,), "belongs to 'on'; this way out waits for no signal"
        elif self.chance is not None:
            yield ("chance",), "stands beside on; a signal comes or does not, so it needs no chance"
        if self.expected and self.usually is None:
            yield ("usually",), "is missing; an expected signal needs how long it takes in calm"
        yield from self._impossible_waits()

    def _impossible_waits(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.waits == "committed" and not (self.records or self.call):
            yield ("waits",), "waits for a record, and there is none; needs records or call"
        if self.waits in {"delivered", "acknowledged"} and self.sends is None:
            yield ("waits",), "waits for a packet, and there is none; needs sends"
        if self.waits == "answered" and self.verifies is None:
            yield ("waits",), "waits for an answer, and nothing is asked; needs verifies"
        if self.repaired_by is not None and not self.irreversible:
            yield ("repaired_by",), "repairs what can be undone; needs irreversible: yes beside it"


def _quantities_in(value: object) -> Iterator[Scalar]:
    """Yield the durations in a distribution as written, without weights, shapes and exponents, which have no unit."""
    if isinstance(value, Scalar):
        if not value[-1:].isdigit():
            yield value
    elif isinstance(value, Map):
        for child in value.values():
            yield from _quantities_in(child)
    elif isinstance(value, list):
        for child in value:
            yield from _quantities_in(child)


class State(Part):
    """A state of a case; without a way out (`then`) it is an end."""

    title: Text | None = Field(default=None, description="In English; its name if left out.")
    zh: Text | None = Field(default=None, description="In Chinese.")
    then: tuple[Transition, ...] = Field(default=(), description="Ways out.")


class Deadline(Part):
    """A period of law (期间)."""

    within: LegalPeriod = Field(description="How long: h, d, wd (working days), months or years.")
    starts: tuple[StateName, ...] = Field(min_length=1, description="Entering one of these states begins it.")
    ends: tuple[StateName, ...] = Field(min_length=1, description="Entering one of these states ends it.")
    restarts: tuple[StateName, ...] = Field(default=(), description="Entering one of these states begins it anew.")
    suspends: tuple[StateName, ...] = Field(default=(), description="In these states it does not run.")
    law: Text | None = Field(default=None, description="The rule that sets it.")
    assumed: Flag = Field(default=False, description="The period is a guess or from memory.")


class Loss(Part):
    """What goes wrong for people."""

    state: StateName = Field(description="Entering it counts.")
    guard: Guard = Field(default=Guard(), alias="if", description="What must hold for it to count; also truths.")
    unit: Annotated[Literal["cases", "CNY", "days"], one_of("cases", "CNY", "days")] = Field(
        default="cases", description="cases; CNY, what is at stake; or days since the state `since` was entered."
    )
    since: StateName | None = Field(default=None, description="A state entered before; only with days.")

    @model_validator(mode="after")
    def _days_since(self) -> Self:
        if (self.unit == "days") != (self.since is not None):
            message = "belongs to unit: days" if self.since is not None else "is missing; days need since which state"
            raise EntryError([(("since",), message)])
        return self


class Fact(Part):
    """A yes or no that is drawn when a case begins."""

    chance: Share = Field(description="That it holds; 0% for one that only a transition sets.")
    truth: Flag = Field(default=False, description="It is true of the world, and no rule or contract can see it.")
    given: Id | None = Field(default=None, description="A fact, declared before, without which it does not hold.")


class Starts(Part):
    """How many cases begin by themselves."""

    rate: Rate = Field(description="Mean in the whole country, such as 11.998e6/year.")
    year: Annotated[int, whole(1949, 2100)] | None = Field(default=None, description="The year of the rate's source.")
    profile: ProfileId | None = Field(default=None, description="How they follow the working day; else evenly.")
    seasons: tuple[PositiveNumber, ...] = Field(
        default=(1.0, 1.0, 1.0, 1.0), min_length=4, max_length=4, description="Weights of the quarters, mean 1."
    )
    batch: Annotated[int, whole(1, 1_000_000)] = Field(default=1, description="Cases that begin together.")

    @field_validator("seasons", mode="after")
    @classmethod
    def _mean_one(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        mean = sum(value) / QUARTERS
        if abs(mean - 1) > _MEAN_TOLERANCE:
            raise ValueError(f"have the mean {mean:g}; needs weights of the quarters whose mean is 1")
        return value


class Workflow(Part):
    """A workflow of the courts; a case begins in its first state."""

    code: Code = Field(description="Its number, such as W12.")
    title: Text = Field(description="In English.")
    zh: Text = Field(description="In Chinese.")
    articles: tuple[Annotated[int, whole(1, 32)], ...] = Field(
        min_length=1, description="Of the Opinions (法发〔2022〕16号), which it runs."
    )
    chain: ChainId = Field(description="Where its cases live and their records go, unless they say otherwise.")
    starts: Starts | None = Field(default=None, description="How many cases begin by themselves; else none.")
    amount: AmountDistribution | None = Field(default=None, description="What is at stake, CNY.")
    subjects: Annotated[int, whole(0, 2_000_000_000)] = Field(
        default=0, description="Persons or companies that its cases are about, in the country; 0: each its own."
    )
    facts: Mapping[Id, Fact] = Field(default_factory=dict, description="What is drawn when a case begins, in order.")
    deadlines: Mapping[StateName, Deadline] = Field(default_factory=dict, description="Periods of law.")
    losses: Mapping[StateName, Loss] = Field(default_factory=dict, description="What goes wrong for people.")
    states: Mapping[StateName, State] = Field(min_length=1, description="States by name; the first one begins.")
    assumptions: Mapping[Id, Text] = Field(default_factory=dict, description="Guesses that an answer may hang on.")
