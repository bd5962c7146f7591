"""The verification platform on the Internet (article 7) as a scenario has it: front, limits, gateway, copy, floods."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.scenario.distributions import DurationDistribution, Model
from sim.scenario.quantities import Duration, Id, PositiveDuration, Rate, Share, whole
from sim.scenario.references import ChainId, RegionId
from sim.scenario.units import parse_duration
from sim.scenario.workflow.model import CalmDistribution
from sim.scenario.workflow.quantities import Flag

if TYPE_CHECKING:
    from sim.scenario.model import Scenario

Items = Iterator[tuple[tuple[str | int, ...], str]]
_MANY = whole(1, 100_000_000)


class Limit(Model):
    """A token bucket: so many requests at once, and so many a second in the long run."""

    rate: Rate = Field(description="In the long run.")
    burst: Annotated[int, _MANY] = Field(default=1, description="At once.")


class Limits(Model):
    """Limits that a request must keep; tokens are taken by those that keep all."""

    client: Limit | None = Field(default=None, description="For each client.")
    everybody: Limit | None = Field(default=None, description="For all clients together.")


class Outage(Model):
    """A stretch in which the gateway lets nothing through."""

    at: Duration = Field(description="From the start of the run.")
    duration: PositiveDuration = Field(alias="for", description="How long.")


class Gateway(Model):
    """The isolation gateway between the Internet and the courts' network."""

    batch: Duration = Field(
        default=parse_duration("5s"), description="It lets through at multiples of this; 0s for at once [guess]."
    )
    # Exchange across the gap takes 5 to 60 s in all [guess].
    delay: CalmDistribution = Field(
        default=DurationDistribution.model_validate({"uniform": {"low": "1s", "high": "20s"}}),
        description="What checking and copying takes, either way [guess].",
    )
    down: tuple[Outage, ...] = Field(default=(), description="When nothing crosses, in order and apart.")


class Copy(Model):
    """The copy of the chain that the platform reads."""

    in_front: Flag = Field(
        default=False,
        description="yes: on the Internet's side of the gateway, which its updates cross; no: behind it, so that "
        "requests and answers cross.",
    )
    lag: Duration = Field(
        default=parse_duration("10s"), description="After a node has executed a block, until it is copied [guess]."
    )
    pending: Flag = Field(
        default=False,
        description="What is not found is looked up again when the copy has caught up, and answered then.",
    )


class Flood(Model):
    """A burst of requests."""

    at: Duration = Field(description="From the start of the run.")
    duration: PositiveDuration = Field(alias="for", description="How long.")
    rate: Rate = Field(description="All of them.")
    clients: Annotated[int, _MANY] = Field(default=1000, description="Addresses from which attackers ask.")
    honest: Share = Field(default=0.0, description="Share of it that people make who want to know.")
    chain: ChainId = Field(description="Where the records are.")
    of: Id = Field(description="Kind of the records asked about.")
    workflow: Id = Field(description="Which deposits them.")
    checked: Share = Field(
        default=1.0,
        description="Of those let through, for how many the chain makes a proof; servers answer the others.",
    )


class Platform(Model):
    """The platform where anybody may ask whether a document is what stands on the chain."""

    region: RegionId | None = Field(default=None, description="Where its gateway is; the first region if left out.")
    servers: Annotated[int, whole(1, 10_000)] = Field(default=8, description="Of the front [guess].")
    service: CalmDistribution = Field(
        default=DurationDistribution.model_validate({"exponential": {"mean": "50ms"}}),
        description="What a server takes for a request [guess].",
    )
    queue: Annotated[int, whole(0, 100_000_000)] = Field(
        default=1000, description="Requests that may wait for a server [guess]."
    )
    limits: Limits = Field(default_factory=Limits, description="What is turned away.")
    tries: Annotated[int, whole(1, 100)] = Field(
        default=3, description="Of a request, before whoever makes it gives up [guess]."
    )
    backoff: CalmDistribution = Field(
        default=DurationDistribution.model_validate({"exponential": {"mean": "10s"}}),
        description="Before the second try; it doubles [guess].",
    )
    patience: PositiveDuration = Field(
        default=parse_duration("10min"), description="After which whoever asked gives up [guess]."
    )
    gateway: Gateway = Field(default_factory=Gateway, description="Between the Internet and the courts' network.")
    copy_: Copy = Field(default_factory=Copy, alias="copy", description="Of the chain, which it reads.")
    age: CalmDistribution | None = Field(
        default=None,
        description="How long before a request the record was deposited that it asks about; any time if left out.",
    )
    users: Annotated[int, _MANY] = Field(default=1_000_000, description="People and companies who ask [guess].")
    floods: tuple[Flood, ...] = Field(default=(), description="Bursts of requests.")


def impossible_platform(scenario: "Scenario", platform: Platform) -> Items:
    """Yield what is wrong with a platform: the place below it, and why."""
    ended = 0
    for number, outage in enumerate(platform.gateway.down):
        if outage.at < ended:
            yield ("gateway", "down", number, "at"), "begins before the one before it ends; needs them in order"
        ended = outage.at + outage.duration
    for number, flood in enumerate(platform.floods):
        place = ("floods", number)
        if flood.workflow not in scenario.workflows:
            known = ", ".join(scenario.workflows)
            yield (*place, "workflow"), f"'{flood.workflow}' does not run here; these do: {known}"
        if flood.at >= scenario.horizon:
            yield (*place, "at"), "is beyond the horizon"
