"""What is asked of the chains: deposits, verifications and transfers in streams, and the profile that shapes them."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from sim.scenario.distributions import DurationDistribution, Model, SizeDistribution
from sim.scenario.problems import EntryError
from sim.scenario.quantities import (
    Duration,
    HoursOfDay,
    PositiveDuration,
    PositiveNumber,
    Rate,
    Share,
    one_of,
    whole,
)
from sim.scenario.references import ChainId, LinkId, ProfileId, StreamId, declared
from sim.scenario.units import parse_duration, show_duration

BACKOFF_NS: Final = parse_duration("1s")
"""What a client waits before it tries a rejected record again, unless its stream says otherwise.

gRPC's first back-off (github.com/grpc/grpc, doc/connection-backoff.md, INITIAL_BACKOFF); it does not grow here [guess].
"""
_OPEN: Final = ("rate", "profile", "arrivals", "year")
_CROSSING: Final = {
    "link": ("transfer", "query"),
    "amount": ("transfer",),
    "accounts": ("transfer",),
    "links": ("transfer",),
    "irreversible": ("transfer",),
    "freshness": ("query",),
}
"""Keys of streams over links, and their actions."""
_CLOSED: Final = ("clients", "think", "backoff")


class Profile(Model):
    """How a yearly mean becomes the rate at an hour of the day."""

    working_days_per_year: Annotated[int, whole(1, 366)] = Field(
        description="Monday to Friday less holidays; the office share spreads over their office hours."
    )
    office_hours: HoursOfDay = Field(description="Office hours in local time, whole hours.")
    office_share: Share = Field(description="Share of all load that falls in office hours.")
    hourly_weights: tuple[PositiveNumber, ...] = Field(
        min_length=1, description="Load of each office hour, relative to the others."
    )

    @model_validator(mode="after")
    def _one_weight_per_hour(self) -> Self:
        start_min, end_min = self.office_hours.start_min, self.office_hours.end_min
        if start_min % 60 or end_min % 60:
            raise EntryError([(("office_hours",), "needs whole hours, such as 09:00-17:00")])
        hours = (end_min - start_min) // 60
        if len(self.hourly_weights) != hours:
            count = f"{len(self.hourly_weights)} weights for {hours} office hours"
            raise EntryError([(("hourly_weights",), f"has {count}; needs one per hour")])
        return self


class Stream(Model):
    """A stream of records to deposit, of requests to verify records of such a stream, or of transfers over a link.

    An open loop has a `rate`, whatever the chain does; a closed loop has `clients` who wait for their records.
    """

    model_config = ConfigDict(json_schema_extra={"x-rivals": {"rate": [*_CLOSED], "clients": [*_OPEN]}})

    action: Annotated[
        Literal["deposit", "verify", "transfer", "query"], one_of("deposit", "verify", "transfer", "query")
    ] = Field(
        default="deposit",
        description="deposit: records for the chain; verify: requests to check one of them; transfer: packets that "
        "cross a link; query: what the chain where a link begins has on record of the link's relayers.",
    )
    chain: ChainId = Field(description="The chain that it goes to.")
    rate: Rate | None = Field(
        default=None,
        description="Open loop: mean over the reference year, which the profile shapes; without one, the rate "
        "throughout. Required without `clients`.",
    )
    clients: Annotated[int, whole(1, 10_000_000)] | None = Field(
        default=None,
        description="Closed loop, instead of `rate`: so many clients, each of whom waits until its record is committed "
        "at its node, thinks, and sends the next; deposit only.",
    )
    think: DurationDistribution | None = Field(
        default=None, description="Closed loop: from the answer to the next record; 0 if left out."
    )
    backoff: DurationDistribution | None = Field(
        default=None,
        description="Closed loop: from the news that a record was rejected to the next try; 1s if left out.",
    )
    profile: ProfileId | None = Field(default=None, description="How the rate follows the working day.")
    arrivals: Annotated[Literal["poisson", "regular"], one_of("poisson", "regular")] = Field(
        default="poisson", description="Open loop. poisson: independent arrivals; regular: evenly spaced."
    )
    begin: Duration = Field(default=0, description="When it begins, counted from the start of the simulation.")
    end: PositiveDuration | None = Field(default=None, description="When it ends; with the simulation if left out.")
    size: SizeDistribution | None = Field(
        default=None, description="Size of a record, or of a packet's data; required for deposit and transfer."
    )
    history: Annotated[int, whole(0, 10_000_000)] = Field(
        default=0, description="Records of this stream that are on the chain before the start; deposit only."
    )
    of: StreamId | None = Field(
        default=None, description="The deposit stream whose records are verified; verify only, required there."
    )
    absent: Share = Field(default=0.0, description="Share of requests for a record that was never deposited; verify.")
    altered: Share = Field(default=0.0, description="Share of requests with an altered record; verify only.")
    link: LinkId | None = Field(
        default=None, description="The link that packets, or answers, cross; transfer and query only, required there."
    )
    links: tuple[LinkId, ...] | None = Field(
        default=None,
        min_length=2,
        description="One to many, instead of `link`: each transfer is a group of packets, one over each of these "
        "links, of which all are executed or none; they lead over the same relay_chain.",
    )
    irreversible: Share | None = Field(
        default=None,
        description="Share of transfers over a relay_chain, or in two phases, whose effect can't be undone, and is "
        "left to people where it should be; none if left out.",
    )
    amount: Annotated[int, whole(1, 1_000_000_000)] | None = Field(
        default=None, description="What each packet transfers, in whole units; transfer only, required there."
    )
    accounts: Annotated[int, whole(1, 1_000_000_000)] | None = Field(
        default=None,
        description="Transfers over a link with atomicity: 2pc, required there: how many accounts there are on either "
        "chain; each transfer locks one of each, at random.",
    )
    freshness: PositiveDuration | None = Field(
        default=None,
        description="How old an answer may be, by the chain's blocks; as old as it likes if left out; query.",
    )
    year: Annotated[int, whole(1990, 2100)] | None = Field(default=None, description="Reference year of the rate.")

    @property
    def crossing(self) -> tuple[str, ...]:
        """The links that it crosses."""
        return self.links or (() if self.link is None else (self.link,))

    @model_serializer(mode="wrap")
    def _only_of_its_loop(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given: dict[str, Any] = handler(self)
        foreign = _OPEN if self.clients is not None else ()
        return {key: value for key, value in given.items() if key not in foreign}

    @field_validator("of", mode="after")
    @classmethod
    def _deposits_on_the_same_chain(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = declared(info)
        if value is None or known is None or value not in known.ids.get("workload", ()):
            return value
        if value not in known.deposits:
            raise ValueError(f"'{value}' does not deposit; needs a deposit stream of the same chain")
        chain, other = info.data.get("chain"), known.deposits[value]
        if None not in {chain, other} and chain != other:
            raise ValueError(f"'{value}' deposits on {other}; needs a stream that deposits on {chain}")
        return value

    @field_validator("end", mode="after")
    @classmethod
    def _after_its_begin(cls, value: int | None, info: ValidationInfo) -> int | None:
        begin = info.data.get("begin")
        if value is not None and begin is not None and value <= begin:
            raise ValueError(f"must be after the stream's begin, which is {show_duration(begin)}")
        return value

    @model_validator(mode="after")
    def _keys_of_the_action(self) -> Self:
        items = [*self._misplaced(), *self._of_the_other_loop()]
        if items:
            raise EntryError(items)
        return self

    def _of_the_other_loop(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """What an open loop has and a closed one has not, or the other way round."""
        given = self.model_fields_set
        if self.clients is None:
            if self.rate is None:
                yield ("rate",), "is missing; an open loop needs a rate such as 200/s, a closed loop needs clients"
            for key in sorted(given.intersection(_CLOSED)):
                yield (key,), "belongs to a closed loop; needs clients instead of rate"
            return
        if "rate" in given:
            yield ("clients",), "stands beside rate; needs either a rate (open loop) or clients (closed loop)"
        for key in sorted(given.intersection(_OPEN) - {"rate"}):
            yield (key,), f"belongs to an open loop; clients decide when they send, so a closed loop has no '{key}'"
        if self.action != "deposit":
            yield ("clients",), "belongs to action: deposit; needs a rate"
        if self.backoff is not None and self.backoff.constant == 0:
            yield ("backoff",), "must be more than 0, or rejected records come back at once and for ever"

    def _misplaced(self) -> Iterator[tuple[tuple[str, ...], str]]:
        for key, actions in _CROSSING.items():
            if self.action not in actions and getattr(self, key) is not None:
                yield (key,), f"belongs to action: {' or '.join(actions)}; needs that action, or no '{key}'"
        if self.action == "query":
            yield from self._unlike_a_query()
        elif self.action == "transfer":
            yield from self._unlike_a_transfer()
        elif self.action == "deposit":
            yield from self._unlike_a_deposit()
        else:
            yield from self._unlike_a_verification()

    def _unlike_a_deposit(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.size is None:
            yield ("size",), "is missing; a deposit needs the size of its records, such as 600B"
        if self.of is not None:
            yield ("of",), "belongs to action: verify; a deposit has no 'of'"
        for key in ("absent", "altered"):
            if getattr(self, key):
                yield (key,), f"belongs to action: verify; a deposit has no '{key}'"

    def _unlike_a_verification(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.history:
            yield ("history",), "belongs to action: deposit; a verification takes the records of its 'of'"
        if self.size is not None:
            yield ("size",), "belongs to action: deposit; a verification takes the records of its 'of'"
        if self.of is None:
            yield ("of",), "is missing; a verification needs the deposit stream whose records it checks"
        if self.absent + self.altered > 1:
            yield ("altered",), "must leave absent and altered together at 100% or less"

    def _unlike_a_query(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.link is None:
            yield ("link",), "is missing; a query needs the link that its answers cross"
        for key in ("size", "of", "history", "absent", "altered"):
            if getattr(self, key):
                yield (key,), f"belongs to another action; a query has no '{key}'"

    def _unlike_a_transfer(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.link is not None and self.links is not None:
            yield ("links",), "stands beside link; needs one of the two"
        needs = {} if self.links is not None else {"link": "the link that it crosses"}
        needs |= {"amount": "what each transfers", "size": "the size of its data"}
        for key, what in needs.items():
            if getattr(self, key) is None:
                yield (key,), f"is missing; a transfer needs {what}"
        for key in ("of", "history", "absent", "altered"):
            if getattr(self, key):
                yield (key,), f"belongs to another action; a transfer has no '{key}'"
