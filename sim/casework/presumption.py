"""What verification told cases, held against what they presented: a recount beside the workflows' own losses.

The chain answers for what was deposited, no more. A match lets a court presume that nothing was changed since chaining
(Online Litigation Rules, article 16); what was false before it was hashed passes, rightly for the chain, and is counted
by the losses of the workflow (articles 17 to 19). Wrong for the chain are three things: what was altered or never
deposited passes (false intact), what is genuine differs (false mismatch), or is not found, because it has not reached
whoever looked (false not found).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.casework.definition import Answer
from sim.casework.keys import CHECK, key_of
from sim.casework.program import CHECKS
from sim.chain.verification import ABSENT, ALTERED, GENUINE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.casework.program import Program
    from sim.casework.running import Pass

PRESENTED: Final = {"genuine": GENUINE, "absent": ABSENT, "altered": ALTERED}
ANSWERS: Final = {
    "pass": Answer.PASS,
    "not_found": Answer.NOT_FOUND,
    "mismatch": Answer.MISMATCH,
    "no_answer": Answer.NO_ANSWER,
}
_RIGHT: Final = {GENUINE: Answer.PASS, ABSENT: Answer.NOT_FOUND, ALTERED: Answer.MISMATCH}


def presented(program: Program, way: NDArray[np.int32], facts: NDArray[np.uint64]) -> NDArray[np.int64]:
    """What a check presents that is made by a way out while facts hold; shape (checks,).

    A fact that makes it absent counts before one that alters it: what was never deposited can't differ.
    """
    absent, altered = (facts & program.absent[way]) != 0, (facts & program.altered[way]) != 0
    return np.where(absent, ABSENT, np.where(altered, ALTERED, GENUINE)).astype(np.int64)


def recount(program: Program, passed: Pass) -> dict[str, Any]:
    """`docket.checks` of `summary.json`: answers by what was presented, and how many of them were wrong.

    Checks of the last pass that the chains were never asked (`unknown`) count for nothing else.
    """
    fired, known = passed.fired, passed.known
    mine = np.flatnonzero((program.does[fired.way] & CHECKS) != 0)
    what = presented(program, fired.way[mine], fired.facts[mine])
    keys = key_of(fired.uid[mine], fired.step[mine].astype(np.int64), CHECK)
    place = np.searchsorted(known.key, keys)
    told = place < len(known.key)
    told[told] = known.key[place[told]] == keys[told]
    answer = np.full(len(mine), Answer.ANY, dtype=np.int64)
    answer[told] = known.answer[place[told]]
    table = {
        name: {said: int(np.count_nonzero((what == code) & (answer == meant))) for said, meant in ANSWERS.items()}
        for name, code in PRESENTED.items()
    }
    right = sum(int(np.count_nonzero((what == code) & (answer == meant))) for code, meant in _RIGHT.items())
    return {
        "asked": len(mine),
        "unknown": int(np.count_nonzero(~told)),
        "right": right,
        "false_intact": table["absent"]["pass"] + table["altered"]["pass"],
        "false_mismatch": table["genuine"]["mismatch"],
        "false_not_found": table["genuine"]["not_found"],
        "answers": table,
    }
