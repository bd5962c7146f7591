"""What a scenario says of the network, under the names of the network room."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sim.network.gateway import Gateway
from sim.network.topology import Link
from sim.scenario.distributions import to_kernel

if TYPE_CHECKING:
    from sim.scenario.model import Link as LinkSpec
    from sim.scenario.model import Network as NetworkSpec


class Links:
    """The link from one region to another: the matrix's delay, what the scenario says of it, and the gateway on it."""

    def __init__(self, network: NetworkSpec, home: str) -> None:
        self._network = network
        self._home = home
        self._special = {direction: link for link in network.links for direction in link.directions}

    def __call__(self, a: str, b: str) -> Link:
        """The link from one region to another."""
        network = self._network
        plain = Link(
            delay_ns=network.delays.delay_ns(a, b),
            jitter=to_kernel(network.jitter),
            loss=network.loss,
            reliable=network.transport == "reliable",
            retransmit_ns=network.retransmit,
            gateway=self._gateway(a, b),
        )
        special = self._special.get((a, b))
        return plain if special is None else replace(plain, **_changes(special))

    def _gateway(self, a: str, b: str) -> Gateway | None:
        zones = tuple(self._network.zones.get(region, self._home) for region in (a, b))
        for spec in self._network.gateways:
            if set(zones) == set(spec.between):
                is_open = spec.one_way == "no" or zones == spec.between
                return Gateway(spec.batch, to_kernel(spec.delay), is_open)
        return None


def _changes(special: LinkSpec) -> dict[str, Any]:
    """What a scenario's link says, under the names of the network room."""
    given: dict[str, Any] = {
        "delay_ns": special.delay,
        "jitter": None if special.jitter is None else to_kernel(special.jitter),
        "loss": special.loss,
        "reliable": None if special.transport is None else special.transport == "reliable",
        "retransmit_ns": special.retransmit,
        "bandwidth_bps": special.bandwidth,
        "duplicate": special.duplicate,
        "reorder": special.reorder,
        "held_back_ns": special.held_back,
    }
    return {name: value for name, value in given.items() if value is not None}
