"""What a chain is made of: its parameters, the CPU costs of its operations, and what is offered to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeVar

    import numpy as np
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
    cores: int = 1

    @property
    def nodes(self) -> int:
        """Validators first, then observers."""
        return self.validators + self.observers


@dataclass(frozen=True, slots=True)
class Offered:
    """Records offered to a chain, as columns in the order of their intended send times.

    Attributes:
        streams: the streams' ids; `stream` holds positions in it.
        number: each record's number within its stream, counting from the stream's history.
        history: records per stream that are on the chain before the run starts.
        intended_ns: when the client sends it.
        size_bytes: as a signed transaction on the wire.
        node: the node that the client talks to.
    """

    streams: tuple[str, ...]
    history: tuple[int, ...]
    stream: NDArray[np.int64]
    number: NDArray[np.int64]
    intended_ns: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    node: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.intended_ns)


@dataclass(frozen=True, slots=True)
class Requests:
    """Verification requests, as columns in the order of their intended send times.

    Attributes:
        stream: position of the requesting stream in `streams`.
        of: position in `Offered.streams` of the stream whose records are asked about.
        kind: 0 genuine, 1 a deposit number that was never given out, 2 a record altered after it was deposited.
        choice: in [0, 1), which of the records deposited before the request is meant.
        node: the node that answers.
    """

    streams: tuple[str, ...]
    stream: NDArray[np.int64]
    of: NDArray[np.int64]
    kind: NDArray[np.int64]
    choice: NDArray[np.float64]
    intended_ns: NDArray[np.int64]
    node: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.intended_ns)
