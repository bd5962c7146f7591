"""Answers about another chain's state, with proof and a bound on their age (Hyperledger Cacti, Weaver, data sharing).

Weaver's protocol in words of this project: a client of the destination asks a relayer (``NetworkQuery``), which reads
the source and has it proved (``Query``, ``ViewPayload``); the view is then written at the destination:

WriteExternalState, on the destination:
    the proof is believed by the link's way of trusting, and the header that it was proved against is not older than the
    policy for this purpose allows, by the clock of the destination's blocks;
    keep the view: height, time and value.

Weaver's verification policies have no bound on age; without one here, any old answer passes. Access control at the
source is left out: what is asked are identity documents, which everybody may read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.crosschain.contracts.contract import Contract, Event, parts_of
from sim.crosschain.contracts.messages import Claim, Packet
from sim.crosschain.contracts.refusal import Refused, malformed
from sim.crosschain.steps import SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store

WRITE: Final = "WriteExternalState"


def view_end(link: str) -> str:
    """What the contract of a link's views is called; no link can be called so."""
    return f"{link}/views"


def view_key(link: str, purpose: str, key: bytes) -> bytes:
    """Where the latest view of a key of the source is kept."""
    return f"views/{link}/{purpose}/".encode() + key


@dataclass(frozen=True, slots=True)
class ViewEnd(Contract):
    """The contract that takes views in.

    Attributes:
        bounds: how old a view may be, in ns, by purpose; 0 for as old as it likes.
    """

    bounds: Mapping[str, int]

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`; the event is about the question, as if it were a packet, and says the view."""
        if call.method != WRITE:
            return Contract.call(self, store, block, call)
        name, number, key, _ = parts_of(call, 4)
        try:
            purpose = name.decode()
        except UnicodeDecodeError:
            raise malformed("the purpose is not UTF-8") from None
        if purpose not in self.bounds:
            raise Refused("no-policy", f"nobody at {self.link} asks for {purpose}")
        belief = self.believe(store, block, call, SOURCE, key)
        bound_ns, age_ns = self.bounds[purpose], block.time_ns - belief.time_ns
        if 0 < bound_ns < age_ns:
            raise Refused("stale", f"the view is {age_ns} ns old, and {bound_ns} are allowed")
        view = Claim(belief.height, belief.time_ns, belief.value).to_bytes()
        store.put(view_key(self.link, purpose, key), view)
        return Event(Step.EXECUTED, Packet(self.link, int.from_bytes(number, "big"), 0, 0, key), view)
