"""One link, put together: contracts at both ends, relayers and senders between, and books of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.mempool import REJECTED
from sim.crosschain.actors.coordinator import CoordinatorRoute
from sim.crosschain.actors.endpoint import Endpoint
from sim.crosschain.actors.false_coordinator import FalseCoordinator
from sim.crosschain.actors.false_party import FalseParty
from sim.crosschain.actors.forger import Forger
from sim.crosschain.actors.inquirer import Inquirer
from sim.crosschain.actors.interchain_route import InterchainRoute
from sim.crosschain.actors.orders import PacketOrder, SwapOrder, TransactionOrder
from sim.crosschain.actors.parties import INITIATOR, PARTICIPANT, InitiatorRoute, ParticipantRoute
from sim.crosschain.actors.relay_forger import InterchainPlot, RelayForger, TccPlot
from sim.crosschain.actors.relayer import Relayer, RelayerConfig
from sim.crosschain.actors.route import ChannelRoute, OneWayRoute
from sim.crosschain.actors.sender import Sender
from sim.crosschain.actors.tcc_route import TccRoute
from sim.crosschain.books import Books
from sim.crosschain.contracts import views
from sim.crosschain.contracts.channel import DestinationEnd, SourceEnd
from sim.crosschain.contracts.headers import Headers
from sim.crosschain.contracts.htlc import InitiatorsLock, ParticipantsLock
from sim.crosschain.contracts.interchain import DestinationBroker, InterchainManager, SourceBroker
from sim.crosschain.contracts.light_client import GOVERNANCE, Followed
from sim.crosschain.contracts.messages import RECOVER, SEND, Call
from sim.crosschain.contracts.tcc import CrossChainManager, DestinationGateway, SourceGateway
from sim.crosschain.contracts.terms import Hashlock
from sim.crosschain.contracts.two_phase import PaidEnd, PayingEnd
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE, Step
from sim.proof.suites import suite_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.config import ChainConfig
    from sim.crosschain.actors.forger import Forging
    from sim.crosschain.actors.habits import Habit
    from sim.crosschain.actors.inquirer import Questions
    from sim.crosschain.actors.orders import Order
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.actors.route import Route
    from sim.crosschain.actors.sender import Traffic
    from sim.crosschain.books import Trip
    from sim.crosschain.contracts.contract import Contract
    from sim.crosschain.contracts.machine import Machine
    from sim.crosschain.groups import Groups
    from sim.crosschain.trusting import Loot, Trusting
    from sim.kernel.engine import Engine


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


def place_contracts(
    config: LinkConfig, chains: Mapping[str, ChainConfig], machines: Mapping[str, Machine], trusting: Trusting
) -> None:
    """Put a link's contracts on its chains."""
    suites = {role: suite_by_name(chains[chain].hash) for role, chain in config.chains.items()}
    for role, make in _contracts(config).items():
        trusts = {shown: trusting.trust(shown) for shown in config.chains if shown in _believed(config, role)}
        contract = make(config.id, suites[role], suites, trusts)
        machines[config.chains[role]].contracts[config.id] = contract


def _contracts(config: LinkConfig) -> dict[str, Callable[..., Contract]]:
    """What makes the contract of each chain."""
    if config.atomicity == "2pc":
        return {SOURCE: PayingEnd, DESTINATION: PaidEnd}
    if config.atomicity == "htlc":
        participant = config.relayer(PARTICIPANT).did
        return {SOURCE: InitiatorsLock, DESTINATION: partial(ParticipantsLock, participant=participant)}
    if config.via is None:
        ends = {SOURCE: SourceEnd, DESTINATION: DestinationEnd}
        return {role: partial(kind, ordered=config.ordered, acknowledges=config.answers) for role, kind in ends.items()}
    if config.atomicity == "tcc":
        manager = partial(CrossChainManager, ordered=config.ordered, origin=config.source)
        return {SOURCE: SourceGateway, RELAY: manager, DESTINATION: DestinationGateway}
    return {
        SOURCE: partial(SourceBroker, ordered=config.ordered),
        RELAY: partial(InterchainManager, ordered=config.ordered, origin=config.source),
        DESTINATION: partial(DestinationBroker, ordered=config.ordered),
    }


def _believed(config: LinkConfig, role: str) -> frozenset[str]:
    """The roles of the chains of which a chain must believe something."""
    if config.via is not None and role != RELAY:
        return frozenset({RELAY})
    if role == SOURCE and not config.answers:
        return frozenset()
    return frozenset({SOURCE, DESTINATION} - {role})


def _route(config: LinkConfig) -> Route:
    if config.via is not None:
        return TccRoute(config.id) if config.atomicity == "tcc" else InterchainRoute(config.id)
    kind = ChannelRoute if config.answers else OneWayRoute
    return kind(config.id, config.ordered)


class Link:
    """A link while it runs.

    Args:
        engine: time.
        config: what it is.
        chains: by id; the contracts are on its two chains.
        machines: their contracts, by the chain's id.
        traffic: what is sent over it.
        trusting: what its chains require of each other.
        groups: of all links.
        questions: what is asked at its destination about its source.

    Attributes:
        config: as given.
        books: what became of its packets.
        notaries: who signs what relayers bring, if anybody does.
        relayers: who carries packets.
        forgers: those of them that have ever lied, and what they lied with.
        inquirers: who asks.
    """

    def __init__(
        self,
        engine: Engine,
        config: LinkConfig,
        chains: Mapping[str, Chain],
        machines: Mapping[str, Machine],
        traffic: Sequence[Traffic],
        trusting: Trusting,
        groups: Groups,
        questions: Sequence[Questions] = (),
    ) -> None:
        self.config = config
        self._trusting = trusting
        self.books = Books(config, machines, groups)
        self.forgers: list[Forging] = []
        self._preimages: dict[bytes, bytes] = {}
        self._engine = engine
        self._chains = chains
        self._machines = machines
        for chain in config.chains.values():
            machines[chain].watched_by(config.id, self.books)
            for shown, trust in machines[chain].contracts[config.id].trusts.items():
                signing = chains[config.chains[shown]].signing
                if isinstance(trust, Headers) and signing is not None:
                    trust.start(chains[config.chains[shown]].ledger.blocks[0].header, signing.validators)
            stream = self._stream(chain)
            tell = partial(self._tell, chain)
            chains[chain].answers.subscribe(stream, tell, tell)
        self.notaries = trusting.notaries({number: self._nodes(number) for number in range(config.notaries)})
        self.relayers = [self._relayer(engine, number) for number in range(config.relayers)]
        nodes = [self._endpoint(config.source, node) for node in range(chains[config.source].config.nodes)]
        self._speaker = nodes[0]
        self.inquirers = [self._inquirer(each) for each in questions]
        self.senders = [Sender(engine, config.id, each, nodes, self._order(), self.books) for each in traffic]

    def _inquirer(self, questions: Questions) -> Inquirer:
        """Who asks the questions of one stream; the contract that takes the answers trusts as the link does."""
        config, machine = self.config, self._machines[self.config.destination]
        name = views.view_end(f"{config.id}/{questions.id}")
        end = machine.contracts[config.id]
        bounds = {questions.id: questions.freshness_ns}
        machine.contracts[name] = views.ViewEnd(name, end.suite, end.suites, end.trusts, bounds)
        inquirer = Inquirer(self._engine, name, questions, self.relayers, self._speaker)
        machine.watched_by(name, inquirer)
        inquirer.begin()
        return inquirer

    @property
    def between(self) -> list[Endpoint]:
        """The nodes of the chain between; none without one."""
        via = self.config.via
        return [] if via is None else [self._endpoint(via, node) for node in range(self._chains[via].config.nodes)]

    def _order(self) -> Order:
        """What senders say."""
        config = self.config
        if config.atomicity == "2pc":
            return TransactionOrder()
        if config.swap is not None:
            return SwapOrder(config.swap.source_ns, config.swap.destination_ns, self._preimages)
        counted = None if config.via is not None else self._endpoint(config.destination, 0)
        return PacketOrder(counted, config.timeout_blocks, config.timeout_ns)

    def _route_of(self, number: int) -> Route:
        """What a relayer does."""
        config = self.config
        if config.atomicity == "2pc":
            return CoordinatorRoute(config.id, number, config.relayers)
        if config.swap is not None and number == INITIATOR:
            return InitiatorRoute(config.id, self._preimages, config.swap.margin_ns)
        return ParticipantRoute(config.id) if config.swap is not None else _route(config)

    def _stream(self, chain: str) -> int:
        return self._chains[chain].offered.streams.index(self.config.stream)

    def _endpoint(self, chain: str, node: int) -> Endpoint:
        return Endpoint(self._chains[chain], self._machines[chain], node, self._stream(chain))

    def _nodes(self, number: int) -> dict[str, Endpoint]:
        """The nodes of each chain that a relayer or notary of this number talks to, by role."""
        chains = self.config.chains.items()
        return {role: self._endpoint(chain, number % self._chains[chain].config.nodes) for role, chain in chains}

    def _relayer(self, engine: Engine, number: int) -> Relayer:
        """Relayers talk to different nodes, and poll in turn."""
        config = self.config
        begin_ns = number * config.poll_ns // config.relayers
        route, provers, roles = self._route_of(number), self._provers(), list(config.chains)
        clients = [(role, shown) for role in roles for shown in roles if shown in _believed(config, role)]
        return Relayer(
            engine, config.relayer(number), route, self._nodes(number), provers, clients, self.books, begin_ns
        )

    def _provers(self) -> dict[str, Prover]:
        return {role: self._trusting.prover(role, self.notaries) for role in self.config.chains}

    def _tell(self, chain: str, rows: NDArray[np.int64], known_ns: NDArray[np.int64]) -> None:
        """Calls are in a block or rejected, and the news is there at these times: whoever waits for them is told."""
        who = self._chains[chain].offered.client[rows].tolist()
        for client, row, at_ns in zip(who, rows.tolist(), known_ns.tolist(), strict=True):
            if client >= 0:
                self.relayers[client].told(chain, row, at_ns)

    @property
    def forgeries(self) -> int:
        """Packets that relayers have made up."""
        return sum(forger.made for forger in self.forgers)

    @property
    def carries_documents(self) -> bool:
        """Whether identity documents can cross it: as packets do, and not where accounts or swaps are locked."""
        return self.config.atomicity in {"none", "packet", "tcc"}

    def announce(self, sender: str, document: bytes) -> None:
        """Somebody sends an identity document as a packet that never times out."""
        call = Call(self.config.id, SEND, sender, (bytes(8), bytes(8), document))
        (row,) = self._speaker.submit(-1, [call.to_bytes()])
        self.books.offer(row, self._engine.now, 0)

    def take_up(self, number: int, habit: Habit) -> None:
        """A relayer begins to do something wrong."""
        self.relayers[number].habits.append(habit)

    def give_up(self, number: int, habit: Habit) -> None:
        """And ends."""
        self.relayers[number].habits.remove(habit)

    @property
    def clients(self) -> list[Headers]:
        """What its chains have of each other's headers, from the source on; empty if they need none."""
        contracts = [self._machines[chain].contracts[self.config.id] for chain in self.config.chains.values()]
        return [trust for each in contracts for trust in each.trusts.values() if isinstance(trust, Headers)]

    @property
    def stands_lies(self) -> bool:
        """Whether all its chains have consensus among nodes that may lie; else whoever orders must be believed."""
        return all(self._chains[chain].family.byzantine for chain in self.config.chains.values())

    def has_no_room(self, row: int) -> bool:
        """Whether the source's pool has rejected a transaction."""
        return bool(self._chains[self.config.source].proposer.pool.state[row] == REJECTED)

    def overdue(self, end_ns: int) -> Callable[[Trip], bool]:
        """Tells of a packet whether its timeout had passed by then, whether or not anybody has noticed."""
        if self.config.via is None:
            last = self._destination_block(end_ns)
            if self.config.swap is not None:
                return lambda trip: trip.packet is not None and Hashlock.of(trip.packet.data).timelock_ns <= last[1]
            return lambda trip: trip.packet is not None and trip.packet.is_late(*last)
        made_ns = np.array([block.first_executed_ns for block in self._chains[self.config.via].ledger.blocks])
        slowest_ns = self.config.timed_blocks_ns

        def overdue(trip: Trip) -> bool:
            """Whether the chain between has made so many blocks since, or would have if it had been told at once."""
            limit = 0 if trip.packet is None else trip.packet.timeout_height
            sent_ns = trip.at(Step.SENT)
            blocks = int(np.searchsorted(made_ns, end_ns)) - int(np.searchsorted(made_ns, sent_ns))
            return limit > 0 and (blocks > limit or end_ns - sent_ns > limit * slowest_ns)

        return overdue

    def _destination_block(self, before_ns: int) -> tuple[int, int]:
        """Height and time of the last block that a node of the destination had executed before a time."""
        blocks = self._chains[self.config.destination].ledger.blocks
        height = len(blocks) - 1
        while height and blocks[height].first_executed_ns >= before_ns:
            height -= 1
        return height, blocks[height].header.time_ns

    def forge(self, number: int, loot: Loot) -> None:
        """A relayer begins to lie."""
        relayer, config = self.relayers[number], self.config
        lies = {role: self._trusting.lie(role, self._chains[chain], loot) for role, chain in config.chains.items()}
        who = (config.id, relayer.config.name, relayer.endpoints)
        self.books.lied = True
        if config.atomicity == "2pc":
            relayer.forger = FalseCoordinator(*who, lies)
        elif config.atomicity == "htlc":
            relayer.forger = FalseParty(*who)
        elif config.via is None:
            relayer.forger = Forger(*who, lies, config.ordered)
        else:
            plot = TccPlot() if config.atomicity == "tcc" else InterchainPlot()
            route = _route(config)
            relayer.forger = RelayForger(*who, lies, self._provers(), route, plot, config.ordered, loot.owner)
        self.forgers.append(relayer.forger)

    def stop_forging(self, number: int) -> None:
        """A relayer is honest again."""
        self.relayers[number].forger = None

    def recover_clients(self) -> None:
        """Members of each chain set a header to go on from, where a light client is frozen or expired.

        They take the header from the first node of the other chain that is up, and send the call through one of theirs;
        where none is up nothing happens.
        """
        up = {role: self._first_up(chain) for role, chain in self.config.chains.items()}
        for role, node in up.items():
            trusts = self._machines[self.config.chains[role]].contracts[self.config.id].trusts
            for shown, trust in trusts.items():
                there = up[shown]
                if node is None or there is None or not isinstance(trust, Followed):
                    continue
                if trust.is_useless(node.header(node.head()).time_ns):
                    parts = (shown.encode(), there.update(there.head()).to_bytes())
                    node.submit(-1, [Call(self.config.id, RECOVER, GOVERNANCE, parts).to_bytes()])

    def _first_up(self, chain: str) -> Endpoint | None:
        nodes = (self._endpoint(chain, number) for number in range(self._chains[chain].config.nodes))
        return next((node for node in nodes if node.is_up), None)
