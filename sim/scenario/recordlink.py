"""What a scenario says of links whose packets are records (`sim.crosschain.recorded`), if it can't be."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sim.scenario.crosslink import CrossLink
    from sim.scenario.fault import Fault
    from sim.scenario.model import Chain, Scenario
    from sim.scenario.stream import Stream

Items = Iterator[tuple[tuple[str | int, ...], str]]
RECORD: Final = "record"
BY_TIME: Final = "destination_time"
_FAULTS: Final = ("relayer-crash", "censor-packets")
"""What can go wrong on such a link; what goes wrong on its chains does so there."""
METRICS: Final = ("offered", "delivered", "acknowledged", "timed_out", "unfinished", "latency_s")
"""What the summary says of such a link as a number."""


def unfit_record(link: "CrossLink", chains: "Mapping[str, Chain]") -> Items:
    """Yield what a link has that only one with contracts can have, or the other way round."""
    if link.fidelity != RECORD:
        if link.gateway is not None:
            yield ("gateway",), "belongs to fidelity: record; packets cross gateways only there in this version"
        return
    from sim.crosschain.recorded import COURSES

    if (link.atomicity, link.via is not None) not in COURSES:
        yield ("fidelity",), f"is record: {link.atomicity} is between two parties; needs fidelity: packet"
    if link.order == "ordered":
        yield ("order",), "is ordered; needs a channel, which is a contract: fidelity: packet"
    if link.timeout is not None and link.timeout.measure != BY_TIME:
        message = f"is {link.timeout.measure}; who counts blocks is a contract: needs {BY_TIME} or fidelity: packet"
        yield ("timeout", "measure"), message
    zones = {chains[chain].zone for chain in link.chains}
    if link.gateway is not None and len(zones) == 1:
        yield ("gateway",), f"all its chains are in {zones.pop()}; needs chains of different zones"


def unfit_record_traffic(stream: "Stream", links: "Sequence[CrossLink]") -> Items:
    """Yield what a stream asks of links without contracts that only contracts do."""
    if all(link.fidelity != RECORD for link in links):
        return
    if stream.action == "query":
        yield ("link",), "nothing is proved where fidelity is record; needs a link with fidelity: packet"
    if stream.links is not None:
        yield ("links",), "a group is kept together by contracts; needs links with fidelity: packet"
    if stream.irreversible is not None:
        yield ("irreversible",), "nothing is undone where fidelity is record; needs a link with fidelity: packet"


def unfit_record_fault(fault: "Fault", link: "CrossLink") -> Items:
    """Yield why a fault can't happen to a link without contracts."""
    if link.fidelity != RECORD:
        return
    if fault.action not in _FAULTS:
        able = " or ".join(_FAULTS)
        message = f"{fault.link} has fidelity: record, without contracts, proofs and keys that could be deceived"
        yield ("action",), f"{message}; needs {able}, or fidelity: packet"
    for key in ("after", "amounts_from"):
        if getattr(fault, key) is not None:
            yield (key,), f"{fault.link} has fidelity: record, without calls and amounts; needs fidelity: packet"


def unfit_metrics(scenario: "Scenario") -> Items:
    """Yield objectives about what is not counted where there are no contracts."""
    for index, objective in enumerate(scenario.slo):
        section, link_id, *leaf = objective.metric.split(".")
        if section == "crosschain" and scenario.links[link_id].fidelity == RECORD and leaf[0] not in METRICS:
            message = f"{link_id} has fidelity: record, where nobody counts {leaf[0]}; needs {', '.join(METRICS)}"
            yield ("slo", index, "metric"), message
