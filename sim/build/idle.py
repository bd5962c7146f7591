"""What chains and links take when there is nothing else to do: by this the first pass of casework goes.

Orders of magnitude, not results: where chains run, what they did replaces them (`sim.study.docket`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.registry import family

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.scenario.crosslink import CrossLink


def record_ns(scenario: Scenario) -> dict[str, int]:
    """By chain: from sending a record to its commitment at its client's node.

    A block waits one interval for company; then every phase of the protocol takes one-way delays, of which the mean
    over the chain's pairs of regions stands for the one that a quorum waits for.
    """
    found = {}
    for chain_id, chain in scenario.chains.items():
        regions = list(dict.fromkeys(chain.regions))
        delays = scenario.network.delays
        pairs = [delays.delay_ns(a, b) for a in regions for b in regions if a != b] or [delays.within]
        hop_ns = sum(pairs) // len(pairs)
        found[chain_id] = chain.block.interval + (family(chain.consensus.protocol).phases + 1) * hop_ns
    return found


def message_ns(scenario: Scenario) -> dict[tuple[str, str], int]:
    """By pair of chains with a link: from sending a packet to its commitment on the other chain."""
    records = record_ns(scenario)
    found = {}
    for link in scenario.links.values():
        through = [records[chain] for chain in (link.source, link.via, link.destination) if chain is not None]
        found[link.source, link.destination] = sum(through) + (len(through) - 1) * _carried_ns(link)
    return found


def _carried_ns(link: CrossLink) -> int:
    """Half a poll until a relayer looks, and its two remote calls."""
    return link.poll // 2 + 2 * link.rpc
