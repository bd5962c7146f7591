"""One link, put together: contracts at both ends, relayers and senders between, and books of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.mempool import REJECTED
from sim.crosschain.actors.endpoint import Endpoint
from sim.crosschain.actors.forger import Forger
from sim.crosschain.actors.interchain_forger import InterchainForger
from sim.crosschain.actors.interchain_route import InterchainRoute
from sim.crosschain.actors.lies import FalseBundles, FalseClaims
from sim.crosschain.actors.prover import Bundles, Claims
from sim.crosschain.actors.relayer import Relayer, RelayerConfig
from sim.crosschain.actors.route import ChannelRoute
from sim.crosschain.actors.sender import Sender
from sim.crosschain.actors.ticker import Ticker
from sim.crosschain.books import Books
from sim.crosschain.contracts.channel import DestinationEnd, SourceEnd
from sim.crosschain.contracts.interchain import DestinationBroker, InterchainManager, SourceBroker
from sim.crosschain.contracts.trust import Followed, Registered
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE, Step
from sim.proof.lightclient import TrustPolicy
from sim.proof.suites import suite_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.config import ChainConfig
    from sim.crosschain.actors.lies import Lie
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.actors.route import Route
    from sim.crosschain.actors.sender import Traffic
    from sim.crosschain.books import Trip
    from sim.crosschain.contracts.contract import Contract
    from sim.crosschain.contracts.machine import Machine
    from sim.crosschain.contracts.trust import Trust
    from sim.kernel.engine import Engine


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """What a link is.

    Attributes:
        id: its name.
        source, destination: ids of its chains; packets go from the one to the other, acknowledgements back.
        via: the id of the chain between them; None without one.
        protocol, verify, atomicity: as in `sim.crosschain.ways`.
        ordered: whether packets are received in the order in which they were sent only.
        relayers: how many there are.
        poll_ns, batch, rpc_ns, rpc_item_ns: as in `RelayerConfig`.
        timeout_blocks, timeout_ns: as in `Sender`.
        timed_blocks_ns: how long the chain between makes no block at most while a timeout counts; 0 without one.
        trusting_period_ns, clock_drift_ns: of light clients.
    """

    id: str
    source: str
    destination: str
    via: str | None
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

    @property
    def stream(self) -> str:
        """The stream of calls on both chains; no stream of a scenario can be called so."""
        return f"{self.id}/calls"

    @property
    def chains(self) -> dict[str, str]:
        """The ids of its chains, by role."""
        between = {} if self.via is None else {RELAY: self.via}
        return {SOURCE: self.source, **between, DESTINATION: self.destination}

    def relayer(self, number: int) -> RelayerConfig:
        """How one of its relayers works."""
        return RelayerConfig(self.id, number, self.poll_ns, self.batch, self.rpc_ns, self.rpc_item_ns)


def place_contracts(config: LinkConfig, chains: Mapping[str, ChainConfig], machines: Mapping[str, Machine]) -> None:
    """Put a link's contracts on its chains."""
    suites = {role: suite_by_name(chains[chain].hash) for role, chain in config.chains.items()}
    for role, make in _contracts(config).items():
        trusts = {
            shown: _trust(config, shown, chains[chain])
            for shown, chain in config.chains.items()
            if shown in _believed(config, role)
        }
        contract = make(config.id, suites[role], suites, trusts, config.ordered)
        machines[config.chains[role]].contracts[config.id] = contract


def _contracts(config: LinkConfig) -> dict[str, Callable[..., Contract]]:
    """What makes the contract of each chain."""
    if config.via is None:
        return {SOURCE: SourceEnd, DESTINATION: DestinationEnd}
    between = partial(InterchainManager, origin=config.source)
    return {SOURCE: SourceBroker, RELAY: between, DESTINATION: DestinationBroker}


def _believed(config: LinkConfig, role: str) -> frozenset[str]:
    """The roles of the chains of which a chain must believe something."""
    if config.via is not None and role != RELAY:
        return frozenset({RELAY})
    return frozenset({SOURCE, DESTINATION} - {role})


def _verify(config: LinkConfig, shown: str) -> str:
    """What is checked of a chain: the chain between is followed by light clients, whatever it checks itself."""
    return "light_client" if shown == RELAY else config.verify


def _trust(config: LinkConfig, shown: str, chain: ChainConfig) -> Trust:
    """What a chain of the link requires of what is said of another one."""
    if _verify(config, shown) == "light_client":
        suite = suite_by_name(chain.hash)
        policy = TrustPolicy(chain.id, suite, chain.protocol, config.trusting_period_ns, config.clock_drift_ns)
        # The chain between follows two others.
        return Followed(config.id if config.via is None else f"{config.id}/{shown}", policy)
    return Registered(config.relayer(number).name for number in range(config.relayers))


def _prover(config: LinkConfig, shown: str) -> Prover:
    return Bundles() if _verify(config, shown) == "light_client" else Claims()


def _route(config: LinkConfig) -> Route:
    return ChannelRoute(config.id, config.ordered) if config.via is None else InterchainRoute(config.id)


class Link:
    """A link while it runs.

    Args:
        engine: time.
        config: what it is.
        chains: by id; the contracts are on its two chains.
        machines: their contracts, by the chain's id.
        traffic: what is sent over it.

    Attributes:
        config: as given.
        books: what became of its packets.
        relayers: who carries them.
    """

    def __init__(
        self,
        engine: Engine,
        config: LinkConfig,
        chains: Mapping[str, Chain],
        machines: Mapping[str, Machine],
        traffic: Sequence[Traffic],
    ) -> None:
        self.config = config
        relayed = config.via is not None
        self.books = Books(
            config.id,
            config.source,
            config.destination,
            machines,
            ordered=config.ordered,
            gaps=relayed,
            late_success=relayed,
        )
        self._chains = chains
        self._machines = machines
        for chain in config.chains.values():
            machines[chain].watched_by(config.id, self.books)
            for shown, trust in machines[chain].contracts[config.id].trusts.items():
                self._start(trust, chains[config.chains[shown]])
            stream = self._stream(chain)
            tell = partial(self._tell, chain)
            chains[chain].answers.subscribe(stream, tell, tell)
        self.relayers = [self._relayer(engine, number) for number in range(config.relayers)]
        nodes = [self._endpoint(config.source, node) for node in range(chains[config.source].config.nodes)]
        counted = None if relayed else self._endpoint(config.destination, 0)
        self.senders = [
            Sender(engine, config.id, each, nodes, counted, self.books, config.timeout_blocks, config.timeout_ns)
            for each in traffic
        ]
        if config.via is not None and config.timeout_blocks:
            between = [self._endpoint(config.via, node) for node in range(chains[config.via].config.nodes)]
            Ticker(engine, config.id, between, config.timed_blocks_ns)

    @staticmethod
    def _start(trust: Trust, other: Chain) -> None:
        if isinstance(trust, Followed) and other.signing is not None:
            trust.start(other.ledger.blocks[0].header, other.signing.validators)

    def _stream(self, chain: str) -> int:
        return self._chains[chain].offered.streams.index(self.config.stream)

    def _endpoint(self, chain: str, node: int) -> Endpoint:
        return Endpoint(self._chains[chain], self._machines[chain], node, self._stream(chain))

    def _relayer(self, engine: Engine, number: int) -> Relayer:
        """Relayers talk to different nodes, and poll in turn."""
        config = self.config
        endpoints = {
            role: self._endpoint(chain, number % self._chains[chain].config.nodes)
            for role, chain in config.chains.items()
        }
        begin_ns = number * config.poll_ns // config.relayers
        return Relayer(engine, config.relayer(number), _route(config), endpoints, self._provers(), self.books, begin_ns)

    def _provers(self) -> dict[str, Prover]:
        return {role: _prover(self.config, role) for role in self.config.chains}

    def _tell(self, chain: str, rows: NDArray[np.int64], known_ns: NDArray[np.int64]) -> None:
        """Calls are in a block or rejected, and the news is there at these times: whoever waits for them is told."""
        who = self._chains[chain].offered.client[rows].tolist()
        for client, row, at_ns in zip(who, rows.tolist(), known_ns.tolist(), strict=True):
            if client >= 0:
                self.relayers[client].told(chain, row, at_ns)

    @property
    def verified(self) -> int:
        """Bundles that were checked on its chains, all of them for real."""
        return sum(client.verified for client in self.clients)

    @property
    def clients(self) -> list[Followed]:
        """The light clients on its chains, from the source on; none without."""
        contracts = [self._machines[chain].contracts[self.config.id] for chain in self.config.chains.values()]
        return [trust for each in contracts for trust in each.trusts.values() if isinstance(trust, Followed)]

    def has_no_room(self, row: int) -> bool:
        """Whether the source's pool has rejected a transaction."""
        return bool(self._chains[self.config.source].proposer.pool.state[row] == REJECTED)

    def overdue(self, end_ns: int) -> Callable[[Trip], bool]:
        """Tells of a packet whether its timeout had passed by then, whether or not anybody has noticed."""
        if self.config.via is None:
            last = self._destination_block(end_ns)
            return lambda trip: trip.packet is not None and trip.packet.is_late(*last)
        made_ns = np.array([block.first_executed_ns for block in self._chains[self.config.via].ledger.blocks])
        limit, reached = self.config.timeout_blocks, int(np.searchsorted(made_ns, end_ns))
        return lambda trip: (
            limit > 0
            and Step.SENT in trip.times_ns
            and reached - int(np.searchsorted(made_ns, trip.at(Step.SENT))) > limit
        )

    def _destination_block(self, before_ns: int) -> tuple[int, int]:
        """Height and time of the last block that a node of the destination had executed before a time."""
        blocks = self._chains[self.config.destination].ledger.blocks
        height = len(blocks) - 1
        while height and blocks[height].first_executed_ns >= before_ns:
            height -= 1
        return height, blocks[height].header.time_ns

    def forge(self, number: int, stolen: int, stolen_from: str) -> None:
        """A relayer begins to lie, with the keys of so many validators of the chain of this role."""
        relayer, config = self.relayers[number], self.config
        lies = {role: self._lie(role, stolen if role == stolen_from else 0) for role in config.chains}
        who = (config.id, relayer.config.name, relayer.endpoints, lies)
        if config.via is None:
            relayer.forger = Forger(*who, config.ordered)
        else:
            relayer.forger = InterchainForger(*who, self._provers(), config.ordered, stolen_from)

    def _lie(self, role: str, stolen: int) -> Lie:
        """What a liar shows of a chain, with the keys of so many of its validators."""
        if _verify(self.config, role) != "light_client":
            return FalseClaims()
        signing = self._chains[self.config.chains[role]].signing
        return FalseBundles(() if signing is None else tuple(signing.keys.items())[:stolen])

    def stop_forging(self, number: int) -> None:
        """A relayer is honest again."""
        self.relayers[number].forger = None
