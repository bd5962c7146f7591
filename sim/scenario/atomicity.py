"""What a scenario says of transactions in two phases and of swaps, and which of it cannot be."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo, field_validator

from sim.crosschain.points import points_of
from sim.crosschain.ways import why_not
from sim.scenario.distributions import Model
from sim.scenario.quantities import PositiveDuration
from sim.scenario.units import parse_duration, show_duration

if TYPE_CHECKING:
    from sim.scenario.crosslink import CrossLink
    from sim.scenario.fault import Fault
    from sim.scenario.stream import Stream

MARGIN_NS = parse_duration("2s")
"""How long before a timelock an initiator claims that waits for the last moment [guess]."""

_PARTIES = 2
_KEYS_OF = {"recovery": "2pc", "timelocks": "htlc", "claims": "htlc", "margin": "htlc"}


class Timelocks(Model):
    """How long the locks of a swap last at most, counted from when the initiator sends."""

    source: PositiveDuration = Field(description="The initiator's lock, where the link begins.")
    destination: PositiveDuration = Field(description="The participant's lock, where it ends.")

    @field_validator("destination", mode="after")
    @classmethod
    def _first(cls, value: int, info: ValidationInfo) -> int:
        source = info.data.get("source")
        if source is not None and value >= source:
            raise ValueError(f"must be before the source's timelock, which is {show_duration(source)}")
        return value


def unfit_keys(link: "CrossLink") -> Iterator[tuple[tuple[str], str]]:
    """Yield the keys of a link that its atomicity does not have, or lacks, with the reason."""
    for key, atomicity in _KEYS_OF.items():
        if link.atomicity != atomicity and getattr(link, key) is not None:
            yield (key,), f"belongs to atomicity: {atomicity}; {link.atomicity} has no '{key}'"
    if link.atomicity in _KEYS_OF.values():
        if link.timeout is not None:
            yield ("timeout",), f"belongs to atomicity: packet; {link.atomicity} has no 'timeout'"
        if link.order == "ordered":
            yield ("order",), f"is ordered; {link.atomicity} has no order, so it needs unordered"
    if link.atomicity == "htlc":
        if link.timelocks is None:
            yield ("timelocks",), "is missing; a swap needs them, such as {source: 60s, destination: 30s}"
        if link.relayers != _PARTIES:
            yield ("relayers",), f"is {link.relayers}; a swap needs 2: the initiator's router and the participant's"
        if link.margin is not None and link.claims != "last-moment":
            yield ("margin",), "belongs to claims: last-moment"


def unfit_accounts(stream: "Stream", link: "CrossLink") -> Iterator[tuple[tuple[str], str]]:
    """Yield what is wrong with the accounts of a stream that crosses a link."""
    if stream.accounts is None and link.atomicity == "2pc":
        message = f"is missing; {stream.link} locks accounts, so it needs how many there are, such as 1000"
        yield ("accounts",), message
    if stream.accounts is not None and link.atomicity != "2pc":
        yield ("accounts",), f"belongs to atomicity: 2pc; {stream.link} locks no accounts"


def unfit_points(fault: "Fault", link: "CrossLink") -> Iterator[tuple[tuple[str], str]]:
    """Yield what is wrong with the call after which relayers of a link crash."""
    if fault.after is None or why_not(link.protocol, link.verify, link.atomicity) is not None:
        return
    points = points_of(link.protocol, link.atomicity)
    if fault.after not in points:
        yield ("after",), f"is '{fault.after}': {fault.link} has {', '.join(points)}"
