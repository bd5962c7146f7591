"""What a scenario says of a run by tables over months, and which scenarios cannot be run so."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.scenario.distributions import Model
from sim.scenario.quantities import PositiveDuration, PositiveNumber, Share, whole
from sim.scenario.recordlink import RECORD
from sim.scenario.units import NANOSECONDS, parse_duration, parse_share

if TYPE_CHECKING:
    from sim.scenario.model import Scenario

Items = Iterator[tuple[tuple[str | int, ...], str]]
_DAY_NS = NANOSECONDS["d"]
_LONGEST_NS = 30 * NANOSECONDS["min"]


class Growth(Model):
    """How storage and its cost grow beyond the year."""

    years: Annotated[int, whole(1, 100)] = Field(default=10, description="How many years, the first among them.")
    rate: Share = Field(
        default=parse_share("10%"), description="By so much more comes in each year than in the one before [guess]."
    )
    storage_price: PositiveNumber = Field(
        default=2400.0, description="CNY for a terabyte kept for a year on one node's disks [guess]."
    )
    core_price: PositiveNumber = Field(default=0.3, description="CNY for a core of a node for an hour [guess].")


class Year(Model):
    """Months by tables: one case in so many is followed, and chains run at the load of some hours and around faults."""

    one_in: Annotated[int, whole(1, 1_000_000)] = Field(
        default=100, description="Of so many cases one is followed, and stands for all of them."
    )
    levels: Annotated[int, whole(2, 1000)] = Field(
        default=24, description="Hours, spread over load, as busy as which chains run; what they take then is a table."
    )
    bursts: Annotated[int, whole(1, 100)] = Field(
        default=8, description="Midnights likewise: periods of law end there, and many are heard of at one moment."
    )
    length: PositiveDuration = Field(default=parse_duration("10min"), description="Of each of these runs.")
    beyond: PositiveNumber = Field(
        default=1.5, description="One more run is so many times as busy as the busiest hour: for what comes above it."
    )
    margin: PositiveDuration = Field(
        default=parse_duration("10min"),
        description="Around every fault chains run through time as it is, from so long before it until so long after, "
        "and on until nothing waits.",
    )
    proved: Annotated[int, whole(0, 1_000_000)] = Field(
        default=200, description="Records of each chain in each of these runs that are proved and verified for real."
    )
    growth: Growth = Field(default=Growth(), description="What comes after the year.")


def impossible_year(scenario: "Scenario") -> Items:
    """Yield what of a scenario cannot be run by tables."""
    if scenario.year is None:
        if scenario.proofs != "real":
            yield ("proofs",), "is for runs by tables; needs real, or a year: {...} beside it"
        return
    if scenario.proofs != "sampled":
        yield ("proofs",), "by tables not every record is hashed; needs sampled"
    if not scenario.workflows:
        yield ("year",), "belongs to workflows, and none runs; needs workflows: [...] beside it"
    if scenario.year.length > _LONGEST_NS:
        yield ("year", "length"), "an hour's load fills so much of an hour; needs 30min or less"
    if scenario.year.beyond < 1:
        yield ("year", "beyond"), "is below the busiest hour; needs 1 or more"
    if scenario.horizon % _DAY_NS or scenario.horizon < 2 * _DAY_NS:
        yield ("horizon",), "a run by tables goes by whole days; needs 2d or more of them"
    start = scenario.start
    if (start.hour, start.minute, start.second, start.microsecond) != (0, 0, 0, 0):
        yield ("start",), "a run by tables goes by whole days; needs a midnight"
    yield from _foreign(scenario)


def _foreign(scenario: "Scenario") -> Items:
    """Yield what tables do not know."""
    casework = scenario.casework
    if casework is not None:
        if casework.windows is not None:
            yield ("casework", "windows"), "chains run at levels of load instead; needs year.levels"
        if casework.platform is not None:
            yield ("casework", "platform"), "is not known to tables; needs none"
    if scenario.identity is not None:
        yield ("identity",), "is not known to tables; needs none"
    for link_id, link in scenario.links.items():
        if link.fidelity != RECORD:
            yield ("links", link_id, "fidelity"), f"contracts are not known to tables; needs {RECORD}"
    for stream_id, stream in scenario.workload.items():
        if stream.action != "deposit" or stream.clients is not None or stream.crossing:
            yield ("workload", stream_id), "tables know streams of records with a rate; needs these"
