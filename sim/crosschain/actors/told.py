"""What a chain has been told of another one: what anybody can read of its client there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.contracts.headers import Accepted, client_key, frozen_key, header_key
from sim.crosschain.contracts.store import number_of

if TYPE_CHECKING:
    from sim.crosschain.actors.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Told:
    """The client of one chain on another.

    Attributes:
        node: of the chain that is told.
        link: whose client it is. role: of the chain that it is told of.
    """

    node: Endpoint
    link: str
    role: str

    def latest(self, head: int) -> int:
        """The latest height that it had accepted by the end of a block; 0 if none."""
        return number_of(self.node.get(client_key(self.link, self.role), head))

    def accepted(self, height: int, head: int) -> Accepted | None:
        """What it had accepted at a height by the end of a block."""
        data = self.node.get(header_key(self.link, self.role, height), head)
        return None if data is None else Accepted.from_bytes(data)

    def is_frozen(self, head: int) -> bool:
        """Whether it had seen a fork by the end of a block."""
        return self.node.get(frozen_key(self.link, self.role), head) is not None
