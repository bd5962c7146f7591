"""Execute, order, validate: what Hyperledger Fabric does before and after its ordering service.

Paper: E. Androulaki et al., "Hyperledger Fabric: a distributed operating system for permissioned blockchains", EuroSys
2018, sections 3.2 (execution), 3.3 (ordering) and 3.4 (validation).

1.  Execution. A client sends its proposal to peers of as many organisations as the endorsement policy asks for, its own
    first. Each simulates the contract on its state, without changing it, and signs what was read, with versions, and
    what is to be written. When all have answered, the client sends the transaction to the ordering service.
2.  Ordering: the chain's validators and its consensus protocol, cutting blocks by count, bytes and time. They look at
    no content and execute nothing.
3.  Validation. Every peer, an observer of the chain, checks the signatures of a block's transactions, on all cores, and
    then in order that nobody has written what a transaction read since (multi-version concurrency control). What fails
    stays in the block, marked invalid, and changes nothing.

Simplifications. Each transaction reads and writes one key, or only writes it. Chaincode runs on cores of its own, first
come first served, and endorsement uses no bandwidth, like any way to a leader here; links are without jitter on it.
Clients whose endorsers read different versions send the transaction all the same, and it is found invalid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.chain.blocks import Block
    from sim.chain.config import ChainConfig, FabricConfig, Offered
    from sim.kernel.draws import Draws
    from sim.network.topology import Topology

    Times = NDArray[np.int64]

VALID, CONFLICT, MISMATCH = range(3)
"""What validation says: current, read a version that is written over, or endorsers read different versions."""
NOT_JUDGED = 255


@dataclass(frozen=True, slots=True)
class Endorsed:
    """What execution made of the transactions offered.

    Attributes:
        endorser: peers by node number, shape (transactions, endorsements).
        read_ns: when each of them read its state, likewise.
        endorsed_ns: when the client has all answers, shape (transactions,).
        busy_ns: core time of each node's chaincode, shape (nodes,).
    """

    endorser: NDArray[np.int64]
    read_ns: Times
    endorsed_ns: Times
    busy_ns: Times


def endorse(draws: Draws, config: ChainConfig, fabric: FabricConfig, topology: Topology, offered: Offered) -> Endorsed:
    """Execute all transactions offered on the peers that the policy asks for."""
    count, links = len(offered), topology.links
    peers = np.arange(config.validators, config.nodes)
    organisation = (peers - config.validators) % fabric.organisations
    members = [peers[organisation == o] for o in range(fabric.organisations)]
    own = (offered.node.astype(np.int64) - config.validators) % fabric.organisations
    choice = draws.block(config.id, "endorsers").uniforms(count)
    endorser = np.empty((count, fabric.endorsements), dtype=np.int64)
    endorser[:, 0] = offered.node
    for k in range(1, fabric.endorsements):
        for o, group in enumerate(members):
            rows = (own + k) % fabric.organisations == o
            endorser[rows, k] = group[(choice[rows] * len(group)).astype(np.int64)]
    # A client is one link away from its own peer, within its region, and as far from others as that peer is.
    access = np.array([links[node][node].delay_ns for node in range(config.nodes)], dtype=np.int64)
    between = np.array([[link.delay_ns for link in row] for row in links], dtype=np.int64)
    np.fill_diagonal(between, 0)
    way = access[offered.node][:, None] + between[offered.node[:, None], endorser]
    service_ns = config.costs.checking_ns(1) + fabric.simulate_ns + config.costs.sign_ns
    arrival, done = offered.intended_ns[:, None] + way, np.empty((count, fabric.endorsements), dtype=np.int64)
    for peer in peers:
        here = endorser == peer
        done[here] = first_come_first_served(arrival[here], service_ns, fabric.endorsing_cores)
    busy = np.bincount(endorser.ravel(), minlength=config.nodes) * service_ns
    return Endorsed(endorser, done - config.costs.sign_ns, (done + way).max(axis=1, initial=0), busy)


def first_come_first_served(arrival_ns: Times, service_ns: int, servers: int) -> Times:
    """When each arrival, in any order, has been served by one of several servers, all equally fast.

    With equal services, whoever comes ``servers`` places earlier is the one to wait for.
    """
    order = np.argsort(arrival_ns, kind="stable")
    done = np.empty_like(arrival_ns)
    for server in range(servers):
        mine = order[server::servers]
        before = service_ns * np.arange(len(mine))
        done[mine] = np.maximum.accumulate(arrival_ns[mine] - before) + before + service_ns if len(mine) else 0
    return done


class Validation:
    """The peers' verdicts on transactions, which are the same on all of them.

    Args:
        draws: which key a transaction touches.
        config: of the chain.
        fabric: its contract.
        endorsed: what execution made of the transactions.

    Attributes:
        endorsed: likewise.
        verdict: per transaction, `NOT_JUDGED` before a peer has validated it.
    """

    def __init__(self, draws: Draws, config: ChainConfig, fabric: FabricConfig, endorsed: Endorsed) -> None:
        self.endorsed = endorsed
        count = len(endorsed.endorsed_ns)
        self.verdict = np.full(count, NOT_JUDGED, dtype=np.uint8)
        self._peers = config.validators
        self._reads = fabric.reads
        weights = 1 / np.arange(1, fabric.keys + 1) ** fabric.skew
        share = np.cumsum(weights / weights.sum())
        self.key = np.minimum(np.searchsorted(share, draws.block(config.id, "keys").uniforms(count)), fabric.keys - 1)
        self._written: dict[int, list[int]] = {}
        self._height = 0

    def validate(self, blocks: Sequence[Block], height: int) -> None:
        """Judge the block at this height, as the first peer comes to it; others find it judged."""
        if height <= self._height:
            return
        self._height = height
        for transaction in map(int, blocks[height].transactions):
            verdict = self._judge(blocks, transaction) if self._reads else VALID
            self.verdict[transaction] = verdict
            if verdict == VALID:
                self._written.setdefault(int(self.key[transaction]), []).append(height)

    def _judge(self, blocks: Sequence[Block], transaction: int) -> int:
        """Whether the version that its endorsers read is the last; a version is the number of valid writes so far."""
        written = self._written.get(int(self.key[transaction]), [])
        read = {
            self._version(blocks, written, int(peer), int(read_ns))
            for peer, read_ns in zip(
                self.endorsed.endorser[transaction], self.endorsed.read_ns[transaction], strict=True
            )
        }
        if len(read) > 1:
            return MISMATCH
        return VALID if read == {len(written)} else CONFLICT

    def _version(self, blocks: Sequence[Block], written: Sequence[int], peer: int, at_ns: int) -> int:
        version = len(written)
        while version and not 0 <= blocks[written[version - 1]].executed_ns[peer] <= at_ns:
            version -= 1
        return version
