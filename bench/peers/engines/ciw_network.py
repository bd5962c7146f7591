"""Ciw: a network of queues is data; it has no messages between nodes of one's own making."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ciw

if TYPE_CHECKING:
    from bench.peers.workloads import Queue


def queue(workload: Queue) -> int:
    """M/M/1."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*workload.gaps_ns, float("inf")])],
        service_distributions=[ciw.dists.Sequential(workload.services_ns)],
        number_of_servers=[1],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(workload.count, method="Finish")
    return int(sum(record.waiting_time for record in simulation.get_all_records()))
