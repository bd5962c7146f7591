"""The points of each protocol at which a relayer can be made to crash: right after it has sent a call.

A point is the role of the chain that the call is for and the call's method, such as ``destination.recvPacket``.
"""

from __future__ import annotations

from typing import Final

from sim.crosschain.contracts import htlc, two_phase
from sim.crosschain.contracts.messages import ACKNOWLEDGE, RECEIVE, TIME_OUT
from sim.crosschain.steps import DESTINATION, SOURCE


def _named(*points: tuple[str, str]) -> dict[str, tuple[str, str]]:
    return {f"{role}.{method}": (role, method) for role, method in points}


POINTS: Final = {
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
"""By atomicity and name, in the order in which they come: role and method."""

POINT_NAMES: Final = tuple(name for points in POINTS.values() for name in points)
