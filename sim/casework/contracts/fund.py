"""Money of enforcement from the debtor's account to the creditor (W15; Opinions, article 16).

The rules:

1.  What a bank deducts is on its way (`deduct`) until it arrives on the court's account (`arrive`), where it is matched
    with its case (`match`).
2.  A deduction whose answer did not come in time may be given up (`cancel`), but money that left an account does not
    come back by that. If it arrives all the same it is astray (`stray`): to be matched after all, or returned.
3.  It is held while objections may come (`hold`). Somebody who says that the money is theirs may object until it is
    released (`object`; CPL 238): then nothing is released before the court has dismissed (`dismiss`) or upheld
    the objection (`uphold`), which returns the money.
4.  It is released once (`release`), and the creditor's bank acknowledges it (`receipt`). Released money does not come
    back: a later objection is told so (`late`).
5.  Money is neither made nor lost: what was deducted is on its way, on the court's account, released or returned.

Amounts are counted in fen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.bycase import ByCase
from sim.casework.invariants import CaseViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sim.casework.contracts.interface import Called

DEDUCTED: Final = "deducted"
CANCELLED: Final = "cancelled"
ARRIVED: Final = "arrived"
STRAY: Final = "stray"
MATCHED: Final = "matched"
HELD: Final = "held"
RELEASED: Final = "released"
RECEIPTED: Final = "receipted"
RETURNED: Final = "returned"

FEN_PER_CNY: Final = 100

_ON_ITS_WAY: Final = frozenset({DEDUCTED, CANCELLED})
_ON_ACCOUNT: Final = frozenset({ARRIVED, STRAY, MATCHED, HELD})
_PRESUMED: Final = {
    "cancel": DEDUCTED,
    "arrive": DEDUCTED,
    "match": ARRIVED,
    "hold": MATCHED,
    "object": HELD,
    "dismiss": HELD,
    "uphold": HELD,
    "release": HELD,
    "receipt": RELEASED,
}


class _Money:
    __slots__ = ("case", "fen", "objected", "status")

    def __init__(self, case: int, status: str, fen: int) -> None:
        self.case = case
        self.status = status
        self.fen = fen
        self.objected = False


class Fund(ByCase[_Money]):
    """Money, of one case each."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "deduct": ("deducted",),
        "cancel": ("cancelled", "arrived"),
        "arrive": ("arrived", "stray"),
        "match": ("matched",),
        "hold": ("held",),
        "object": ("objected", "late"),
        "dismiss": ("dismissed",),
        "uphold": ("returned",),
        "release": ("released", "objected"),
        "receipt": ("receipted",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("objected", "dismissed", "returned", "receipted")
    TELLS: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("object", "objected"), ("dismiss", "dismissed"), ("uphold", "returned"), ("receipt", "receipted")}
    )
    OPENS: ClassVar[frozenset[str]] = frozenset({"deduct"})
    FROM_OUTSIDE: ClassVar[frozenset[str]] = frozenset({"object", "dismiss", "uphold", "receipt"})

    def __init__(self, heard: Callable[[Called], None] | None = None) -> None:
        """Make a contract without money.

        Args:
            heard: told of each deduction.
        """
        super().__init__(
            {
                "deduct": self._deduct,
                "cancel": self._cancel,
                "arrive": self._arrive,
                "match": self._match,
                "hold": self._hold,
                "object": self._object,
                "dismiss": self._dismiss,
                "uphold": self._uphold,
                "release": self._release,
                "receipt": self._receipt,
            }
        )
        self._heard = heard
        self.taken_fen = 0
        """Deducted, before the run too."""
        self.on_its_way_fen = 0
        self.on_account_fen = 0
        self.released_fen = 0
        self.returned_fen = 0

    def check(self) -> None:
        """Rule 5, by the books and by every case."""
        standing = self.on_its_way_fen, self.on_account_fen, self.released_fen, self.returned_fen
        if sum(standing) != self.taken_fen or min(standing) < 0:
            detail = f"{self.taken_fen} fen were taken; on their way, on account, released, returned: {standing}"
            raise CaseViolation("conservation", "fund", 0, 0, detail)
        account = sum(money.fen for money in self._items.values() if money.status in _ON_ACCOUNT)
        if account != self.on_account_fen:
            raise CaseViolation("conservation", "fund", 0, 0, f"cases hold {account} of {self.on_account_fen} fen")

    def summary(self) -> dict[str, int]:
        """Answers, and the books in CNY."""
        books = {
            "taken_cny": self.taken_fen,
            "on_its_way_cny": self.on_its_way_fen,
            "on_account_cny": self.on_account_fen,
            "released_cny": self.released_fen,
            "returned_cny": self.returned_fen,
        }
        return super().summary() | {name: fen // FEN_PER_CNY for name, fen in books.items()}

    def _begun(self, called: Called) -> _Money:
        return _Money(called.case, "", round(called.amount_cny * FEN_PER_CNY))

    def _presumed(self, called: Called, case: int) -> _Money:
        money = _Money(case, _PRESUMED[called.method], round(called.amount_cny * FEN_PER_CNY))
        money.objected = called.method in ("dismiss", "uphold")
        self.taken_fen += money.fen
        if money.status in _ON_ITS_WAY:
            self.on_its_way_fen += money.fen
        elif money.status in _ON_ACCOUNT:
            self.on_account_fen += money.fen
        else:
            self.released_fen += money.fen
        return money

    def _deduct(self, money: _Money, called: Called) -> str | None:
        if money.status:
            return None
        money.status = DEDUCTED
        self.taken_fen += money.fen
        self.on_its_way_fen += money.fen
        if self._heard is not None:
            self._heard(called)
        return "deducted"

    def _cancel(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status == DEDUCTED:
            money.status = CANCELLED
            return "cancelled"
        return "arrived" if money.status in _ON_ACCOUNT else None

    def _arrive(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status not in _ON_ITS_WAY:
            return None
        money.status = ARRIVED if money.status == DEDUCTED else STRAY
        self.on_its_way_fen -= money.fen
        self.on_account_fen += money.fen
        return money.status

    def _match(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status not in (ARRIVED, STRAY):
            return None
        money.status = MATCHED
        return MATCHED

    def _hold(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status != MATCHED:
            return None
        money.status = HELD
        return HELD

    def _object(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status in (RELEASED, RECEIPTED):
            return "late"
        if money.objected or money.status == RETURNED:
            return None
        money.objected = True
        return "objected"

    def _dismiss(self, money: _Money, called: Called) -> str | None:
        del called
        if not money.objected:
            return None
        money.objected = False
        return "dismissed"

    def _uphold(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status not in _ON_ACCOUNT or not (money.objected or money.status == STRAY):
            return None
        money.objected = False
        money.status = RETURNED
        self.on_account_fen -= money.fen
        self.returned_fen += money.fen
        return RETURNED

    def _release(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status != HELD:
            return None
        if money.objected:
            return "objected"
        money.status = RELEASED
        self.on_account_fen -= money.fen
        self.released_fen += money.fen
        return RELEASED

    def _receipt(self, money: _Money, called: Called) -> str | None:
        del called
        if money.status != RELEASED:
            return None
        money.status = RECEIPTED
        return RECEIPTED
