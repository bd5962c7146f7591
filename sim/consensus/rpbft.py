"""PBFT with a rotating committee, as FISCO BCOS's rPBFT: few validators vote at a time, and they take turns.

Sources: FISCO BCOS documentation, "rPBFT" (consensus nodes are chosen epoch by epoch: `epoch_sealer_num` of them, one
replaced every `epoch_block_num` blocks); M. Castro and B. Liskov, "Practical Byzantine Fault Tolerance", OSDI 1999, for
the three phases; H. Moniz, arXiv 2002.03613, for the way a round change proves itself (`qbft`).

The rules, on top of those of `qbft`:

1.  Validators stand in a ring. The committee of epoch e are the ``committee`` validators from number e mod n on; an
    epoch is ``epoch`` heights, so one leaves and the next one joins with each.
2.  Quorums are those of a group as large as the committee, and round r of a height is led by its member
    (height − 1 + r) mod k.
3.  Members tell members only. A message from anybody else about a height is no vote on it.
4.  Who is outside receives finished blocks from members and checks their certificates, like an observer.
5.  Somebody outside who waits for a timeout in vain asks the members for what it misses.

Why not on `pbft`: its window lets heights of two committees be agreed on at once, and its view change is decided by one
quorum for all of them. One height at a time there is one committee that decides it, which is also what FISCO does.
With a committee of all validators, or 0, nothing rotates and this is `qbft`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.interface import Broadcast, FetchState, Misbehaviour, Output
from sim.consensus.qbft import QbftReplica
from sim.consensus.quorum import Quorums

if TYPE_CHECKING:
    from sim.consensus.heights import HeightMessage
    from sim.consensus.interface import Message
    from sim.consensus.parameters import Parameters

_WAITING_TIMER: Final = "round"
"""The round timer of `qbft`, which outside the committee means something else: to ask."""


def committee_of(parameters: Parameters, height: int) -> tuple[int, ...]:
    """Who votes on a height, in the order of their turns."""
    n = parameters.n
    first = (height - 1) // parameters.epoch
    return tuple((first + k) % n for k in range(parameters.committee or n))


class RpbftReplica(QbftReplica):
    """One rPBFT replica, `interface.Replica` for its host, in the committee or waiting for its turn."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorums = Quorums.of(parameters.committee or parameters.n)
        self._quorum = self._quorums.quorum

    @property
    def _votes(self) -> bool:
        return self._me in committee_of(self.parameters, self.height)

    def proposer(self, height: int, round_: int) -> int:
        """Whose turn it is in a round of a height."""
        members = committee_of(self.parameters, height)
        return members[(height - 1 + round_) % len(members)]

    def _say(self, message: Message, outputs: list[Output]) -> None:
        outputs.append(Broadcast(message, committee_of(self.parameters, self.height)))

    def _fault(self, message: HeightMessage) -> Misbehaviour | None:
        fault = super()._fault(message)
        if fault is None and message.sender not in committee_of(self.parameters, message.sequence):
            return Misbehaviour(message.sender, f"no member of the committee of height {message.sequence}")
        return fault

    def _timed_out(self, name: str, outputs: list[Output]) -> None:
        if self._votes:
            super()._timed_out(name, outputs)
        elif self._decided is None:
            others = tuple(member for member in committee_of(self.parameters, self.height) if member != self._me)
            outputs.append(FetchState(self.height, b"", others))
            self._set_timer(_WAITING_TIMER, self._timeout_ns(), outputs)
