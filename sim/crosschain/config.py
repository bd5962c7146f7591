"""What a link is: everything that a scenario says of it, as the simulation takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.actors.memory import RelayerConfig
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SwapConfig:
    """How swaps are timed.

    Attributes:
        source_ns, destination_ns: how long either lock lasts at most, from when the initiator sends.
        margin_ns: how long before the destination's timelock the initiator claims; None: at once.
    """

    source_ns: int
    destination_ns: int
    margin_ns: int | None


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """What a link is.

    Attributes:
        id: its name.
        source, destination: ids of its chains; packets go from the one to the other, acknowledgements back.
        via: the id of the chain between them; None without one.
        owners: the identifiers of the members whose chains these are, by the chains' ids.
        protocol, verify, atomicity: as in `sim.crosschain.ways`.
        ordered: whether packets are received in the order in which they were sent only.
        relayers: how many there are.
        poll_ns, batch, rpc_ns, rpc_item_ns: as in `RelayerConfig`.
        timeout_blocks, timeout_ns: as in `PacketOrder`.
        timed_blocks_ns: how long the chain between makes no block at most while a timeout counts; 0 without one.
        trusting_period_ns, clock_drift_ns: of light clients.
        every: whether relayers bring every header, and not only those that something is proved against.
        checked: the share of proofs out of ledgers that is checked for real.
        notaries: how many there are. threshold: how many of them must sign.
        recovery: ``log``: coordinators find again what they had begun before a crash; ``none``: they forget it.
        swap: the timelocks; None where there are none.
    """

    id: str
    source: str
    destination: str
    via: str | None
    owners: Mapping[str, str]
    protocol: str
    verify: str
    atomicity: str
    ordered: bool
    relayers: int
    poll_ns: int
    batch: int
    rpc_ns: int
    rpc_item_ns: int
    timeout_blocks: int
    timeout_ns: int
    timed_blocks_ns: int
    trusting_period_ns: int
    clock_drift_ns: int
    every: bool
    checked: float
    notaries: int
    threshold: int
    recovery: str
    swap: SwapConfig | None

    @property
    def stream(self) -> str:
        """The stream of calls on both chains; no stream of a scenario can be called so."""
        return f"{self.id}/calls"

    @property
    def answers(self) -> bool:
        """Whether the source learns what became of a packet."""
        return self.atomicity != "none"

    @property
    def chains(self) -> dict[str, str]:
        """The ids of its chains, by role."""
        between = {} if self.via is None else {RELAY: self.via}
        return {SOURCE: self.source, **between, DESTINATION: self.destination}

    def relayer(self, number: int) -> RelayerConfig:
        """How one of its relayers works."""
        forgets = self.recovery == "none"
        return RelayerConfig(self.id, number, self.poll_ns, self.batch, self.rpc_ns, self.rpc_item_ns, forgets)
