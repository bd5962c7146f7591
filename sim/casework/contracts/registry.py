"""The contracts by name: a new contract is one file and one entry here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.casework.contracts.agreement import Agreement
from sim.casework.contracts.bankruptcy import Bankruptcy
from sim.casework.contracts.fund import Fund
from sim.casework.contracts.listing import Listing
from sim.casework.contracts.loop import Loop
from sim.casework.contracts.periods import plain_end
from sim.casework.contracts.preservation import Preservation
from sim.casework.contracts.register import TERM_YEARS_IMMOVABLE, Register
from sim.casework.contracts.title import APPLICATION_YEARS, Title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.casework.contracts.interface import Contract
    from sim.casework.contracts.periods import End

CONTRACTS: Final[Mapping[str, type[Contract]]] = {
    "agreement": Agreement,
    "bankruptcy": Bankruptcy,
    "fund": Fund,
    "listing": Listing,
    "loop": Loop,
    "preservation": Preservation,
    "register": Register,
    "title": Title,
}
"""Names as in ``call: NAME.METHOD`` of a workflow.

Each class has METHODS (a call's answers, the usual one first) and OTHERS (signals to other cases than the caller); any
call may be answered `refused` besides.
"""

LONGEST_YEARS: Final = max(TERM_YEARS_IMMOVABLE, APPLICATION_YEARS)
"""How far ahead of a call a contract asks for the end of a period."""


def contracts(end: End = plain_end) -> dict[str, Contract]:
    """All contracts anew, by name, as they are before the first call.

    Args:
        end: of a period of law, from the contracts' table of holidays.
    """
    bankruptcy = Bankruptcy(end)
    return {
        "agreement": Agreement(),
        "bankruptcy": bankruptcy,
        "fund": Fund(heard=bankruptcy.hear),
        "listing": Listing(),
        "loop": Loop(),
        "preservation": Preservation(end),
        "register": Register(end, heard=bankruptcy.hear),
        "title": Title(end),
    }
