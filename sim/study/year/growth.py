"""What a chain stores, from records and blocks, and what storing and computing cost as years go by.

On every node's disk stand the records themselves, a header for each block, and the log's hashes in tiles
(`sim.proof.tiles_layout`); a chain of records has no state. Years are as the one that was lived through but for a
steady growth of records. CPU time is what each node spends on each record by the scenario's costs: to verify its
client's signature, to hash and to execute it; agreement is shared by the records of a block and left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from sim.scenario.model import Costs
    from sim.scenario.year import Growth

_ROW_HEIGHT: Final = 4
"""A tile store keeps every fourth row of the tree."""
_HEIGHTS: Final = 64
_TERABYTE: Final = 10**12
_CORE_HOUR_NS: Final = 3600 * 10**9
_KILOBYTE: Final = 1000


def tile_bytes(leaves: int) -> int:
    """What a tile store of so many leaves keeps: the hashes of all perfect subtrees of every fourth height."""
    return DIGEST_SIZE * sum(leaves >> height for height in range(0, _HEIGHTS, _ROW_HEIGHT))


@dataclass(frozen=True, slots=True)
class Yearly:
    """What one chain took in the year.

    Attributes:
        nodes: that store it.
        records: on the chain.
        record_bytes: of all of them.
        blocks: how many.
        header_bytes: of each.
    """

    nodes: int
    records: int
    record_bytes: int
    blocks: int
    header_bytes: int

    def stored(self, records: int) -> dict[str, int]:
        """What one node's disk holds of so many records, in blocks and of sizes as in the year; bytes."""
        if not self.records:
            return {"records": 0, "headers": 0, "tiles": 0}
        return {
            "records": self.record_bytes * records // self.records,
            "headers": self.header_bytes * self.blocks * records // self.records,
            "tiles": tile_bytes(records),
        }

    def core_ns(self, costs: Costs) -> int:
        """CPU time that each record takes on each node."""
        size_bytes = self.record_bytes // max(1, self.records)
        return costs.verify + costs.execute + costs.hash + costs.hash_per_kilobyte * size_bytes // _KILOBYTE


def grown(chains: dict[str, Yearly], growth: Growth, costs: Costs) -> list[dict[str, Any]]:
    """A row for each year: what all chains have stored by its end, and what it costs; prices are the scenario's.

    Storage is paid for what stands on disk at the end of the year, on all nodes.
    """
    found = []
    factor, total = 1.0, dict.fromkeys(chains, 0)
    for year in range(1, growth.years + 1):
        records = {chain_id: round(chain.records * factor) for chain_id, chain in chains.items()}
        total = {chain_id: total[chain_id] + count for chain_id, count in records.items()}
        stored = {chain_id: sum(chain.stored(total[chain_id]).values()) for chain_id, chain in chains.items()}
        everywhere = sum(stored[chain_id] * chain.nodes for chain_id, chain in chains.items())
        core_ns = sum(chain.core_ns(costs) * records[chain_id] * chain.nodes for chain_id, chain in chains.items())
        found.append(
            {
                "year": year,
                "records": sum(records.values()),
                "records_so_far": sum(total.values()),
                "stored_bytes": stored,
                "stored_on_all_nodes_bytes": everywhere,
                "core_hours": core_ns / _CORE_HOUR_NS,
                "storage_cny": everywhere / _TERABYTE * growth.storage_price,
                "core_cny": core_ns / _CORE_HOUR_NS * growth.core_price,
            }
        )
        factor *= 1 + growth.rate
    return found
