"""What a scenario says of links over a relay chain and of streams that cross several of them, if it can't be."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.crosslink import CrossLink
    from sim.scenario.stream import Stream

Items = Iterator[tuple[tuple[str | int, ...], str]]
RELAY_CHAIN, BY_RELAY = "relay_chain", "relay_height"


def unfit_between(link: "CrossLink") -> Items:
    """Yield what a link has of a relay chain that it must not have, or lacks, with the reason."""
    if (link.via is None) == (link.protocol == RELAY_CHAIN):
        missing = f"is missing; {RELAY_CHAIN} needs it"
        yield ("via",), missing if link.via is None else f"{link.protocol} has no chain between"
    elif link.via in {link.source, link.destination}:
        yield ("via",), f"{link.via} is an end of the link; needs another chain"
    if link.timed_blocks is not None and (link.protocol != RELAY_CHAIN or link.timeout is None):
        yield ("timed_blocks",), f"belongs to {RELAY_CHAIN} with a timeout"
    if link.order == "ordered" and link.atomicity == "tcc":
        yield ("order",), "is ordered; tcc knows no order of packets, needs unordered"


def unfit_group(stream: "Stream", links: Sequence["CrossLink"]) -> Items:
    """Yield what of a stream over these links only a relay chain could do, or not even that."""
    undoing = [link.protocol == RELAY_CHAIN or link.atomicity == "2pc" for link in links]
    if stream.irreversible is not None and not all(undoing):
        yield ("irreversible",), f"belongs to links over a {RELAY_CHAIN}, or with atomicity: 2pc; others undo nothing"
    if stream.links is None:
        return
    for position, link in enumerate(links):
        first = links[0]
        if stream.links[position] in stream.links[:position]:
            yield ("links", position), f"{stream.links[position]} is repeated; needs each link once"
        elif link.protocol != RELAY_CHAIN:
            yield ("links", position), f"{stream.links[position]} is no link over a {RELAY_CHAIN}, which a group needs"
        elif (link.via, link.atomicity) != (first.via, first.atomicity):
            like = f"{stream.links[0]}, over {first.via} with {first.atomicity}"
            yield ("links", position), f"{stream.links[position]} is unlike {like}; a group needs one relay chain"
