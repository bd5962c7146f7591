"""What a chain is made of: its parameters, the CPU costs of its operations, and what is offered to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sim.chain.growing import Column, append
from sim.consensus.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from sim.consensus.interface import Message

    SizesT = TypeVar("SizesT", int, NDArray[np.int64])


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU time per operation, in nanoseconds."""

    hash_ns: int
    hash_per_kilobyte_ns: int
    sign_ns: int
    verify_ns: int
    execute_ns: int
    proof_ns: int

    def hashing_ns(self, size_bytes: SizesT) -> SizesT:
        """Hashing one message of this size, or each of several."""
        return self.hash_ns + self.hash_per_kilobyte_ns * size_bytes // 1000

    def receiving_ns(self, message: Message) -> int:
        """Taking a message in: hash it, and verify every signature on it; its transactions are `checking_ns`."""
        return message.signatures * self.verify_ns + self.hashing_ns(message.size_bytes)

    def checking_ns(self, transactions: int) -> int:
        """Checking a block's transactions: each client signature and each leaf hash."""
        return transactions * (self.verify_ns + self.hash_ns)


@dataclass(frozen=True, slots=True)
class FabricConfig:
    """A chain that executes before it orders: its validators order, its observers are the peers of organisations.

    Attributes:
        organisations: peers belong to them in turn.
        endorsements: of how many of them the policy asks for a peer's signature.
        simulate_ns: running the contract once. endorsing_cores: of each peer, for nothing else.
        commit_block_ns: writing a block at a peer, on top of its transactions.
        keys, skew: a transaction touches the k-th of so many keys with a probability in proportion to k^-skew.
        reads: whether it reads the key before it writes it.
    """

    organisations: int
    endorsements: int
    simulate_ns: int
    endorsing_cores: int
    commit_block_ns: int
    keys: int
    skew: float
    reads: bool


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """The parameters of a chain.

    A block is cut when its transactions reach `max_transactions` or `max_bytes`, or `interval_ns` after the first of
    them could have been taken. The pool holds `pool_capacity` transactions that are not yet executed by the leader;
    beyond that new arrivals are rejected. A transaction larger than `max_bytes` is rejected where it is sent.
    """

    id: str
    protocol: str
    validators: int
    observers: int
    hash: str
    timeout_ns: int
    window: int
    checkpoint_interval: int
    max_transactions: int
    max_bytes: int
    interval_ns: int
    pool_capacity: int
    costs: Costs
    commit_wait_ns: int = 0
    heartbeat_ns: int = 0
    committee: int = 0
    epoch: int = 1
    cores: int = 1
    fabric: FabricConfig | None = None

    @property
    def nodes(self) -> int:
        """Validators first, then observers."""
        return self.validators + self.observers

    @property
    def voters(self) -> int:
        """How many vote on a block."""
        return self.committee or self.validators

    def parameters(self, me: int, seed: int) -> Parameters:
        """What the replica of a validator is told; ``seed`` is of what its protocol leaves to chance."""
        return Parameters(
            n=self.validators,
            me=me,
            timeout_ns=self.timeout_ns,
            window=self.window,
            checkpoint_interval=self.checkpoint_interval,
            seed=seed,
            commit_wait_ns=self.commit_wait_ns,
            heartbeat_ns=self.heartbeat_ns,
            committee=self.committee,
            epoch=self.epoch,
        )

    def executing_ns(self, node: int, transactions: int) -> int:
        """What executing a block costs a node; where it was executed before, orderers do not and peers write it."""
        if self.fabric is None:
            return transactions * self.costs.execute_ns
        return 0 if node < self.validators else self.fabric.commit_block_ns + transactions * self.costs.execute_ns

    @property
    def signatures_each(self) -> int:
        """Signatures of a transaction that a peer checks: endorsements, and the client's; 0 where validators do."""
        return 0 if self.fabric is None else self.fabric.endorsements + 1


@dataclass(frozen=True, slots=True)
class Sent:
    """Records that clients of a closed loop have decided to send, of one stream, as columns.

    Attributes:
        stream: position of the stream in `Offered.streams`.
        client: which of the stream's clients sends it.
        intended_ns: when the client first sent, or first will send, this record.
        submitted_ns: when this transaction sets out; later than that where an earlier one was rejected.
        size_bytes: as a signed transaction on the wire.
        node: the node that the client talks to.
    """

    stream: int
    client: NDArray[np.int64]
    intended_ns: NDArray[np.int64]
    submitted_ns: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    node: NDArray[np.int64]


@dataclass(slots=True)
class Offered:
    """Records offered to a chain, as columns: those known beforehand in the order of their intended send times.

    What clients of closed loops send comes behind these, in the order in which they decide on it.

    What only names something may have a narrower type than 64 bits.

    Attributes:
        streams: the streams' ids; `stream` holds positions in it.
        number: each record's number within its stream, counting from the stream's history.
        history: records per stream that are on the chain before the run starts.
        intended_ns: when the client sends it.
        submitted_ns: when its transaction sets out for a leader: at once, unless it must be endorsed or was rejected.
        size_bytes: as a signed transaction on the wire.
        node: the node that the client talks to.
        client: which of the stream's clients sends it; -1 in an open loop.
        closed: positions of the streams whose clients wait for their records.
        known: how many records were known beforehand.
    """

    streams: tuple[str, ...]
    history: tuple[int, ...]
    stream: NDArray[np.signedinteger[Any]]
    number: NDArray[np.signedinteger[Any]]
    intended_ns: NDArray[np.int64]
    submitted_ns: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    node: NDArray[np.signedinteger[Any]]
    client: NDArray[np.signedinteger[Any]]
    closed: frozenset[int] = frozenset()
    known: int = field(init=False)
    _columns: dict[str, Column] = field(default_factory=dict, init=False, repr=False)
    _given: dict[int, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Only what is known beforehand is there so far."""
        self.known = len(self.intended_ns)

    @classmethod
    def beforehand(
        cls,
        streams: tuple[str, ...],
        history: tuple[int, ...],
        columns: Mapping[str, NDArray[Any]],
        closed: frozenset[int] = frozenset(),
    ) -> Offered:
        """What open loops send: the columns ``stream``, ``number``, ``intended_ns``, ``size_bytes`` and ``node``."""
        sent_ns = columns["intended_ns"]
        nobody = np.broadcast_to(np.int8(-1), len(sent_ns))
        return cls(streams, history, submitted_ns=sent_ns, client=nobody, closed=closed, **columns)

    def __len__(self) -> int:
        return len(self.intended_ns)

    def append(self, sent: Sent) -> range:
        """Take in what clients of a closed loop decided to send, with the stream's next numbers; returns the rows."""
        count, begin = len(sent.client), len(self)
        first = self._given.get(sent.stream, self.history[sent.stream])
        self._given[sent.stream] = first + count
        append(
            self,
            self._columns,
            stream=np.full(count, sent.stream),
            number=np.arange(first, first + count),
            intended_ns=sent.intended_ns,
            submitted_ns=sent.submitted_ns,
            size_bytes=sent.size_bytes,
            node=sent.node,
            client=sent.client,
        )
        return range(begin, begin + count)


class Looks(NamedTuple):
    """How verification requests look at the log; arrays of shape (requests,).

    Attributes:
        age_ns: how long before the request the record that is meant was deposited: of those deposited by then the last;
            -1 for any time.
        behind_ns: the node answers from the log as it knew it so long ago.
        again_ns: so long after a record was not found it is looked up again, once, in the log as it was known when it
            was not; 0 for never.
    """

    age_ns: NDArray[np.int64]
    behind_ns: NDArray[np.int64]
    again_ns: NDArray[np.int64]

    @classmethod
    def usual(cls, count: int) -> Looks:
        """Records of any time, in the log as it is, once."""
        zeros = np.zeros(count, dtype=np.int64)
        return cls(zeros - 1, zeros, zeros)

    def of(self, rows: NDArray[np.int64]) -> Looks:
        """Those of these requests, in this order."""
        return Looks._make(column[rows] for column in self)

    @classmethod
    def joined(cls, parts: Sequence[Looks]) -> Looks:
        """One after the other."""
        return cls._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


@dataclass(frozen=True, slots=True)
class Requests:
    """Verification requests, as columns in the order of their intended send times.

    Attributes:
        stream: position of the requesting stream in `streams`.
        of: position in `Offered.streams` of the stream whose records are asked about.
        kind: 0 genuine, 1 a deposit number that was never given out, 2 a record altered after it was deposited.
        choice: in [0, 1), which of the records deposited before the request is meant.
        node: the node that answers.
        looks: how each looks at the log; None for as usual.
    """

    streams: tuple[str, ...]
    stream: NDArray[np.int64]
    of: NDArray[np.int64]
    kind: NDArray[np.int64]
    choice: NDArray[np.float64]
    intended_ns: NDArray[np.int64]
    node: NDArray[np.int64]
    looks: Looks | None = None

    def __len__(self) -> int:
        return len(self.intended_ns)
