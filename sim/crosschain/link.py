"""One link, put together: contracts on its chains, relayers and senders beside them, and books of what happened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.mempool import REJECTED
from sim.crosschain.actors.endpoint import Endpoint
from sim.crosschain.actors.inquirer import Inquirer
from sim.crosschain.actors.relayer import Relayer
from sim.crosschain.actors.sender import Sender
from sim.crosschain.books import Books
from sim.crosschain.contracts import views
from sim.crosschain.contracts.headers import Headers
from sim.crosschain.contracts.identity import key_name
from sim.crosschain.contracts.light_client import Followed
from sim.crosschain.contracts.messages import RECOVER, SEND, Call
from sim.crosschain.contracts.terms import Hashlock
from sim.crosschain.crossing import believed, denier_of, forger_of, order_of, route_of
from sim.crosschain.steps import DESTINATION, Step
from sim.crosschain.trusting import NOTHING
from sim.crosschain.ways import CARRYING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.crosschain.actors.forger import Forging
    from sim.crosschain.actors.habits import Habit
    from sim.crosschain.actors.inquirer import Questions
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.actors.sender import Traffic
    from sim.crosschain.books import Trip
    from sim.crosschain.config import LinkConfig
    from sim.crosschain.contracts.machine import Machine
    from sim.crosschain.groups import Groups
    from sim.crosschain.trusting import Loot, Trusting
    from sim.kernel.engine import Engine


class Link:
    """A link while it runs.

    Args:
        engine: time.
        config: what it is.
        chains: by id; the contracts are on those of the link.
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
        order = order_of(config, self._endpoint(config.destination, 0), self._preimages)
        self.senders = [Sender(engine, config.id, each, nodes, order, self.books) for each in traffic]

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
        route, provers, roles = route_of(config, number, self._preimages), self._provers(), list(config.chains)
        clients = [(role, shown) for role in roles for shown in roles if shown in believed(config, role)]
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
    def other_lies(self) -> int:
        """What else relayers have lied about: packets that they denied, preimages that they guessed."""
        return sum(forger.other_lies for forger in self.forgers)

    @property
    def carries_documents(self) -> bool:
        """Whether identity documents can cross it."""
        return self.config.atomicity in CARRYING

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

    def refused_ns(self, row: int) -> int:
        """When the node that a refused call went through, or its pool, had turned it away; 0 if it has not yet."""
        chain = self._chains[self.config.source]
        if self.has_no_room(row):
            return int(chain.offered.submitted_ns[row] + 2 * chain.access_ns[chain.offered.node[row]])
        index = int(chain.ledger.leaf_index[chain.records.history + row])
        height = int(np.searchsorted(chain.ledger.blocks.log_sizes, index, side="right")) if index >= 0 else 0
        return max(0, int(chain.ledger.blocks[height].executed_ns[chain.offered.node[row]])) if height else 0

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
        self.books.lied = True
        relayer.forger = forger_of(config, relayer, lies, self._provers(), loot.owner)
        self.forgers.append(relayer.forger)

    def deny(self, number: int) -> None:
        """A relayer begins to deny that packets were received, with no more than its own key."""
        relayer, config = self.relayers[number], self.config
        lie = self._trusting.lie(DESTINATION, self._chains[config.destination], NOTHING)
        relayer.forger = denier_of(config, relayer, lie)
        self.forgers.append(relayer.forger)
        self.books.lied = True

    def stop_forging(self, number: int) -> None:
        """A relayer is honest again."""
        self.relayers[number].forger = None

    def recover_clients(self) -> None:
        """The member of each chain sets a header to go on from, where a light client is frozen or expired.

        It takes the header from the first node of the other chain that is up, and sends the call through one of its
        own; where none is up nothing happens.
        """
        up = {role: self._first_up(chain) for role, chain in self.config.chains.items()}
        for role, node in up.items():
            chain = self.config.chains[role]
            owner = f"{self.config.owners[chain]}#{key_name(1)}"
            trusts = self._machines[chain].contracts[self.config.id].trusts
            for shown, trust in trusts.items():
                there = up[shown]
                if node is None or there is None or not isinstance(trust, Followed):
                    continue
                if not trust.is_active(node.header(node.head()).time_ns):
                    parts = (shown.encode(), there.update(there.head()).to_bytes())
                    node.submit(-1, [Call(self.config.id, RECOVER, owner, parts).to_bytes()])

    def _first_up(self, chain: str) -> Endpoint | None:
        nodes = (self._endpoint(chain, number) for number in range(self._chains[chain].config.nodes))
        return next((node for node in nodes if node.is_up), None)
