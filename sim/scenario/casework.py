"""What a scenario says of its cases, and which of it cannot be."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from sim.crosschain.ways import VERIFICATIONS
from sim.scenario.distributions import Model
from sim.scenario.platform import Platform, impossible_platform
from sim.scenario.problems import hint
from sim.scenario.quantities import Duration, Id, PositiveDuration, PositiveNumber, Reader, Share, Text, whole
from sim.scenario.references import RegionId
from sim.scenario.units import NANOSECONDS, parse_duration
from sim.scenario.workflow.check import defects
from sim.scenario.workflow.together import Together

if TYPE_CHECKING:
    from sim.scenario.crosslink import CrossLink
    from sim.scenario.model import Scenario
    from sim.scenario.workflow.model import Sending, Workflow

Items = Iterator[tuple[tuple[str | int, ...], str]]
_DATE: Reader[date] = Reader(
    "date",
    "a date such as 2025-10-01",
    date.fromisoformat,
    str,
    {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2025-10-01"]},
)
Date = Annotated[date, _DATE]

BUCKETS_OF_TOLERANCE = 3
"""Work that comes a moment later may be handed out a bucket later, and what hangs on it another one [guess]."""
TWO_DAYS_NS = 2 * NANOSECONDS["d"]
SIXTY_DAYS_NS = 60 * NANOSECONDS["d"]


class Windows(Model):
    """Over months, chains run only in some windows of time; elsewhere they take what they took at similar load."""

    count: Annotated[int, whole(1, 10_000)] = Field(description="How many.")
    length: PositiveDuration = Field(description="Of each.")


class Holidays(Model):
    """A table of holidays by which contracts and clerks count, instead of the true one."""

    source: Text | None = Field(default=None, description="Where the table comes from, or what is wrong with it.")
    off: tuple[Date, ...] = Field(default=(), description="Days off that are no weekend.")
    working: tuple[Date, ...] = Field(default=(), description="Weekend days on which people work.")

    @property
    def table(self) -> Mapping[date, bool]:
        """Whether each of these days is a working day, as `sim.kernel.civil.Calendar` takes it."""
        return {**dict.fromkeys(self.off, False), **dict.fromkeys(self.working, True)}


class Clock(Model):
    """How far the clock of a province is from the true time."""

    ahead: Duration | None = Field(default=None, description="It shows a later time.")
    behind: Duration | None = Field(default=None, description="It shows an earlier time.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ahead is None) == (self.behind is None):
            raise ValueError("needs one of ahead and behind")
        return self

    @property
    def ahead_ns(self) -> int:
        """How far it is ahead."""
        return (self.ahead or 0) - (self.behind or 0)


class Casework(Model):
    """How the cases of `workflows` are stepped through time."""

    bucket: PositiveDuration | None = Field(
        default=None,
        description="What leaves a case takes effect at multiples of this; else 1min up to a horizon of two days, "
        "15min up to 60 days, 1h beyond.",
    )
    share: Share = Field(default=1.0, description="Of the country's cases and desks, how much is simulated.")
    tolerance: PositiveDuration | None = Field(
        default=None,
        description="Passes over cases and chains repeat until 99 % of what cases do moves by no more than this; else "
        "three buckets.",
    )
    passes: Annotated[int, whole(1, 20)] = Field(default=3, description="Passes at most.")
    windows: Windows | None = Field(
        default=None, description="Where chains run; else all of a horizon up to two days, and some windows beyond."
    )
    lookback: PositiveDuration = Field(
        default=parse_duration("365d"), description="Cases that began so long before the run are still in flight."
    )
    desks: Mapping[Id, Annotated[int, whole(1, 10_000_000)]] = Field(
        default_factory=dict, description="People of each role in the whole country."
    )
    on_duty: tuple[Id, ...] = Field(default=(), description="Roles that work at every hour of every day.")
    most_waiting: PositiveNumber | None = Field(
        default=None,
        description="Pieces of work for each person of a desk beyond which archives and statistics (P4) are put off by "
        "an office day, and evidence (P3) where the more urgent alone are so many; else nothing is.",
    )
    provinces: Mapping[RegionId, PositiveNumber] = Field(
        default_factory=dict, description="Weight of each region in cases and desks; else all alike."
    )
    holidays: Holidays | None = Field(
        default=None,
        description="A file with the table of holidays that contracts count by, or its content; else the true one.",
    )
    clocks: Mapping[RegionId, Clock] = Field(
        default_factory=dict,
        description="Provinces whose clocks are wrong: contracts there see the ends of periods early or late.",
    )
    platform: Platform | None = Field(
        default=None,
        description="The verification platform on the Internet; {} has all defaults, without the key public checks go "
        "straight to the chain's nodes.",
    )
    outside: tuple[Id, ...] = Field(
        default=(), description="Workflows whose cases are begun but not followed: they end at the door."
    )

    def bucket_ns(self, horizon_ns: int) -> int:
        """Width of a bucket over a horizon."""
        if self.bucket is not None:
            return self.bucket
        if horizon_ns <= TWO_DAYS_NS:
            return NANOSECONDS["min"]
        return 15 * NANOSECONDS["min"] if horizon_ns <= SIXTY_DAYS_NS else NANOSECONDS["h"]

    def tolerance_ns(self, horizon_ns: int) -> int:
        """By how much passes may differ over a horizon."""
        return BUCKETS_OF_TOLERANCE * self.bucket_ns(horizon_ns) if self.tolerance is None else self.tolerance


def impossible_cases(scenario: "Scenario") -> Items:
    """Yield what is wrong with the workflows that a scenario runs: each, all together, and what it lacks for them."""
    if not scenario.workflows:
        if scenario.casework is not None:
            yield ("casework",), "belongs to workflows, and none runs; needs workflows: [...] beside it"
        return
    found = [
        (("workflows", name, *where), message)
        for name, workflow in scenario.workflows.items()
        for where, message in defects(workflow)
    ]
    yield from found
    if found:
        return
    casework = scenario.casework or Casework()
    outside = frozenset(casework.outside) - scenario.workflows.keys()
    together = Together(scenario.workflows, outside, complete=False)
    yield from ((("workflows", *where), message) for where, message in together.defects())
    for name, workflow in scenario.workflows.items():
        for where, message in _unfit(scenario, casework, workflow):
            yield ("workflows", name, *where), message
    if casework.platform is not None:
        yield from (
            (("casework", "platform", *where), message)
            for where, message in impossible_platform(scenario, casework.platform)
        )
    for number, role in enumerate(casework.on_duty):
        if role not in casework.desks:
            known = hint(role, casework.desks, "roles")
            yield ("casework", "on_duty", number), f"nobody is a '{role}'; needs a role of casework.desks{known}"
    if not casework.share:
        yield ("casework", "share"), "is 0%; needs some cases"


def _unfit(scenario: "Scenario", casework: Casework, workflow: "Workflow") -> Items:
    """Yield what a scenario lacks for one of its workflows."""
    for name, state in workflow.states.items():
        for number, way in enumerate(state.then):
            where = ("states", name, "then", number)
            if way.sends is not None:
                reason = _no_link(scenario, workflow, way.sends)
                if reason is not None:
                    yield (*where, "sends"), reason
            if way.desk is not None and way.desk.role not in casework.desks:
                known = hint(way.desk.role, casework.desks, "roles")
                message = f"nobody is a '{way.desk.role}'; needs their number in casework.desks{known}"
                yield (*where, "desk", "role"), message


def _no_link(scenario: "Scenario", workflow: "Workflow", sends: "Sending") -> str | None:
    """Return why a message cannot go, if it cannot."""
    source = sends.source or workflow.chain
    links = {
        name: link
        for name, link in scenario.links.items()
        if (link.source, link.destination) == (source, sends.destination)
    }
    if not links:
        others = sorted({link.destination for link in scenario.links.values() if link.source == source})
        return f"no link leads from {source} to {sends.destination}{hint(sends.destination, others, 'links lead to')}"
    reasons = [reason for name, link in links.items() if (reason := _too_weak(name, link, sends)) is not None]
    return "; ".join(reasons) if len(reasons) == len(links) else None


def _too_weak(name: str, link: "CrossLink", sends: "Sending") -> str | None:
    order = [*VERIFICATIONS]
    if sends.verify is not None and order.index(link.verify) < order.index(sends.verify):
        return f"link {name} checks {link.verify}; needs {sends.verify} or more"
    if sends.atomicity in {None, "none", link.atomicity} or (sends.atomicity == "packet" and link.atomicity != "none"):
        return None
    return f"link {name} has atomicity {link.atomicity}; needs {sends.atomicity}"
