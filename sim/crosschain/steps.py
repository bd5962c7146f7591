"""Words that all ways of crossing share: the chains' roles, and what can happen to a packet.

Each way calls these steps by the names of its own specification; the contract that takes them says which.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SOURCE: Final = "source"
DESTINATION: Final = "destination"
RELAY: Final = "relay"
"""The roles of a link's chains: where packets are sent, where they are executed, and what stands between."""


class Step(StrEnum):
    """What a call did to a packet.

    | step | where | what it means | amounts |
    |---|---|---|---|
    | SENT | source | the source has taken it | escrow + |
    | RELAYED | relay | the chain between has taken it | |
    | PREPARED | destination | the effect is reserved, and nobody else can take its place | |
    | EXECUTED | destination | the effect is there | vouchers + |
    | COMMITTED | destination | what was executed is kept, and what was locked for it is free again | |
    | CANCELLED | destination | what was prepared is dropped | |
    | REVERSED | destination | the effect is undone | vouchers - |
    | REPAIR | destination | the effect should be undone and can't be: people must see to it | |
    | SETTLED | source | the source knows that it was executed | |
    | REFUNDED | source | the source has given back what it had locked | escrow - |
    """

    SENT = "sent"
    RELAYED = "relayed"
    PREPARED = "prepared"
    EXECUTED = "executed"
    COMMITTED = "committed"
    CANCELLED = "cancelled"
    REVERSED = "reversed"
    REPAIR = "repair"
    SETTLED = "settled"
    REFUNDED = "refunded"
