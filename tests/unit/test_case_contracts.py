"""The courts' contracts, rule by rule, in the law's terms. Case 1 calls unless it says otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from contract_kit import DAY_NS, Court

from sim.casework.contracts.registry import CONTRACTS, contracts
from sim.casework.invariants import CaseViolation
from sim.chain.invariants import InvariantViolation
from sim.kernel.civil import Calendar, Unit

GRACE_DAYS = 3


def triggered(court: Court, *, facts: tuple[str, ...] = (), case: int = 1) -> str:
    """Due, and unpaid after the days of grace."""
    court.call("arm", case, facts=facts)
    court.call("due", case)
    court.later(days=GRACE_DAYS)
    return court.call("trigger", case)


# Mediation agreements


def test_an_agreement_that_is_not_performed_is_filed_for_trial() -> None:
    court = Court("agreement")
    assert triggered(court) == "to-trial"
    assert court.call("file") == "filed"
    court.finish()


@pytest.mark.parametrize("fact", ["confirmed", "court-document"])
def test_a_confirmed_agreement_or_a_courts_own_document_goes_to_enforcement(fact: str) -> None:
    assert triggered(Court("agreement"), facts=(fact,)) == "to-enforcement"


def test_a_confirmation_counts_until_the_agreement_is_triggered() -> None:
    court = Court("agreement")
    court.call("arm")
    assert court.call("confirm") == "confirmed"
    assert court.call("confirm") == "refused"
    court.call("due")
    court.later(days=GRACE_DAYS)
    assert court.call("trigger") == "to-enforcement"
    late = Court("agreement")
    assert triggered(late) == "to-trial"
    assert late.call("confirm") == "refused"


def test_nothing_is_triggered_within_the_days_of_grace() -> None:
    court = Court("agreement")
    court.calls("arm", "due")
    court.later(days=GRACE_DAYS)
    court.now_ns -= 1
    assert court.call("trigger") == "early"
    court.now_ns += 1
    assert court.call("trigger") == "to-trial"


def test_a_proof_of_payment_stops_at_every_state_before_filing() -> None:
    court = Court("agreement")
    court.call("arm")
    assert court.call("pay") == "paid"
    assert court.call("due") == "paid"
    court.later(days=30)
    assert court.call("trigger") == "paid"

    court = Court("agreement")
    court.calls("arm", "due")
    assert court.call("pay") == "paid"
    court.later(days=GRACE_DAYS)
    assert court.call("trigger") == "paid"
    assert court.call("file") == "paid"

    court = Court("agreement")
    triggered(court)
    assert court.call("pay") == "stopped"
    assert court.call("file") == "paid"
    court.finish()


def test_a_banks_own_case_proves_a_payment_and_the_agreements_case_is_told() -> None:
    court = Court("agreement")
    triggered(court)
    assert court.call("pay", 20, parent=1) == "stopped"
    assert court.told == [(1, "stopped")]
    assert court.call("file") == "paid"


def test_a_proof_after_filing_is_late() -> None:
    court = Court("agreement")
    triggered(court)
    court.call("file")
    assert court.call("pay", 20, parent=1) == "late"
    assert court.told == [(1, "late")]


def test_the_same_proof_pays_one_instalment() -> None:
    court = Court("agreement")
    court.calls("arm", "due")
    assert court.call("pay", 20, parent=1) == "paid"
    court.later(days=1)
    assert court.call("pay", 20, parent=1) == "refused"
    assert court.call("due") == "due"


def test_each_instalment_is_filed_for_once() -> None:
    court = Court("agreement")
    triggered(court)
    assert court.call("file") == "filed"
    assert court.call("file") == "refused"
    assert court.call("trigger") == "refused"
    assert court.call("due") == "due"
    court.later(days=GRACE_DAYS)
    assert court.call("trigger") == "to-trial"
    assert court.call("file") == "filed"
    court.finish()


def test_the_days_of_grace_run_from_the_first_unpaid_instalment() -> None:
    court = Court("agreement")
    court.calls("arm", "due")
    court.later(days=GRACE_DAYS - 1)
    court.call("due")
    court.later(days=1)
    assert court.call("trigger") == "to-trial"


def test_a_stopped_agreement_stays_stopped() -> None:
    court = Court("agreement")
    triggered(court)
    assert court.call("stop") == "stopped"
    assert [court.call(method) for method in ("file", "trigger", "due", "stop")] == ["refused"] * 4
    filed = Court("agreement")
    triggered(filed)
    filed.call("file")
    assert filed.call("stop") == "refused"


def test_a_confirmation_of_an_agreement_from_before_the_run_counts() -> None:
    court = Court("agreement")
    assert court.call("confirm", facts=("confirmed",), old=True) == "confirmed"
    court.call("due")
    court.later(days=GRACE_DAYS)
    assert court.call("trigger") == "to-enforcement"


def test_what_was_never_armed_is_not_filed() -> None:
    court = Court("agreement")
    assert [court.call(method) for method in ("due", "trigger", "file", "stop")] == ["refused"] * 4


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        (("file",), ["filed"]),
        (("trigger", "file"), ["to-trial", "filed"]),
        (("due",), ["due"]),
        (("pay", "file"), ["paid", "paid"]),
        (("stop", "file"), ["stopped", "refused"]),
    ],
)
def test_a_case_from_before_the_run_is_where_its_call_presupposes_it(methods: tuple[str, ...], told: list[str]) -> None:
    court = Court("agreement")
    assert [court.call(method, old=True) for method in methods] == told
    court.finish()


# From a document of the court to enforcement


@pytest.mark.parametrize(("facts", "days"), [((), 15), (("ruling",), 10), (("mediation",), 0), (("final",), 0)])
def test_a_document_takes_effect_when_nobody_can_appeal_any_more(facts: tuple[str, ...], days: int) -> None:
    court = Court("title")
    court.call("serve", facts=facts)
    if days:
        court.later(days=days)
        court.now_ns -= 1
        assert court.call("effective") == "early"
        court.now_ns += 1
        assert court.call("appeal") == "late"
    assert court.call("effective") == "effective"


def test_the_time_for_an_appeal_runs_from_service_on_the_last_party() -> None:
    court = Court("title")
    court.call("serve")
    court.later(days=10)
    court.call("serve")
    court.later(days=14)
    assert court.call("effective") == "early"
    assert court.call("appeal", 20, parent=1) == "appealed"
    assert court.told == [(1, "appealed")]


def test_after_an_appeal_the_second_instances_judgment_is_final_when_served() -> None:
    court = Court("title")
    court.call("serve")
    assert court.call("appeal") == "appealed"
    court.later(days=60)
    assert court.call("effective") == "appealed"
    assert court.calls("serve", "effective") == ["served", "effective"]


def in_force(court: Court) -> None:
    court.call("serve", facts=("final",))
    court.call("effective")


def test_enforcement_is_applied_for_within_two_years() -> None:
    court = Court("title")
    in_force(court)
    court.later(days=2 * 365)
    assert court.call("apply") == "expired"
    court.now_ns -= 1
    assert court.call("apply") == "applied"


def test_a_title_is_filed_once_and_only_on_an_application_or_a_judges_motion() -> None:
    court = Court("title")
    court.call("serve")
    assert court.call("apply") == "early"
    court.later(days=15)
    court.call("effective")
    assert court.call("file") == "refused"
    assert court.calls("apply", "file", "file", "apply") == ["applied", "filed", "refused", "refused"]
    moved = Court("title")
    in_force(moved)
    assert moved.call("file", facts=("moved-by-judge",)) == "filed"
    moved.finish()


def test_what_was_performed_is_neither_applied_for_nor_filed() -> None:
    court = Court("title")
    in_force(court)
    assert court.call("perform", 20, parent=1) == "performed"
    assert court.told == [(1, "performed")]
    assert court.calls("apply", "file", "perform") == ["performed", "performed", "refused"]
    late = Court("title")
    in_force(late)
    late.calls("apply", "file")
    assert late.call("perform") == "late"


def test_the_calendar_that_a_contract_is_given_decides_when_a_judgment_takes_effect() -> None:
    beijing = timezone(timedelta(hours=8))
    # 16 September 2024 and fifteen days: 1 October, and National Day's holidays end on the 7th.
    calendar = Calendar(datetime(2024, 9, 16, 12, tzinfo=beijing), 10, 3 * 366)
    court = Court("title", calendar.due_ns)
    court.call("serve")
    # The end of 8 October is half a day and 22 days from noon of 16 September.
    court.now_ns = 22 * DAY_NS + DAY_NS // 2 - 1
    assert court.call("effective") == "early"
    court.now_ns += 1
    assert court.call("effective") == "effective"


# The register


def test_the_first_to_freeze_holds_it_and_later_ones_wait_for_their_rank() -> None:
    court = Court("register")
    assert [court.call("freeze", case) for case in (1, 2, 3)] == ["frozen", "queued", "queued"]
    assert court.call("lift", 1) == "lifted"
    assert court.told == [(2, "effective")]
    assert court.call("lift", 2) == "lifted"
    assert court.told == [(3, "effective")]
    court.finish()


def test_a_deposit_that_does_not_cover_a_claim_is_frozen_in_part() -> None:
    court = Court("register")
    assert court.call("freeze", 1, facts=("short",)) == "partial"
    assert court.call("freeze", 2) == "queued"
    assert Court("register").call("freeze", facts=("empty",)) == "gone"


def test_a_deposit_serves_several_claims_as_far_as_it_goes() -> None:
    court = Court("register")
    court.call("freeze", 1, cny=1000)
    court.call("lift", 1)
    assert [court.call("freeze", case, cny=400) for case in (2, 3, 4)] == ["frozen", "frozen", "partial"]
    court.call("lift", 2)
    # Case 4 is served to the end out of what case 2 held, and is told nothing: it was effective.
    assert court.told == []
    assert court.call("freeze", 5, cny=400) == "partial"
    court.finish()


@pytest.mark.parametrize("kind", ["movable", "immovable", "equity"])
def test_a_thing_is_frozen_whole(kind: str) -> None:
    court = Court("register")
    court.call("freeze", 1, cny=1000, facts=(kind,))
    court.call("lift", 1)
    assert court.call("freeze", 2, cny=1, facts=(kind,)) == "frozen"
    assert court.call("freeze", 3, cny=1, facts=(kind,)) == "queued"
    assert court.call("deduct", 2) == "refused"


@pytest.mark.parametrize(
    ("facts", "years"), [((), 1), (("movable",), 2), (("immovable",), 3), (("equity", "short"), 3)]
)
def test_a_freeze_lapses_at_the_end_of_its_term_and_the_next_rank_takes_effect(
    facts: tuple[str, ...], years: int
) -> None:
    court = Court("register")
    court.call("freeze", 1, facts=facts)
    court.later(days=1)
    court.call("freeze", 2, facts=facts)
    court.now_ns = years * 365 * DAY_NS - 1
    assert court.call("lapse", 1) == "refused"
    court.now_ns += 1
    assert court.call("lapse", 1) == "lapsed"
    assert court.told == [(2, "effective")]
    assert court.call("renew", 1) == "lapsed"


def test_a_freeze_that_is_renewed_in_time_keeps_its_rank() -> None:
    court = Court("register")
    court.call("freeze", 1)
    court.later(days=300)
    court.call("freeze", 2)
    court.later(days=60)
    assert court.call("renew", 1) == "renewed"
    court.later(days=100)
    assert court.call("freeze", 3) == "queued"
    court.later(days=500)
    assert court.call("renew", 1) == "lapsed"


def test_the_next_rank_takes_effect_when_the_register_sees_that_the_one_before_has_lapsed() -> None:
    court = Court("register")
    court.call("freeze", 1)
    court.later(days=1)
    court.call("freeze", 2)
    court.later(days=364)
    assert court.call("freeze", 3) == "queued"
    assert court.told == [(1, "lapsed"), (2, "effective")]


def test_a_transfer_that_is_accepted_and_not_finished_gives_way_to_a_freeze() -> None:
    court = Court("register")
    assert court.call("begin-transfer", 9, facts=("immovable",)) == "accepted"
    assert court.call("freeze", 1, facts=("immovable",)) == "frozen"
    assert court.told == [(9, "blocked")]
    assert court.call("transfer", 9, facts=("immovable",)) == "blocked"


def test_a_finished_transfer_cannot_be_frozen() -> None:
    court = Court("register")
    court.call("begin-transfer", 9, facts=("immovable",))
    assert court.call("transfer", 9, facts=("immovable",)) == "transferred"
    assert court.call("freeze", 1, facts=("immovable",)) == "gone"
    assert court.call("transfer", 9, facts=("immovable",)) == "gone"


def test_a_courts_order_to_transfer_that_was_there_first_comes_first() -> None:
    court, facts = Court("register"), ("immovable", "court-order")
    assert court.call("begin-transfer", 9, parent=9, facts=facts) == "accepted"
    assert court.call("freeze", 1, facts=("immovable",)) == "queued"
    assert court.call("transfer", 9, facts=facts) == "transferred"
    assert court.told == [(1, "gone")]


def test_a_freeze_behind_a_courts_order_takes_effect_when_the_order_is_withdrawn() -> None:
    court = Court("register")
    court.call("begin-transfer", 9, facts=("movable", "court-order"))
    court.call("freeze", 1, facts=("movable",))
    assert court.call("withdraw", 9) == "withdrawn"
    assert court.told == [(1, "effective")]


def test_only_the_court_that_holds_it_moves_what_is_frozen() -> None:
    court = Court("register")
    court.call("freeze", 1, facts=("movable",))
    court.call("freeze", 2, facts=("movable",))
    assert court.call("transfer", 9, facts=("movable",)) == "blocked"
    assert court.call("transfer", 2, facts=("movable", "court-order")) == "blocked"
    assert court.call("transfer", 2, facts=("movable",)) == "blocked"
    assert court.call("transfer", 1, facts=("movable",)) == "transferred"
    assert court.told == [(2, "gone")]
    court.finish()


def test_a_courts_sale_in_a_case_of_its_own_needs_the_courts_order() -> None:
    court = Court("register")
    court.call("freeze", 1, facts=("movable",))
    assert court.call("transfer", 11, parent=1, facts=("movable",)) == "blocked"
    assert court.call("transfer", 11, parent=1, facts=("movable", "court-order")) == "transferred"
    assert court.told == [(1, "gone")]


def test_a_deduction_takes_what_the_callers_own_freeze_holds() -> None:
    court = Court("register")
    assert court.call("deduct", 1) == "refused"
    court.call("freeze", 1, cny=1000)
    court.call("freeze", 2, cny=1000)
    assert court.call("deduct", 2) == "refused"
    assert court.call("deduct", 11, parent=1) == "deducted"
    assert court.told == [(1, "deducted"), (2, "gone")]
    assert court.call("deduct", 1) == "refused"
    assert court.contracts["register"].summary()["deducted_cny"] == 1000
    court.finish()


def test_preservation_becomes_enforcements_seizure_in_its_old_rank() -> None:
    court = Court("register")
    court.call("freeze", 1)
    court.call("freeze", 2)
    assert court.call("take-over", 11, parent=1) == "frozen"
    assert court.told == [(1, "taken-over")]
    assert court.call("lift", 33) == "refused"
    assert court.call("lift", 11) == "lifted"
    assert court.told == [(2, "effective")]


def test_a_bankruptcy_lifts_everything_and_a_dismissal_restores_the_old_order() -> None:
    court = Court("register")
    court.call("freeze", 1, subject=5)
    court.call("freeze", 2, subject=5)
    court.call("freeze", 3, subject=6, asset=8)
    assert court.call("stay", 50, subject=5, asset=50) == "stayed"
    assert court.told == [(1, "lifted"), (2, "lifted")]
    assert court.call("freeze", 4, subject=5) == "stayed"
    assert court.call("deduct", 1, subject=5) == "stayed"
    assert court.call("transfer", 9, subject=5) == "blocked"
    assert court.call("deduct", 3, subject=6, asset=8) == "deducted"
    assert court.call("resume", 50, subject=5, asset=50) == "resumed"
    assert court.told == [(1, "effective")]
    assert court.call("lift", 1, subject=5) == "lifted"
    assert court.told == [(2, "effective")]
    court.finish()


def test_a_freeze_from_before_the_run_is_believed_once_and_not_against_others() -> None:
    court = Court("register")
    assert court.call("renew", 1, old=True) == "renewed"
    assert court.call("freeze", 2) == "queued"
    assert court.call("lift", 1, old=True) == "lifted"
    assert court.told == [(2, "effective")]
    assert court.call("lift", 1, old=True) == "refused"
    # This one says that it holds what case 2 holds.
    assert court.call("deduct", 3, old=True) == "refused"
    court.finish()


# Money


def test_money_goes_from_the_debtors_account_to_the_creditor() -> None:
    court = Court("fund")
    way = ("deduct", "arrive", "match", "hold", "release", "receipt")
    assert court.calls(*way) == ["deducted", "arrived", "matched", "held", "released", "receipted"]
    assert court.calls(*way) == ["refused"] * 6
    court.finish()


def test_no_money_is_released_before_an_objection_is_dismissed() -> None:
    court = Court("fund")
    court.calls("deduct", "arrive", "match", "hold")
    assert court.call("object", 20, parent=1) == "objected"
    assert court.told == [(1, "objected")]
    assert court.call("release") == "objected"
    assert court.call("dismiss", 20, parent=1) == "dismissed"
    assert court.call("release") == "released"
    assert court.call("object", 21, parent=1) == "late"


def test_an_upheld_objection_returns_the_money() -> None:
    court = Court("fund")
    court.calls("deduct", "arrive", "match", "hold", "object")
    assert court.call("uphold") == "returned"
    assert court.call("release") == "refused"
    assert court.contracts["fund"].summary()["returned_cny"] == 1000
    court.finish()


def test_money_that_arrives_after_its_deduction_was_given_up_is_astray() -> None:
    court = Court("fund")
    assert court.calls("deduct", "cancel", "arrive") == ["deducted", "cancelled", "stray"]
    assert court.call("cancel") == "arrived"
    assert court.call("uphold") == "returned"
    court.finish()
    matched = Court("fund")
    assert matched.calls("deduct", "cancel", "arrive", "match", "hold", "release")[-1] == "released"


# The closed loop


def test_what_was_ordered_approved_and_executed_matches() -> None:
    court = Court("loop")
    told = court.calls("order", "approve", "execute", "reconcile", "audit")
    assert told == ["ordered", "approved", "executed", "matched", "clean"]
    court.finish()


def test_who_ordered_it_does_not_approve_it() -> None:
    court = Court("loop")
    court.call("order")
    assert court.call("approve", facts=("same-person",)) == "refused"
    court.call("execute")
    assert court.call("reconcile") == "mismatched"


def test_an_audit_finds_what_was_executed_without_an_order_and_how_long_that_took() -> None:
    court = Court("loop")
    assert court.call("execute", 6) == "executed"
    assert court.call("execute", 6) == "refused"
    court.later(hours=20)
    assert court.call("audit", 99) == "found"
    assert court.told == [(6, "found")]
    assert court.call("audit", 99) == "clean"
    assert court.contracts["loop"].summary()["unnoticed_s"] == 20 * 3600


def test_a_command_that_differs_from_its_order_is_a_mismatch() -> None:
    court = Court("loop")
    court.calls("order", "approve")
    court.call("execute", facts=("differs",))
    assert court.call("reconcile") == "mismatched"
    assert court.call("audit", 99) == "found"


# Preservation


@pytest.mark.parametrize(("facts", "hours"), [((), 48), (("ordinary",), 5 * 24)])
def test_the_court_decides_in_time_or_late(facts: tuple[str, ...], hours: int) -> None:
    court = Court("preservation")
    court.call("apply", facts=facts)
    court.later(hours=hours)
    assert court.call("order") == "ordered"
    late = Court("preservation")
    late.call("apply", facts=facts)
    late.later(hours=hours)
    late.now_ns += 1
    assert late.call("order") == "late"
    assert late.call("convert") == "converted"


def test_a_suit_within_thirty_days_of_the_measure_takes_it_over_and_enforcement_after_it() -> None:
    court = Court("preservation")
    court.calls("apply", "order")
    court.later(days=1)
    court.call("take", 20, parent=1)
    court.later(days=30)
    court.now_ns -= 1
    assert court.call("convert", 21, parent=1) == "converted"
    assert court.told == [(1, "converted")]
    assert court.calls("expire", "seize", "expire") == ["converted", "seized", "converted"]


def test_without_a_suit_it_is_lifted_after_thirty_days_and_not_before() -> None:
    court = Court("preservation")
    court.calls("apply", "order")
    court.later(days=30)
    court.now_ns -= 1
    assert court.call("expire") == "early"
    court.now_ns += 1
    assert court.call("convert") == "expired"
    assert court.calls("expire", "expire", "convert", "seize", "lift") == [
        "lifted",
        "refused",
        "expired",
        "expired",
        "refused",
    ]
    court.finish()


def test_what_is_preserved_within_a_suit_does_not_wait_for_one() -> None:
    court = Court("preservation")
    court.call("apply")
    court.call("order", facts=("in-suit",))
    court.later(days=90)
    assert court.calls("expire", "seize") == ["converted", "seized"]


# Bankruptcy


def test_a_company_is_in_one_bankruptcy_at_a_time() -> None:
    court = Court("bankruptcy")
    assert court.call("accept", 1, subject=5) == "accepted"
    assert court.call("accept", 2, subject=5) == "refused"
    assert court.call("dismiss", 1, subject=5) == "dismissed"
    assert court.call("accept", 2, subject=5) == "accepted"
    assert court.call("close", 2, subject=5) == "closed"
    court.finish()


def test_the_broadcast_is_complete_when_the_last_institution_knows() -> None:
    court = Court("bankruptcy")
    court.call("accept", 1, subject=5)
    told = [court.call("ack", case, parent=1, subject=5) for case in (11, 12, 12, 13, 14)]
    assert told == ["acked", "acked", "refused", "acked", "acked"]
    assert court.call("ack", 15, parent=1, subject=5) == "complete"
    assert court.told == [(1, "complete")]
    alone = Court("bankruptcy")
    alone.call("accept", 1, subject=5)
    assert alone.call("ack", 1, subject=5) == "complete"


def test_deductions_after_acceptance_are_counted_whoever_executes_them() -> None:
    court = Court("bankruptcy")
    court.call("register.freeze", 8, subject=5, cny=300)
    assert court.call("deduct", 8, subject=5) == "lawful"
    court.call("accept", 1, subject=5)
    # The register does not know of the bankruptcy yet.
    assert court.call("register.deduct", 8, subject=5, cny=300) == "deducted"
    assert court.call("fund.deduct", 9, subject=5, cny=200) == "deducted"
    assert court.call("deduct", 10, subject=5, cny=100) == "illegal"
    assert court.told == [(1, "illegal")]
    court.call("close", 1, subject=5)
    assert court.call("deduct", 11, subject=5) == "lawful"
    summary = court.contracts["bankruptcy"].summary()
    assert (summary["illegal"], summary["illegal_cny"]) == (3, 600)


@pytest.mark.parametrize(
    ("votes", "carried"),
    [
        ([(200, True), (100, False), (100, True)], "approved"),  # two of three, three quarters
        ([(200, True), (100, False)], "rejected"),  # half of the heads
        ([(100, True), (100, True), (101, False)], "rejected"),  # less than two thirds
        ([(100, True), (100, True), (100, False)], "approved"),  # two thirds
        ([], "approved"),
    ],
)
def test_a_plan_needs_most_creditors_and_two_thirds_of_what_they_claim(
    votes: list[tuple[int, bool]], carried: str
) -> None:
    court = Court("bankruptcy")
    court.call("accept", 1, subject=5)
    for creditor, (cny, yes) in enumerate(votes, start=20):
        assert court.call("claim", creditor, parent=1, subject=5, cny=cny) == "claimed"
        facts = () if yes else ("against",)
        assert court.call("vote", creditor, parent=1, subject=5, facts=facts) == "voted"
        assert court.call("vote", creditor, parent=1, subject=5) == "refused"
    assert court.call("approve", 1, subject=5) == carried


def test_a_court_can_order_a_plan_that_the_creditors_reject() -> None:
    court = Court("bankruptcy")
    court.call("accept", 1, subject=5)
    court.call("vote", 20, parent=1, subject=5, facts=("against",))
    assert court.call("approve", 1, subject=5, facts=("ordered",)) == "approved"


def test_claims_after_three_months_are_late() -> None:
    court = Court("bankruptcy")
    court.call("accept", 1, subject=5)
    court.later(days=3 * 28)
    assert court.call("claim", 20, parent=1, subject=5) == "late"


# The list


def test_a_person_is_free_when_no_cases_entry_stands() -> None:
    court = Court("listing")
    assert [court.call("list", case, subject=5) for case in (1, 2)] == ["listed", "listed"]
    assert court.call("repair", 1, subject=5) == "still-listed"
    assert court.call("repair", 1, subject=5) == "refused"
    assert court.call("repair", 2, subject=5) == "repaired"
    court.finish()


def test_all_subscribers_acknowledge_the_entry_and_its_repair() -> None:
    court = Court("listing")
    court.call("list", subject=5)
    assert [court.call("ack", case, parent=1, subject=5) for case in (11, 12, 13, 13, 14)] == [
        "acked",
        "acked",
        "acked",
        "refused",
        "complete",
    ]
    assert court.told == [(1, "complete")]
    court.call("repair", subject=5)
    assert court.call("clear", 1, subject=5) == "complete"


def test_an_acknowledgement_after_the_repair_restricts_nobody() -> None:
    court = Court("listing")
    court.call("list", subject=5)
    court.call("repair", subject=5)
    assert court.call("ack", 11, parent=1, subject=5) == "stale"


# All of them


def test_every_contract_tells_the_signals_that_it_lists() -> None:
    for name, contract in contracts().items():
        assert type(contract) is CONTRACTS[name]
        assert all(signals and "refused" not in signals for signals in contract.METHODS.values())


def test_a_violation_reads_as_one_of_a_chain() -> None:
    violation = CaseViolation("rank", "register", 17, 5, "a later rank passed")
    assert isinstance(violation, InvariantViolation)
    assert (violation.invariant, violation.chain, violation.height) == ("rank", "contract register", 17)
    assert "case 17" in str(violation)


def test_a_period_of_a_calendar_is_what_a_contract_counts_with() -> None:
    asked: list[tuple[int, Unit]] = []

    def end(from_ns: int, count: int, unit: Unit) -> int:
        asked.append((count, unit))
        return from_ns + 1

    court = Court("preservation", end)
    court.calls("apply", "order", "take")
    assert asked == [(48, Unit.HOURS), (30, Unit.DAYS), (30, Unit.DAYS)]
