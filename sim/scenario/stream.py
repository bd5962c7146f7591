"""What is asked of the chains: streams of deposits and verifications, and the daily profile that shapes them."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sim.scenario.distributions import Model, SizeDistribution
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
from sim.scenario.references import ChainId, ProfileId, StreamId, declared
from sim.scenario.units import show_duration


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
    """A stream of records to deposit, or of requests to verify records of such a stream."""

    action: Annotated[Literal["deposit", "verify"], one_of("deposit", "verify")] = Field(
        default="deposit", description="deposit: records for the chain; verify: requests to check one of them."
    )
    chain: ChainId = Field(description="The chain that it goes to.")
    rate: Rate = Field(
        description="Mean over the reference year, which the profile shapes; without a profile, the rate throughout."
    )
    profile: ProfileId | None = Field(default=None, description="How the rate follows the working day.")
    arrivals: Annotated[Literal["poisson", "regular"], one_of("poisson", "regular")] = Field(
        default="poisson", description="poisson: independent arrivals; regular: evenly spaced."
    )
    begin: Duration = Field(default=0, description="When it begins, counted from the start of the simulation.")
    end: PositiveDuration | None = Field(default=None, description="When it ends; with the simulation if left out.")
    size: SizeDistribution | None = Field(default=None, description="Size of a record; deposit only, required there.")
    history: Annotated[int, whole(0, 10_000_000)] = Field(
        default=0, description="Records of this stream that are on the chain before the start; deposit only."
    )
    of: StreamId | None = Field(
        default=None, description="The deposit stream whose records are verified; verify only, required there."
    )
    absent: Share = Field(default=0.0, description="Share of requests for a record that was never deposited; verify.")
    altered: Share = Field(default=0.0, description="Share of requests with an altered record; verify only.")
    year: Annotated[int, whole(1990, 2100)] | None = Field(default=None, description="Reference year of the rate.")

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
        items = list(self._misplaced())
        if items:
            raise EntryError(items)
        return self

    def _misplaced(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.action == "deposit":
            if self.size is None:
                yield ("size",), "is missing; a deposit needs the size of its records, such as 600B"
            if self.of is not None:
                yield ("of",), "belongs to action: verify; a deposit has no 'of'"
            for key in ("absent", "altered"):
                if getattr(self, key):
                    yield (key,), f"belongs to action: verify; a deposit has no '{key}'"
            return
        if self.history:
            yield ("history",), "belongs to action: deposit; a verification takes the records of its 'of'"
        if self.size is not None:
            yield ("size",), "belongs to action: deposit; a verification takes the records of its 'of'"
        if self.of is None:
            yield ("of",), "is missing; a verification needs the deposit stream whose records it checks"
        if self.absent + self.altered > 1:
            yield ("altered",), "must leave absent and altered together at 100% or less"
