"""Values that view changes name and do not bring: Castro & Liskov, OSDI 1999, section 4.4; see `test_pbft_paper`."""

from __future__ import annotations

from dataclasses import replace

from pbft_steps import commits, good_new_view, holding, prepared, prepares, replica
from steps import A, B, C, T, only, sent, tell, written

from sim.consensus.interface import Broadcast, Decide, EnterView, Send, SetTimer, TimerExpired, Verify
from sim.consensus.pbft_messages import (
    GENESIS,
    NULL,
    Checkpoint,
    Commit,
    Prepare,
    ValueReply,
    ValueRequest,
    ViewChange,
)


def test_section_4_4_a_backup_asks_the_leader_for_a_value_that_it_lacks_and_votes_when_it_has_it() -> None:
    backup = holding(3, (3, C))
    outputs = tell(backup, good_new_view())
    assert written(outputs, 1) == [ValueRequest(3, 1, 1, A.digest)]
    assert sent(outputs) == [Prepare(3, 1, 2, NULL.digest), Prepare(3, 1, 3, C.digest)]
    assert tell(backup, *prepares([0, 2], 1, A, 1), ValueReply(1, 1, 1, B), ValueReply(1, 0, 1, A)) == []
    assert sent(tell(backup, ValueReply(1, 1, 1, A))) == [Prepare(3, 1, 1, A.digest), Commit(3, 1, 1, A.digest)]
    assert only(Decide, tell(backup, *commits([0, 1], 1, A, 1))) == [Decide(1, 1, A)]
    assert tell(backup, ValueReply(1, 1, 1, A)) == []


def test_section_4_4_who_holds_a_value_gives_it_until_a_checkpoint_covers_it() -> None:
    backup = holding(3, (1, A))
    request = ValueRequest(2, 1, 1, A.digest)
    assert tell(backup, request) == [Send(2, ValueReply(3, 1, 1, A))]
    assert tell(backup, ValueRequest(2, 1, 1, B.digest), replace(request, sender=3)) == []
    tell(backup, *(Checkpoint(i, 4, b"s4") for i in (0, 1, 2)))
    assert tell(backup, request) == []


def test_section_4_4_the_null_value_and_one_proposed_again_further_on_outlive_a_checkpoint() -> None:
    backup = holding(3, (1, A), (5, A))
    tell(backup, good_new_view(), *(Checkpoint(i, 4, b"s4") for i in (0, 1, 2)))
    assert [only(Send, tell(backup, ValueRequest(2, 1, 5, v.digest))) != [] for v in (A, NULL, C)] == [
        True,
        True,
        False,
    ]


def test_section_4_4_the_new_primary_obtains_what_it_lacks_before_it_opens_its_view() -> None:
    leader = replica(me=1)
    changes = [ViewChange(i, 1, GENESIS, (prepared(1, A, signers=(0, 2, 3)),)) for i in (0, 2)]
    outputs = tell(leader, *changes)
    assert only(Broadcast, outputs)[1:] == [Broadcast(ValueRequest(1, 1, 1, A.digest), (0, 2))]
    assert (only(EnterView, outputs), only(SetTimer, outputs)[-1]) == ([], SetTimer("view-change", T))
    more = tell(leader, ViewChange(3, 1, GENESIS, ()), ValueReply(0, 0, 1, A), ValueReply(0, 1, 1, B))
    assert only(Broadcast, more) == []
    assert [m.kind for m in sent(tell(leader, ValueReply(2, 1, 1, A)))] == ["new-view"]
    assert leader.outstanding() == (A,)
    assert tell(leader, ValueReply(0, 1, 1, A)) == []


def test_section_4_4_a_new_primary_that_gets_no_answer_gives_its_view_up() -> None:
    leader = replica(me=1)
    tell(leader, *(ViewChange(i, 1, GENESIS, (prepared(1, A, signers=(0, 2, 3)),)) for i in (0, 2)))
    assert [(m.kind, m.view) for m in sent(tell(leader, TimerExpired("view-change")))] == [("view-change", 2)]
    assert tell(leader, ValueReply(2, 1, 1, A)) == []


def test_section_4_4_certificates_are_checked_once() -> None:
    backup = replica(me=3)
    good = good_new_view()
    first = good.view_changes[0]
    assert tell(backup, first) == [Verify(6)]
    assert only(Verify, tell(backup, first)) == []
    assert only(Verify, tell(backup, good)) == [Verify(2 * (1 + 6))]
    knowing = replica(me=3)
    tell(knowing, *good.view_changes)
    assert only(Verify, tell(knowing, good)) == []
