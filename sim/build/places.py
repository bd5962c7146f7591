"""Where the people of a province talk to a chain: which of its nodes serves them, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.network.topology import deal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.scenario import Scenario

    Cells = NDArray[np.int64]


def provinces(scenario: Scenario) -> tuple[str, ...]:
    """The provinces by number: the regions of the delay matrix, in its order."""
    return tuple(scenario.network.delays.regions)


def serving(scenario: Scenario, chain_id: str) -> range:
    """The nodes of a chain that clients talk to: any, or peers only where validators only order."""
    spec = scenario.chains[chain_id]
    return range(0 if spec.fabric is None else spec.validators, spec.validators + spec.observers)


@dataclass(frozen=True, slots=True)
class Places:
    """Which nodes of one chain serve each province.

    Attributes:
        nodes: of each province, padded; shape (provinces, most).
        count: how many of them there are; shape (provinces,).
        way_ns: from the province to their region, beyond the way within a region; shape (provinces,).
    """

    nodes: Cells
    count: Cells
    way_ns: Cells

    @classmethod
    def of(cls, scenario: Scenario, chain_id: str, serving: range) -> Places:
        """Those of a chain whose ``serving`` nodes clients may talk to.

        A province has the nodes in it, or else those of the region that the delay matrix says is nearest; of equally
        near ones, the first in the chain's list.
        """
        spec, delays = scenario.chains[chain_id], scenario.network.delays
        regions = deal(spec.validators + spec.observers, spec.regions)
        there: dict[str, list[int]] = {}
        for node in serving:
            there.setdefault(regions[node], []).append(node)
        most = max(len(nodes) for nodes in there.values())
        names = provinces(scenario)
        found = cls(*(np.zeros(shape, dtype=np.int64) for shape in ((len(names), most), len(names), len(names))))
        for number, province in enumerate(names):
            nearest = (
                province if province in there else min(there, key=lambda region: delays.delay_ns(province, region))
            )
            nodes = there[nearest]
            found.nodes[number, : len(nodes)] = nodes
            found.count[number] = len(nodes)
            found.way_ns[number] = max(0, delays.delay_ns(province, nearest) - delays.within)
        return found

    def node(self, province: Cells, word: NDArray[np.uint64]) -> Cells:
        """A node for each of these, dealt out by a random word of each."""
        turn = word % self.count[province].astype(np.uint64)
        chosen: Cells = self.nodes[province, turn.astype(np.int64)]
        return chosen
