"""One link, put together: contracts at both ends, relayers and senders between, and books of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sim.chain.mempool import REJECTED
from sim.crosschain.books import Books
from sim.crosschain.channel import DestinationEnd, SourceEnd
from sim.crosschain.endpoint import Endpoint
from sim.crosschain.forger import Forger
from sim.crosschain.relayer import Relayer, RelayerConfig
from sim.crosschain.sender import Sender
from sim.crosschain.trust import Followed, Registered
from sim.proof.lightclient import TrustPolicy
from sim.proof.suites import suite_by_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.config import ChainConfig
    from sim.crosschain.machine import Machine
    from sim.crosschain.sender import Traffic
    from sim.crosschain.trust import Trust
    from sim.kernel.engine import Engine


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """What a link is.

    Attributes:
        id: its name.
        source, destination: ids of its chains; packets go from the one to the other, acknowledgements back.
        protocol, verify, atomicity: as in `sim.crosschain.ways`.
        ordered: whether packets are received in the order in which they were sent only.
        relayers: how many there are.
        poll_ns, batch, rpc_ns, rpc_item_ns: as in `RelayerConfig`.
        timeout_blocks, timeout_ns: as in `Sender`.
        trusting_period_ns, clock_drift_ns: of light clients.
    """

    id: str
    source: str
    destination: str
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
    trusting_period_ns: int
    clock_drift_ns: int

    @property
    def stream(self) -> str:
        """The stream of calls on both chains; no stream of a scenario can be called so."""
        return f"{self.id}/calls"

    @property
    def proves(self) -> bool:
        """Whether a light client checks what relayers bring."""
        return self.verify == "light_client"

    def relayer(self, number: int) -> RelayerConfig:
        """How one of its relayers works."""
        return RelayerConfig(
            self.id, number, self.poll_ns, self.batch, self.rpc_ns, self.rpc_item_ns, self.proves, self.ordered
        )


def place_contracts(config: LinkConfig, chains: Mapping[str, ChainConfig], machines: Mapping[str, Machine]) -> None:
    """Put a link's contracts on its two chains."""
    for here, there, kind in (
        (config.source, config.destination, SourceEnd),
        (config.destination, config.source, DestinationEnd),
    ):
        suite, other = suite_by_name(chains[here].hash), suite_by_name(chains[there].hash)
        trust: Trust
        if config.proves:
            drift_ns = config.clock_drift_ns
            policy = TrustPolicy(there, other, chains[there].protocol, config.trusting_period_ns, drift_ns)
            trust = Followed(config.id, policy)
        else:
            trust = Registered(config.relayer(number).name for number in range(config.relayers))
        machines[here].ends[config.id] = kind(config.id, config.ordered, suite, other, trust)


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
        self.books = Books(config.id, config.source, config.destination, machines, ordered=config.ordered)
        self._trusts = [machines[chain].ends[config.id].trust for chain in (config.source, config.destination)]
        self._chains = chains
        self._machines = machines
        for trust, other in zip(self._trusts, (config.destination, config.source), strict=True):
            self._start(trust, chains[other])
        for chain in (config.source, config.destination):
            machines[chain].watched_by(config.id, self.books)
            stream = self._stream(chain)
            tell = partial(self._tell, chain)
            chains[chain].answers.subscribe(stream, tell, tell)
        self.relayers = [self._relayer(engine, number) for number in range(config.relayers)]
        nodes = [self._endpoint(config.source, node) for node in range(chains[config.source].config.nodes)]
        destination = self._endpoint(config.destination, 0)
        self.senders = [
            Sender(engine, config.id, each, nodes, destination, self.books, config.timeout_blocks, config.timeout_ns)
            for each in traffic
        ]

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
        source, destination = (
            self._endpoint(chain, number % self._chains[chain].config.nodes)
            for chain in (config.source, config.destination)
        )
        begin_ns = number * config.poll_ns // config.relayers
        return Relayer(engine, config.relayer(number), source, destination, self.books, begin_ns)

    def _tell(self, chain: str, rows: NDArray[np.int64], known_ns: NDArray[np.int64]) -> None:
        """Calls are in a block or rejected, and the news is there at these times: whoever waits for them is told."""
        who = self._chains[chain].offered.client[rows].tolist()
        for client, row, at_ns in zip(who, rows.tolist(), known_ns.tolist(), strict=True):
            if client >= 0:
                self.relayers[client].told(chain, row, at_ns)

    @property
    def verified(self) -> int:
        """Bundles that were checked on its two chains, all of them for real."""
        return sum(trust.verified for trust in self._trusts if isinstance(trust, Followed))

    @property
    def clients(self) -> list[Followed]:
        """The light clients at its ends: on the source, then on the destination; none without."""
        return [trust for trust in self._trusts if isinstance(trust, Followed)]

    def has_no_room(self, row: int) -> bool:
        """Whether the source's pool has rejected a transaction."""
        return bool(self._chains[self.config.source].proposer.pool.state[row] == REJECTED)

    def destination_block(self, before_ns: int) -> tuple[int, int]:
        """Height and time of the last block that a node of the destination had executed before a time."""
        blocks = self._chains[self.config.destination].ledger.blocks
        height = len(blocks) - 1
        while height and blocks[height].first_executed_ns >= before_ns:
            height -= 1
        return height, blocks[height].header.time_ns

    def forge(self, number: int, stolen: int) -> None:
        """A relayer begins to lie, with the keys of so many of the source's validators."""
        relayer, signing = self.relayers[number], self._chains[self.config.source].signing
        keys = () if signing is None else tuple(signing.keys.items())[:stolen]
        config = self.config
        relayer.forger = Forger(
            config.id,
            relayer.config.name,
            relayer.source,
            relayer.destination,
            config.proves,
            config.ordered,
            keys,
        )

    def stop_forging(self, number: int) -> None:
        """A relayer is honest again."""
        self.relayers[number].forger = None
