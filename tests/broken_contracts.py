"""The courts' contracts with one rule broken each: what a witness who hears calls and answers must catch.

Each class overrides one step of the real contract; `BROKEN` says under which name it is called, and by which invariant
it is caught.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.casework import invariants
from sim.casework.contracts.agreement import STOPPED, TRIGGERED, Agreement
from sim.casework.contracts.bankruptcy import Bankruptcy
from sim.casework.contracts.fund import DEDUCTED, HELD, Fund
from sim.casework.contracts.interface import Answered, Called
from sim.casework.contracts.listing import LISTED, Listing
from sim.casework.contracts.loop import APPROVED, EXECUTED, Loop
from sim.casework.contracts.preservation import CONVERTED, LIFTED, ORDERED, Preservation
from sim.casework.contracts.register import Register
from sim.casework.contracts.title import APPEALED, APPLIED, SERVED, Title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.casework.contracts.agreement import _Agreement
    from sim.casework.contracts.assets import Asset, Freeze
    from sim.casework.contracts.bankruptcy import _Proceedings
    from sim.casework.contracts.fund import _Money
    from sim.casework.contracts.interface import Contract
    from sim.casework.contracts.listing import _Entry
    from sim.casework.contracts.loop import _Operation
    from sim.casework.contracts.preservation import _Measure
    from sim.casework.contracts.title import _Title


class DeafAgreement(Agreement):
    """Acknowledges a payment, and goes on to file."""

    def _pay(self, agreement: _Agreement, called: Called) -> str | None:
        before = agreement.status, agreement.settled, agreement.ahead
        answer = super()._pay(agreement, called)
        agreement.status, agreement.settled, agreement.ahead = before
        return answer


class TirelessAgreement(Agreement):
    """Files for the same instalment as often as it is asked."""

    def _file(self, agreement: _Agreement, called: Called) -> str | None:
        answer = super()._file(agreement, called)
        if answer == "filed":
            agreement.status = TRIGGERED
        return answer


class UnstoppableAgreement(Agreement):
    """Says that it has stopped, and has not."""

    def _stop(self, agreement: _Agreement, called: Called) -> str | None:
        before = agreement.status
        answer = super()._stop(agreement, called)
        if agreement.status == STOPPED:
            agreement.status = before
        return answer


class TirelessTitle(Title):
    """Files as often as it is asked."""

    def _file(self, title: _Title, called: Called) -> str | None:
        answer = super()._file(title, called)
        if answer == "filed":
            title.status = APPLIED
        return answer


class DeafTitle(Title):
    """Forgets that it was performed."""

    def _perform(self, title: _Title, called: Called) -> str | None:
        answer = super()._perform(title, called)
        title.performed = False
        return answer


class HastyTitle(Title):
    """Takes effect in spite of an appeal."""

    def _take_effect(self, title: _Title, called: Called) -> str | None:
        if title.status == APPEALED:
            title.status = SERVED
        return super()._take_effect(title, called)


class SlowRegister(Register):
    """Leaves the next rank waiting."""

    def _serve(self, asset: Asset, others: list[Answered]) -> None:
        """Serve nobody."""


class UnjustRegister(Register):
    """Serves the last rank first."""

    def _serve(self, asset: Asset, others: list[Answered]) -> None:
        asset.ranks.reverse()
        super()._serve(asset, others)
        asset.ranks.reverse()


class RepeatingRegister(Register):
    """Tells the first rank that it is effective, again and again."""

    def _serve(self, asset: Asset, others: list[Answered]) -> None:
        super()._serve(asset, others)
        others += [Answered(freeze.case, "effective") for freeze in asset.ranks[:1]]


class LooseRegister(Register):
    """Lets the owner move what is frozen."""

    def _move_free(self, asset: Asset) -> str:
        super()._move_free(asset)
        for freeze in asset.ranks:
            self.moved_fen += freeze.held_fen
            freeze.held_fen = 0
        return "transferred"


class ForgetfulRegister(Register):
    """Does not remember that something has moved."""

    def _freeze(self, called: Called, others: list[Answered]) -> str | None:
        asset = self._asset(called, others)
        if not asset.worth_fen:
            asset.free_fen = 100
            self.found_fen += 100
        return super()._freeze(called, others)


class GenerousRegister(Register):
    """Deducts for whoever waits."""

    def _deduct(self, called: Called, others: list[Answered]) -> str | None:
        return super()._deduct(called, others) or "deducted"


class LeakyRegister(Register):
    """Lifts all freezes of a bankrupt company but the last."""

    def _stay(self, called: Called, others: list[Answered]) -> str | None:
        answer = super()._stay(called, others)
        lifted = [answer for answer in others if answer.signal == "lifted"]
        if lifted:
            others.remove(lifted[-1])
        return answer


class OpenRegister(Register):
    """Deducts in a bankruptcy."""

    def _deduct(self, called: Called, others: list[Answered]) -> str | None:
        stayed, self._stayed = self._stayed, set()
        try:
            return super()._deduct(called, others)
        finally:
            self._stayed = stayed


class GhostRegister(Register):
    """Gives rank to freezes that were lifted."""

    def _end_freeze(self, asset: Asset, freeze: Freeze, called: Called, signal: str, others: list[Answered]) -> None:
        asset.ranks.append(freeze)
        super()._end_freeze(asset, freeze, called, signal, others)


class TirelessFund(Fund):
    """Releases the same money as often as it is asked."""

    def _release(self, money: _Money, called: Called) -> str | None:
        answer = super()._release(money, called)
        if answer == "released":
            money.status = HELD
            self.on_account_fen += money.fen
            self.taken_fen += money.fen
        return answer


class DeafFund(Fund):
    """Releases against an objection."""

    def _release(self, money: _Money, called: Called) -> str | None:
        money.objected = False
        return super()._release(money, called)


class HastyFund(Fund):
    """Releases what has not arrived."""

    def _release(self, money: _Money, called: Called) -> str | None:
        if money.status == DEDUCTED:
            money.status = HELD
            self.on_account_fen += money.fen
            self.on_its_way_fen -= money.fen
        return super()._release(money, called)


class RestlessFund(Fund):
    """Takes the same money in twice."""

    def _arrive(self, money: _Money, called: Called) -> str | None:
        answer = super()._arrive(money, called)
        return answer or ("arrived" if money.status == "arrived" else None)


class TrustingLoop(Loop):
    """Finds that whatever was executed matches."""

    def _reconcile(self, operation: _Operation, called: Called) -> str | None:
        return "matched" if super()._reconcile(operation, called) else None


class CarelessLoop(Loop):
    """Lets one person order and approve."""

    def _approve(self, operation: _Operation, called: Called) -> str | None:
        del called
        if operation.status == "ordered":
            operation.status, operation.approved = APPROVED, True
            return APPROVED
        return None


class RestlessLoop(Loop):
    """Executes as often as it is asked."""

    def _execute(self, operation: _Operation, called: Called) -> str | None:
        super()._execute(operation, called)
        return EXECUTED


class BlindLoop(Loop):
    """Overlooks the first of what an audit should find."""

    def _audit(self, called: Called) -> Sequence[Answered]:
        if self._suspicious:
            del self._suspicious[next(iter(self._suspicious))]
        return super()._audit(called)


class UndeadPreservation(Preservation):
    """Converts what was lifted."""

    def _convert(self, measure: _Measure, called: Called) -> str | None:
        if measure.status == LIFTED:
            measure.status, measure.sue_until_ns = ORDERED, called.time_ns + 1
        return super()._convert(measure, called)


class ForgetfulPreservation(Preservation):
    """Lets expire what a suit has taken over."""

    def _expire(self, measure: _Measure, called: Called) -> str | None:
        if measure.status == CONVERTED:
            return self._end_of(measure)
        return super()._expire(measure, called)


class CrowdedBankruptcy(Bankruptcy):
    """Accepts a second petition against a company."""

    def apply(self, called: Called) -> Sequence[Answered]:
        if called.method == "accept":
            self._open.pop(called.subject, None)
        return super().apply(called)


class GenerousBankruptcy(Bankruptcy):
    """Approves whatever was voted."""

    @staticmethod
    def _approve(proceedings: _Proceedings, called: Called) -> str | None:
        answer = Bankruptcy._approve(proceedings, called)
        return answer and "approved"


class BlindBankruptcy(Bankruptcy):
    """Calls every deduction lawful."""

    def _judged(self, called: Called) -> Sequence[Answered]:
        super()._judged(called)
        return (Answered(called.case, "lawful"),)


class GrudgingListing(Listing):
    """Restricts a person after the repair."""

    def _ack(self, entry: _Entry, called: Called) -> str | None:
        before, entry.status = entry.status, LISTED
        answer = super()._ack(entry, called)
        entry.status = before
        return answer


class HastyListing(Listing):
    """Calls a person free while another entry stands."""

    def _repair(self, entry: _Entry, called: Called) -> str | None:
        answer = super()._repair(entry, called)
        return answer and "repaired"


BROKEN: Sequence[tuple[str, type[Contract], frozenset[str]]] = [
    ("agreement", DeafAgreement, frozenset({invariants.PAID_IS_PAID})),
    ("agreement", TirelessAgreement, frozenset({invariants.FILED_ONCE})),
    ("agreement", UnstoppableAgreement, frozenset({invariants.STOPPED})),
    ("title", TirelessTitle, frozenset({invariants.FILED_ONCE})),
    ("title", DeafTitle, frozenset({invariants.PAID_IS_PAID})),
    ("title", HastyTitle, frozenset({invariants.IN_FORCE})),
    ("register", SlowRegister, frozenset({invariants.NEXT_RANK})),
    ("register", UnjustRegister, frozenset({invariants.RANK})),
    ("register", RepeatingRegister, frozenset({invariants.FREEZE_ONCE})),
    ("register", LooseRegister, frozenset({invariants.FROZEN_STAYS})),
    ("register", ForgetfulRegister, frozenset({invariants.GONE})),
    ("register", GenerousRegister, frozenset({invariants.HOLDER, invariants.STAY})),
    ("register", LeakyRegister, frozenset({invariants.STAY})),
    ("register", OpenRegister, frozenset({invariants.STAY})),
    ("register", GhostRegister, frozenset({invariants.LIFTED})),
    ("fund", TirelessFund, frozenset({invariants.RELEASED_ONCE})),
    ("fund", DeafFund, frozenset({invariants.OBJECTION})),
    ("fund", HastyFund, frozenset({invariants.CONSERVATION})),
    ("fund", RestlessFund, frozenset({invariants.CONSERVATION})),
    ("loop", TrustingLoop, frozenset({invariants.CLOSED_LOOP})),
    ("loop", CarelessLoop, frozenset({invariants.CLOSED_LOOP})),
    ("loop", RestlessLoop, frozenset({invariants.EXECUTED_ONCE})),
    ("loop", BlindLoop, frozenset({invariants.AUDITED})),
    ("preservation", UndeadPreservation, frozenset({invariants.LIFTED})),
    ("preservation", ForgetfulPreservation, frozenset({invariants.LIFTED})),
    ("bankruptcy", CrowdedBankruptcy, frozenset({invariants.ONE_BANKRUPTCY})),
    ("bankruptcy", GenerousBankruptcy, frozenset({invariants.MAJORITY})),
    ("bankruptcy", BlindBankruptcy, frozenset({invariants.ONE_BANKRUPTCY})),
    ("listing", GrudgingListing, frozenset({invariants.LISTED})),
    ("listing", HastyListing, frozenset({invariants.LISTED})),
]
"""Name, the broken contract, and the invariants of which the first to break is one."""
