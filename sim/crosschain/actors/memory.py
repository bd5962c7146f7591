"""What a relayer is told at the start, what it has in mind, what it sends at a time, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.crosschain.contracts import identity

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call, Packet
    from sim.proof import BlockHeader


@dataclass(frozen=True, slots=True)
class RelayerConfig:
    """How a relayer works.

    Attributes:
        link: that it works on.
        number: among those of the link.
        poll_ns: how often it looks for work.
        batch: calls about packets that it sends after one poll at most, and headers likewise.
        rpc_ns: the way to a node and back. rpc_item_ns: each item that it asks for, on top.
        forgets: after a crash it takes up nothing that was sent before.
    """

    link: str
    number: int
    poll_ns: int
    batch: int
    rpc_ns: int
    rpc_item_ns: int
    forgets: bool = False

    @property
    def did(self) -> str:
        """How the identity registry calls it."""
        return identity.party_did(self.link, identity.RELAYER, self.number)

    @property
    def name(self) -> str:
        """Under which it sends calls, with the key that it has at the start."""
        return f"{self.did}#{identity.key_name(1)}"


Name = tuple[str, str, int]
"""What tells a call from others: the role of its chain, its method, and a number of what it is about."""

Row = tuple[str, int]
"""A call that was sent: its chain, and its row there."""


@dataclass(slots=True)
class Memory:
    """What a relayer knows; a crash loses it.

    Attributes:
        anew: it has crashed, and has not read the chains since.
        heads: the last block of each chain that it has seen, by role.
        scanned: the blocks that it has read, by role.
        believed: headers that light clients have accepted and that it has not held against its own, by the roles of
            the client's chain and of the other, and the height.
        stale_at_ns: when clients must be refreshed.
        packets: that may need something. found: those of them that were there when it began anew.
        streams: from which they come, by sequence.
        said: as in `View`.
        busy: calls that it waits for, by the task's name.
    """

    anew: bool = False
    heads: dict[str, int] = field(default_factory=dict)
    scanned: dict[str, int] = field(default_factory=dict)
    believed: dict[tuple[str, str, int], BlockHeader] = field(default_factory=dict)
    stale_at_ns: dict[tuple[str, str], int] = field(default_factory=dict)
    packets: dict[int, Packet] = field(default_factory=dict)
    found: set[int] = field(default_factory=set)
    streams: dict[int, str] = field(default_factory=dict)
    said: dict[tuple[str, int], bytes] = field(default_factory=dict)
    busy: dict[Name, set[Row]] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """Calls for one chain: those that bring headers come first.

    Attributes:
        role: of the chain.
        sender: under which they are sent.
        names, calls: of each.
        headers: how many bring headers.
        needs: rows of earlier calls whose headers the others are proved against.
        ready_ns: when the headers are there.
    """

    role: str
    sender: str
    names: list[Name] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    headers: int = 0
    needs: set[Row] = field(default_factory=set)
    ready_ns: int = 0


@dataclass(slots=True)
class Diary:
    """What a relayer has done.

    Attributes:
        polls: how often it looked.
        calls: that it sent. updates: those of them that bring headers. size_bytes: of all.
        peak: the most packets that it had to see to at a time.
        busy_ns: from when it looked until it had what it sent, summed up.
        crashes: how often it stopped.
    """

    polls: int = 0
    calls: int = 0
    updates: int = 0
    size_bytes: int = 0
    peak: int = 0
    busy_ns: int = 0
    crashes: int = 0
