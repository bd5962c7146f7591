"""The points of each protocol at which a relayer can be made to crash: right after it has sent a call.

A point is the role of the chain that the call is for and the call's method, such as ``destination.recvPacket``.
"""

from __future__ import annotations

from typing import Final

from sim.crosschain.contracts import htlc, tcc, two_phase
from sim.crosschain.contracts.messages import ACKNOWLEDGE, HANDLE, INVOKE, RECEIPT, RECEIVE, TIME_OUT
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE


def _named(*points: tuple[str, str]) -> dict[str, tuple[str, str]]:
    return {f"{role}.{method}": (role, method) for role, method in points}


_DIRECT: Final = {
    "none": _named((DESTINATION, RECEIVE)),
    "packet": _named((DESTINATION, RECEIVE), (SOURCE, ACKNOWLEDGE), (SOURCE, TIME_OUT)),
    "2pc": _named(
        (DESTINATION, two_phase.START),
        (SOURCE, two_phase.EXECUTE),
        (DESTINATION, two_phase.EXECUTE),
        (DESTINATION, two_phase.COMMIT),
        (SOURCE, two_phase.COMMIT),
        (DESTINATION, two_phase.ROLL_BACK),
        (SOURCE, two_phase.ROLL_BACK),
    ),
    "htlc": _named(
        (DESTINATION, htlc.LOCK),
        (DESTINATION, htlc.CLAIM),
        (SOURCE, htlc.CLAIM),
        (DESTINATION, htlc.REFUND),
        (SOURCE, htlc.REFUND),
    ),
}
_OVER_RELAY: Final = {
    "packet": _named((RELAY, HANDLE), (DESTINATION, INVOKE), (SOURCE, RECEIPT)),
    "tcc": _named(
        (RELAY, tcc.SAVE),
        (DESTINATION, tcc.TRY),
        (RELAY, tcc.UPDATE_TRY),
        (DESTINATION, tcc.CONFIRM),
        (RELAY, tcc.UPDATE_CONFIRM),
        (SOURCE, tcc.CONFIRM),
        (DESTINATION, tcc.CANCEL),
        (SOURCE, tcc.CANCEL),
    ),
}
"""By atomicity and name, in the order in which they come: role and method."""


def points_of(protocol: str, atomicity: str) -> dict[str, tuple[str, str]]:
    """The points of a way of crossing that exists: role and method by name, in the order in which they come."""
    return (_OVER_RELAY if protocol == "relay_chain" else _DIRECT)[atomicity]


POINT_NAMES: Final = tuple(
    dict.fromkeys(name for table in (_DIRECT, _OVER_RELAY) for points in table.values() for name in points)
)
"""Of all ways."""
