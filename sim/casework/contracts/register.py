"""Freezes and transfers of assets, each asset's in one total order (W13, W26; Opinions, articles 16 and 20).

The rules (Provisions on sealing, distraining and freezing [seizure-2020], where an article is named without a law):

1.  Everything that happens to an asset happens in the order in which the chain committed it.
2.  The first freeze holds the asset: a deposit up to the claim (`frozen`, or `partial` where it is less than that), a
    movable, an immovable or shares (facts `movable`, `immovable`, `equity`) as a whole. Later ones wait for their rank
    (`queued`).
3.  When a freeze ends, by `lift` or `lapse`, the next rank takes effect at once, without anybody's doing; its case is
    told (`effective`). A later rank never takes effect before an earlier one (article 26).
4.  A freeze lapses at the end of its term unless it is renewed before (`renew`): one year for deposits, two for
    movables, three for immovables and shares. Who is too late is told `lapsed` (article 27).
5.  An accepted transfer that is not finished must give way to a freeze (`begin-transfer`, then `blocked`; article 23);
    a finished one cannot be frozen (`transfer`, then `gone`). An order of another court to transfer it (fact
    `court-order`) that was there first comes first: a freeze waits behind it.
6.  Nobody but the court that holds it moves what is frozen: the debtor's transfer is `blocked`. The holder's own sale
    (`transfer`, by the case that froze it or, with `court-order`, by one of its family) ends all later ranks (`gone`).
7.  A deduction (`deduct`) takes what the caller's effective freeze holds of a deposit.
8.  When a bankruptcy is accepted, all freezes on the company's assets are lifted and nothing is frozen, deducted or
    moved any more (`stay`; Enterprise Bankruptcy Law 19). If it is dismissed, the freezes stand again in their old
    order (`resume`).

What an asset is worth is the register's to know and not the court's. Here the first who freezes it finds just what it
claims, with the fact `short` half of that, with the fact `empty` nothing. [guess]

Amounts are counted in fen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.assets import Asset, Freeze
from sim.casework.contracts.fund import FEN_PER_CNY
from sim.casework.contracts.interface import REFUSED, Answered
from sim.casework.contracts.periods import plain_end
from sim.casework.invariants import CaseViolation
from sim.kernel.civil import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.casework.contracts.interface import Called
    from sim.casework.contracts.periods import End

TERM_YEARS_DEPOSIT: Final = 1
TERM_YEARS_MOVABLE: Final = 2
TERM_YEARS_IMMOVABLE: Final = 3
"""Of other rights in property too. From memory: Interpretation of the Civil Procedure Law, 487."""
WHOLE: Final = frozenset({"immovable", "movable", "equity"})
"""Facts that say that an asset is a thing, or shares in a company, frozen as a whole."""
_LONGEST: Final = frozenset({"immovable", "equity"})
SHORT: Final = 2
"""A deposit that does not cover the claim is the claim divided by this. [guess]"""


class Register:
    """All assets."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "freeze": ("frozen", "partial", "queued", "gone", "stayed"),
        "renew": ("renewed", "lapsed"),
        "lift": ("lifted",),
        "lapse": ("lapsed",),
        "take-over": ("frozen", "queued"),
        "deduct": ("deducted", "stayed"),
        "begin-transfer": ("accepted", "blocked", "gone"),
        "transfer": ("transferred", "blocked", "gone"),
        "withdraw": ("withdrawn",),
        "stay": ("stayed",),
        "resume": ("resumed",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = (
        "effective",
        "gone",
        "lifted",
        "lapsed",
        "blocked",
        "deducted",
        "taken-over",
    )

    def __init__(self, end: End = plain_end, heard: Callable[[Called], None] | None = None) -> None:
        """Make a register without assets.

        Args:
            end: of the terms of freezes.
            heard: told of each deduction.
        """
        self._end = end
        self._heard = heard
        self._assets: dict[int, Asset] = {}
        self._of_subject: dict[int, list[Asset]] = {}
        self._stayed: set[int] = set()
        self._lapsed: set[int] = set()
        """Cases whose freezes have lapsed."""
        self._known: set[int] = set()
        """Cases that had a freeze of their own, or ended one of their family: they speak for no other one."""
        self._handlers: dict[str, Callable[[Called, list[Answered]], str | None]] = {
            "freeze": self._freeze,
            "renew": self._renew,
            "lift": self._lift,
            "lapse": self._lapse,
            "take-over": self._take_over,
            "deduct": self._deduct,
            "begin-transfer": self._begin_transfer,
            "transfer": self._transfer,
            "withdraw": self._withdraw,
            "stay": self._stay,
            "resume": self._resume,
        }
        self._answered = {(method, signal): 0 for method in self.METHODS for signal in (*self.METHODS[method], REFUSED)}
        self._effective = 0
        self.found_fen = 0
        self.deducted_fen = 0
        self.moved_fen = 0

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""
        others: list[Answered] = []
        signal = self._handlers[called.method](called, others) or REFUSED
        self._answered[called.method, signal] += 1
        answer = Answered(called.case, signal)
        return (answer, *others) if others else (answer,)

    def check(self) -> None:
        """What there was is free, held, deducted or moved; and ranks are served in order."""
        left = sum(asset.worth_fen for asset in self._assets.values())
        if left + self.deducted_fen + self.moved_fen != self.found_fen:
            detail = f"{self.found_fen} fen were found; {left} are there, {self.deducted_fen} deducted"
            raise CaseViolation("conservation", "register", 0, 0, f"{detail}, {self.moved_fen} moved")
        for asset in self._assets.values():
            waits = False
            for freeze in asset.ranks:
                if waits and freeze.held_fen:
                    raise CaseViolation("rank", "register", freeze.case, 0, f"asset {asset.number}: before its turn")
                waits = waits or not freeze.held_fen

    def summary(self) -> dict[str, int]:
        """Answers, ranks that became effective by themselves, and the books in CNY."""
        counts = {f"{method}-{signal}": count for (method, signal), count in self._answered.items() if count}
        books = {"found_cny": self.found_fen, "deducted_cny": self.deducted_fen, "moved_cny": self.moved_fen}
        return counts | {"effective": self._effective} | {name: fen // FEN_PER_CNY for name, fen in books.items()}

    def ranks(self, asset: int) -> tuple[tuple[int, bool], ...]:
        """The cases that have frozen an asset, by rank, and whether each freeze is effective."""
        known = self._assets.get(asset)
        return () if known is None else tuple((freeze.case, freeze.held_fen > 0) for freeze in known.ranks)

    def _asset(self, called: Called, others: list[Answered]) -> Asset:
        """The asset as it is now: what has lapsed is off the list."""
        asset = self._assets.get(called.asset)
        if asset is None:
            return self._first_seen(called)
        now_ns = called.time_ns
        for freeze in asset.ranks:
            if freeze.expires_ns is not None and freeze.expires_ns <= now_ns:
                self._let_lapse(asset, called, others)
                break
        return asset

    def _first_seen(self, called: Called) -> Asset:
        facts = called.facts
        divisible = facts.isdisjoint(WHOLE)
        fen = round(called.amount_cny * FEN_PER_CNY)
        worth = 0 if "empty" in facts else fen // SHORT if "short" in facts and divisible else max(fen, 1)
        asset = self._assets[called.asset] = Asset(called.asset, called.subject, worth, divisible=divisible)
        self._of_subject.setdefault(called.subject, []).append(asset)
        self.found_fen += worth
        return asset

    def _let_lapse(self, asset: Asset, called: Called, others: list[Answered]) -> None:
        now_ns = called.time_ns
        for freeze in [f for f in asset.ranks if f.expires_ns is not None and f.expires_ns <= now_ns]:
            asset.drop(freeze)
            self._lapsed.add(freeze.case)
            if freeze.case != called.case or called.method not in ("renew", "lapse"):
                others.append(Answered(freeze.case, "lapsed"))
        self._serve(asset, others)

    def _serve(self, asset: Asset, others: list[Answered]) -> None:
        for freeze in asset.serve():
            self._effective += 1
            others.append(Answered(freeze.case, "effective"))

    def _expiry(self, called: Called) -> int:
        facts = called.facts
        years = (
            TERM_YEARS_IMMOVABLE
            if not _LONGEST.isdisjoint(facts)
            else TERM_YEARS_MOVABLE
            if "movable" in facts
            else TERM_YEARS_DEPOSIT
        )
        return self._end(called.time_ns, years, Unit.YEARS)

    def _own(self, asset: Asset, called: Called, *, holds: bool = False) -> Freeze | None:
        """The freeze that a call is about: the caller's, or one of its family's; with ``holds``, if it is effective.

        What was frozen before the run is believed, once and not against others.
        """
        case = called.case
        freeze = asset.of(case) if case in self._known else asset.of(case, called.parent)
        if freeze is None and called.old and case not in self._known and self._is_there(asset, free=holds):
            self._known.add(case)
            freeze = Freeze(case, called.parent, max(round(called.amount_cny * FEN_PER_CNY), 1), None)
            asset.ranks.append(freeze)
            for _ in asset.serve():
                pass
        return None if freeze is None or (holds and not freeze.held_fen) else freeze

    def _is_there(self, asset: Asset, *, free: bool) -> bool:
        """Whether anybody could have frozen it, or what is free of it."""
        if asset.subject in self._stayed or (free and asset.moving_by_court):
            return False
        return (asset.free_fen if free else asset.worth_fen) > 0

    def _freeze(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        if asset.subject in self._stayed:
            return "stayed"
        case = called.case
        for freeze in asset.ranks:
            if freeze.case == case:
                return None
        if not asset.free_fen and not asset.ranks:
            return "gone"
        fen = max(round(called.amount_cny * FEN_PER_CNY), 1)
        freeze = Freeze(case, called.parent, fen, self._expiry(called))
        asset.ranks.append(freeze)
        self._lapsed.discard(case)
        self._known.add(case)
        for _ in asset.serve():
            pass
        if not freeze.held_fen:
            return "queued"
        if asset.moving >= 0 and not asset.free_fen:
            others.append(Answered(asset.moving, "blocked"))
            asset.moving = -1
        return "frozen" if freeze.held_fen >= fen or not asset.divisible else "partial"

    def _renew(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        freeze = self._own(asset, called)
        if freeze is None:
            return "lapsed" if called.case in self._lapsed else None
        freeze.expires_ns = self._expiry(called)
        return "renewed"

    def _lift(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        freeze = self._own(asset, called)
        if freeze is None:
            return None
        self._end_freeze(asset, freeze, called, "lifted", others)
        return "lifted"

    def _lapse(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        if called.case in self._lapsed:
            return "lapsed"
        freeze = self._own(asset, called)
        if freeze is None or freeze.expires_ns is not None:
            # One that has a term and is still there has not come to its end.
            return None
        self._lapsed.add(freeze.case)
        self._end_freeze(asset, freeze, called, "lapsed", others)
        return "lapsed"

    def _end_freeze(self, asset: Asset, freeze: Freeze, called: Called, signal: str, others: list[Answered]) -> None:
        asset.drop(freeze)
        if freeze.case != called.case:
            self._known.add(called.case)
            others.append(Answered(freeze.case, signal))
        self._serve(asset, others)

    def _take_over(self, called: Called, others: list[Answered]) -> str | None:
        """A freeze passes to another case of its family, as preservation becomes enforcement's, and keeps its rank."""
        asset = self._asset(called, others)
        freeze = self._own(asset, called)
        if freeze is None:
            return None
        if freeze.case != called.case:
            self._known.add(called.case)
            others.append(Answered(freeze.case, "taken-over"))
            freeze.case, freeze.parent = called.case, called.parent
        return "frozen" if freeze.held_fen else "queued"

    def _deduct(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        if asset.subject in self._stayed:
            return "stayed"
        freeze = self._own(asset, called, holds=True) if asset.divisible else None
        if freeze is None:
            return None
        self.deducted_fen += freeze.held_fen
        freeze.held_fen = 0
        asset.ranks.remove(freeze)
        if freeze.case != called.case:
            self._known.add(called.case)
            others.append(Answered(freeze.case, "deducted"))
        self._serve(asset, others)
        if not asset.worth_fen:
            self._all_gone(asset, others)
        if self._heard is not None:
            self._heard(called)
        return "deducted"

    def _all_gone(self, asset: Asset, others: list[Answered]) -> None:
        others += [Answered(freeze.case, "gone") for freeze in asset.ranks]
        asset.ranks.clear()

    def _begin_transfer(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        if not asset.worth_fen:
            return "gone"
        if asset.moving >= 0:
            return None
        if asset.subject in self._stayed or not (asset.free_fen or self._holds(asset, called)):
            return "blocked"
        asset.moving = called.case
        asset.moving_by_court = "court-order" in called.facts
        return "accepted"

    def _holds(self, asset: Asset, called: Called) -> Freeze | None:
        """The effective freeze by which the caller, as the court that holds it, sells it."""
        by_court = "court-order" in called.facts or self._moves_by_court(asset, called) or asset.of(called.case)
        return self._own(asset, called, holds=True) if by_court else None

    @staticmethod
    def _moves_by_court(asset: Asset, called: Called) -> bool:
        """Whether a court's order to transfer it, which the register has accepted, is the caller's."""
        return asset.moving_by_court and asset.moving == called.case

    def _transfer(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        if not asset.worth_fen:
            return "gone"
        if asset.subject in self._stayed or asset.moving not in (-1, called.case):
            return "blocked"
        held = self._holds(asset, called)
        if held is None and not (asset.free_fen and self._moves_by_court(asset, called)):
            return self._move_free(asset)
        return self._move_held(asset, held, called, others)

    def _move_free(self, asset: Asset) -> str:
        """What no freeze holds goes where its owner wants."""
        asset.moving = -1
        asset.moving_by_court = False
        if not asset.free_fen:
            return "blocked"
        self.moved_fen += asset.free_fen
        asset.free_fen = 0
        return "transferred"

    def _move_held(self, asset: Asset, own: Freeze | None, called: Called, others: list[Answered]) -> str:
        """What a court sells goes free of all freezes; of a deposit, what its own freeze holds, or what is free."""
        asset.moving = -1
        asset.moving_by_court = False
        if own is not None:
            asset.drop(own)
            if own.case != called.case:
                self._known.add(called.case)
                others.append(Answered(own.case, "gone"))
        self.moved_fen += asset.free_fen
        asset.free_fen = 0
        if not asset.worth_fen:
            self._all_gone(asset, others)
        return "transferred"

    def _withdraw(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        if asset.moving != called.case:
            return None
        asset.moving = -1
        asset.moving_by_court = False
        self._serve(asset, others)
        return "withdrawn"

    def _stay(self, called: Called, others: list[Answered]) -> str | None:
        subject = called.subject
        if subject in self._stayed:
            return None
        self._stayed.add(subject)
        for asset in self._of_subject.get(subject, ()):
            if asset.moving >= 0:
                others.append(Answered(asset.moving, "blocked"))
                asset.moving = -1
                asset.moving_by_court = False
            asset.set_aside = list(asset.ranks)
            for freeze in asset.set_aside:
                asset.drop(freeze)
                others.append(Answered(freeze.case, "lifted"))
        return "stayed"

    def _resume(self, called: Called, others: list[Answered]) -> str | None:
        subject = called.subject
        if subject not in self._stayed:
            return None
        self._stayed.discard(subject)
        for asset in self._of_subject.get(subject, ()):
            asset.ranks, asset.set_aside = asset.set_aside, []
            self._let_lapse(asset, called, others)
        return "resumed"
