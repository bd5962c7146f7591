"""What must never happen in the courts' contracts. The run stops where one does.

Two look for it. `sim.casework.witness` hears every call and every answer in every run and judges by these alone,
without a look into the contracts. At the end each contract checks its own books (`Contract.check`).
"""

from __future__ import annotations

from sim.chain.invariants import InvariantViolation

FILED_ONCE = "one-filing-per-instalment"
PAID_IS_PAID = "no-filing-after-payment"
STOPPED = "stopped-stays-stopped"
IN_FORCE = "filed-only-when-in-force"
FREEZE_ONCE = "effective-once"
RANK = "rank"
NEXT_RANK = "next-rank-at-once"
FROZEN_STAYS = "frozen-is-not-moved"
GONE = "moved-is-not-frozen"
HOLDER = "holder-deducts"
STAY = "bankruptcy-stays"
LIFTED = "lifted-stays-lifted"
CONSERVATION = "conservation"
RELEASED_ONCE = "released-once"
OBJECTION = "no-release-against-objection"
EXECUTED_ONCE = "executed-once"
CLOSED_LOOP = "closed-loop"
AUDITED = "audit-finds"
ONE_BANKRUPTCY = "one-bankruptcy"
MAJORITY = "majority"
LISTED = "listed-by-a-case"


class CaseViolation(InvariantViolation):
    """A contract of the courts did what it must never do.

    Attributes:
        invariant: its name, one of this module's.
        chain: ``contract NAME``, where a chain's violation names the chain.
        height: uid of the case, or 0 if it is of none.
        detail: what was seen, for a person.
        time_ns: when, by the chain; 0 if it was seen at the end of a run.
    """

    def __init__(self, invariant: str, contract: str, case: int, time_ns: int, detail: str) -> None:
        super().__init__(invariant, f"contract {contract}", case, detail)
        self.args = (f"{invariant} violated by contract {contract}, case {case}, at {time_ns} ns: {detail}",)
        self.time_ns = time_ns
