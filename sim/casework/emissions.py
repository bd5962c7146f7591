"""What a pass of the docket asks of the chains, and what it learns of them: records, packets and checks as columns.

Every row has a key, unique in the run and the same in every pass in which the same case does the same thing, so that
what the chains did with it is known in the next pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from sim.chain.config import Looks

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Deposited:
    """Records for one chain, in the order of time; all arrays have shape (records,).

    Attributes:
        key: of each.
        time_ns: when it is sent.
        province: number of the province of who sends it, in the order of the scenario's provinces.
        size_bytes: of each; 0 for the usual size.
        kind: number of its kind in `kinds`.
        kinds: "workflow/kind" names, which are the chain's streams.
    """

    key: Keys
    time_ns: Cells
    province: Cells
    size_bytes: Cells
    kind: Cells
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """Packets for one pair of chains, in the order of time; shape (packets,).

    Attributes:
        key: of the message that the packet belongs to: several packets, to several institutions, may share it.
        part: number of the packet within its message.
        time_ns: when it is sent.
        province: of who sends it.
        kind: number of its message in `kinds`.
        kinds: "workflow/message" names.
    """

    key: Keys
    part: Cells
    time_ns: Cells
    province: Cells
    kind: Cells
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Verification requests to one chain, in the order of time; shape (requests,).

    Attributes:
        key: of each.
        time_ns: when it is made.
        province: of who asks.
        presented: what is presented: `sim.chain.verification.GENUINE`, ABSENT or ALTERED.
        public: through the Internet platform.
        of: number in `kinds` of the records asked about.
        kinds: "workflow/kind" names, streams of the chain.
        looks: how each looks at the log; None for as usual.
    """

    key: Keys
    time_ns: Cells
    province: Cells
    presented: Cells
    public: NDArray[np.bool_]
    of: Cells
    kinds: tuple[str, ...]
    looks: Looks | None = None


@dataclass(frozen=True, slots=True)
class Emissions:
    """Everything that a pass asks of the chains.

    Attributes:
        deposits: by chain.
        packets: by (source, destination).
        checks: by chain.
    """

    deposits: Mapping[str, Deposited] = field(default_factory=dict)
    packets: Mapping[tuple[str, str], Sent] = field(default_factory=dict)
    checks: Mapping[str, Asked] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the chains did with what was asked of them.

    Attributes:
        key: ascending, shape (answers,); of a record, a packet's message (its last part) or a check.
        delay_ns: from when it was asked to when it was known; the rest of the horizon where it never was.
        answer: a `sim.casework.definition.Answer`; shape (answers,), int8.
    """

    key: Keys
    delay_ns: Cells
    answer: NDArray[np.int8]
