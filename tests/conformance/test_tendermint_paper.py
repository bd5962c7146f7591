"""Tendermint against its paper: Buchman, Kwon & Milosevic, arXiv 1807.04938, Algorithm 1, whose lines name the tests.

Most speak to replica 3 of 4 (f = 1, a quorum is 3) in height 1, where replica r mod 4 proposes in round r.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from steps import A, B, T, blamed, only, sent, tell

from sim.consensus.interface import (
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    Propose,
    RequestWaiting,
    SetTimer,
    TimerExpired,
)
from sim.consensus.parameters import Parameters
from sim.consensus.tendermint import NIL, NO_ROUND, Precommit, Prevote, Proposal, TendermintReplica

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sim.consensus.interface import Message, Output, Value

POLKA = 0b0111
"""Replicas 0, 1 and 2."""


def replica(me: int = 3, **knobs: int) -> TendermintReplica:
    return TendermintReplica.make(Parameters(n=4, me=me, timeout_ns=T, **knobs))


def proposal(value: Value = A, round_: int = 0, valid: int = NO_ROUND, polka: int = 0, height: int = 1) -> Proposal:
    return Proposal((height - 1 + round_) % 4, height, round_, value, valid, polka)


def prevotes(senders: Iterable[int], digest: bytes = A.digest, round_: int = 0) -> list[Prevote]:
    return [Prevote(sender, 1, round_, digest) for sender in senders]


def precommits(senders: Iterable[int], digest: bytes = A.digest, round_: int = 0) -> list[Precommit]:
    return [Precommit(sender, 1, round_, digest) for sender in senders]


def votes(outputs: Sequence[Output]) -> list[tuple[str, bytes]]:
    """The votes among what is said, by kind and digest."""
    return [(m.kind, m.digest) for m in sent(outputs) if isinstance(m, Prevote | Precommit)]


def expire(name: str) -> TimerExpired:
    return TimerExpired(name)


def to_round(number: int, to: TendermintReplica) -> list[Output]:
    """Two others are in that round, so it goes along (line 55)."""
    return tell(to, *precommits((0, 1), NIL, number))


def locked(value: Value = A) -> TendermintReplica:
    """It saw a quorum prevote the value in round 0 and precommitted it; nothing came of that."""
    it = replica()
    tell(it, proposal(value), *prevotes((0, 1), value.digest))
    return it


# ---- lines 11 to 21: rounds and proposals


def test_line_14_proposers_take_turns_over_heights_and_rounds() -> None:
    it = replica()
    assert [it.proposer(height, round_) for height, round_ in ((1, 0), (1, 1), (1, 5), (2, 0), (6, 2))] == [
        0,
        1,
        1,
        1,
        3,
    ]


def test_line_18_a_proposer_without_a_valid_value_proposes_a_new_one() -> None:
    first = replica(me=0)
    assert first.can_propose()
    assert sent(tell(first, Propose(A))) == [proposal(), Prevote(0, 1, 0, A.digest)]
    assert not first.can_propose()


def test_line_16_a_proposer_with_a_valid_value_proposes_it_again_with_the_round_in_which_it_became_so() -> None:
    it = locked()
    outputs = to_round(3, it)
    assert proposal(A, 3, valid=0, polka=0b1011) in sent(outputs)
    assert not it.can_propose(), "it needs no other value"


def test_line_21_who_waits_for_a_proposal_prevotes_nil_when_the_time_for_it_is_over() -> None:
    it = replica()
    assert SetTimer("propose", T) in tell(it, RequestWaiting())
    assert votes(tell(it, expire("propose"))) == [("prevote", NIL)]
    assert votes(tell(it, proposal())) == [], "one prevote a round"


# ---- lines 22 to 33: prevotes and the lock


def test_line_22_a_new_value_gets_the_prevote_of_who_is_not_locked() -> None:
    assert votes(tell(replica(), proposal())) == [("prevote", A.digest)]


@pytest.mark.parametrize(("value", "vote"), [(A, A.digest), (B, NIL)])
def test_line_23_who_is_locked_prevotes_no_other_new_value(value: Value, vote: bytes) -> None:
    it = locked()
    to_round(1, it)
    assert votes(tell(it, proposal(value, 1))) == [("prevote", vote)]


def test_line_29_a_lock_yields_to_a_value_that_became_valid_no_earlier() -> None:
    it = locked()
    to_round(2, it)
    assert votes(tell(it, proposal(B, 2, valid=1, polka=POLKA))) == [("prevote", B.digest)]


def test_line_29_a_lock_does_not_yield_to_a_value_that_became_valid_before() -> None:
    it = replica()
    to_round(1, it)
    tell(it, proposal(A, 1), *prevotes((0, 2), round_=1))
    to_round(2, it)
    assert votes(tell(it, proposal(B, 2, valid=0, polka=POLKA))) == [("prevote", NIL)]


@pytest.mark.parametrize(
    ("valid", "polka"), [(0, 0b0011), (1, POLKA), (2, POLKA), (-2, POLKA), (NO_ROUND, POLKA), (0, 0b10111)]
)
def test_line_28_a_valid_round_needs_the_prevotes_of_a_quorum_in_an_earlier_round(valid: int, polka: int) -> None:
    assert blamed(tell(replica(), proposal(A, 1, valid=valid, polka=polka))) == [1]


# ---- lines 34 to 46: from prevotes to precommits


def test_line_34_a_quorum_of_any_prevotes_limits_the_wait_for_more_once() -> None:
    it = replica()
    tell(it, proposal())
    assert only(SetTimer, tell(it, *prevotes((0,), NIL))) == []
    assert only(SetTimer, tell(it, *prevotes((1,), B.digest))) == [SetTimer("prevote", T)]
    assert tell(it, *prevotes((2,), NIL)) == []
    assert votes(tell(it, expire("prevote"))) == [("precommit", NIL)]


def test_line_36_a_quorum_of_prevotes_for_the_proposal_locks_it_and_gets_a_precommit() -> None:
    it = replica()
    tell(it, proposal(), *prevotes((0,)))
    assert votes(tell(it, *prevotes((1,)))) == [("precommit", A.digest)]


def test_line_37_who_has_precommitted_already_keeps_the_value_as_valid_without_a_lock() -> None:
    late = replica()
    tell(late, RequestWaiting(), expire("propose"), *prevotes((0, 1)), expire("prevote"))
    assert votes(tell(late, *prevotes((2,)), proposal())) == []
    to_round(1, late)
    assert votes(tell(late, proposal(B, 1))) == [("prevote", B.digest)], "no lock"
    assert proposal(A, 3, valid=0, polka=POLKA) in sent(to_round(3, late)), "but valid"


def test_line_44_a_quorum_of_prevotes_for_nil_gets_a_precommit_for_nil() -> None:
    it = replica()
    tell(it, proposal(), *prevotes((0, 1), NIL))
    assert votes(tell(it, *prevotes((2,), NIL))) == [("precommit", NIL)]


# ---- lines 47 to 54: decisions


def test_line_47_a_quorum_of_any_precommits_limits_the_wait_and_then_comes_the_next_round() -> None:
    it = replica()
    tell(it, RequestWaiting(), *precommits((0, 1), NIL))
    assert SetTimer("precommit", T) in tell(it, *precommits((2,), A.digest))
    outputs = tell(it, expire("precommit"))
    assert only(EnterView, outputs) == [EnterView(1 << 20 | 1, 1)]
    assert SetTimer("propose", T + T // 2) in outputs, "later rounds have more time"


def test_line_49_a_quorum_of_precommits_decides_whatever_the_round_and_whatever_one_voted() -> None:
    it = locked(A)
    to_round(2, it)
    assert only(Decide, tell(it, proposal(B, 1), *precommits((0, 1, 2), B.digest, 1))) == [Decide(1, 1, B)]


def test_line_49_the_value_itself_may_come_last() -> None:
    it = replica()
    assert only(Decide, tell(it, *precommits((0, 1, 2)))) == []
    assert only(Decide, tell(it, proposal())) == [Decide(1, 0, A)]


def test_line_52_the_next_height_starts_without_locks_after_the_pause() -> None:
    it = replica(commit_wait_ns=7 * T)
    tell(it, proposal(), *prevotes((0, 1)), *precommits((0, 1)))
    assert tell(it, Executed(1, b"", waiting=True)) == [SetTimer("next-height", 7 * T)]
    assert sent(tell(it, proposal(B, height=2))) == [], "kept until the height is open"
    outputs = tell(it, expire("next-height"))
    assert [(m.sequence, m.digest) for m in sent(outputs)] == [(2, B.digest)]


# ---- lines 55 and 56: joining others


def test_line_55_one_replica_more_than_may_lie_takes_this_one_along() -> None:
    it = replica()
    assert only(EnterView, tell(it, *prevotes((0,), NIL, 2), *precommits((0,), NIL, 2))) == []
    assert only(EnterView, tell(it, *prevotes((1,), NIL, 5))) == [EnterView(1 << 20 | 2, 2)]


# ---- what nobody may do


@pytest.mark.parametrize(
    ("messages", "culprit"),
    [
        ([proposal(), proposal(B)], 0),
        ([Proposal(2, 1, 0, A, NO_ROUND)], 2),
        ([*prevotes((2,)), *prevotes((2,), B.digest)], 2),
        ([*precommits((2,)), *precommits((2,), NIL)], 2),
    ],
)
def test_two_words_for_one_are_misbehaviour(messages: list[Message], culprit: int) -> None:
    it = replica()
    *before, last = messages
    tell(it, *before)
    assert blamed(tell(it, last)) == [culprit]


def test_timers_stop_when_the_height_is_decided() -> None:
    it = replica()
    set_ = {timer.name for timer in only(SetTimer, tell(it, RequestWaiting(), proposal()))}
    outputs = tell(it, *precommits((0, 1, 2)))
    assert {timer.name for timer in only(CancelTimer, outputs)} >= set_ - {"propose"}
