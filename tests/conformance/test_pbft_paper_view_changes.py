"""PBFT view changes against sections 4.4 and 4.5.2 of Castro & Liskov, OSDI 1999; see `test_pbft_paper`."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sim.consensus.interface import (
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    FetchState,
    Propose,
    RequestWaiting,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
    Value,
)
from sim.consensus.pbft_messages import (
    GENESIS,
    NULL,
    Assignment,
    Checkpoint,
    CheckpointCertificate,
    Commit,
    NewView,
    Prepare,
    PreparedCertificate,
    PrePrepare,
    ViewChange,
)
from sim.consensus.pbft_view_change import compute_new_view

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


from pbft_steps import STABLE_4, Chain, commits, decide_at, good_new_view, holding, prepared, prepares, replica
from steps import A, B, C, T, blamed, only, sent, tell

GOLDEN = Path(__file__).with_name("pbft_view_change.txt")


# ---- section 4.4: view changes


def test_section_4_4_the_timer_runs_while_requests_wait_and_restarts_on_progress() -> None:
    backup = replica()
    assert tell(backup, RequestWaiting()) == [SetTimer("request", T)]
    assert tell(backup, RequestWaiting()) == []
    tell(backup, PrePrepare(0, 0, 1, A), PrePrepare(0, 0, 2, B))
    tell(backup, *prepares([2]), *commits([0, 2]), *prepares([2], 2, B), *commits([0, 2], 2, B))
    assert tell(backup, Executed(1, b"s1", waiting=False)) == [SetTimer("request", T)]
    assert tell(backup, Executed(2, b"s2", waiting=False)) == [CancelTimer("request")]
    assert tell(backup, TimerExpired("request")) == []


def test_section_4_4_an_accepted_pre_prepare_starts_the_timer_too() -> None:
    assert only(SetTimer, tell(replica(), PrePrepare(0, 0, 1, A))) == [SetTimer("request", T)]


def test_section_4_4_a_view_change_carries_what_prepared_and_stops_voting() -> None:
    backup = replica(me=3)
    tell(backup, PrePrepare(0, 0, 1, A), PrePrepare(0, 0, 2, B), *prepares([2]))
    outputs = tell(backup, TimerExpired("request"))
    assert sent(outputs) == [ViewChange(3, 1, GENESIS, (PreparedCertificate(0, 1, A.digest, (0, 2, 3)),))]
    assert not backup.active
    assert tell(backup, PrePrepare(0, 0, 3, C), *prepares([1, 2], 2, B)) == []


def test_section_4_4_a_replica_that_left_still_learns_from_a_quorum_of_commits() -> None:
    backup = replica(me=3)
    tell(backup, PrePrepare(0, 0, 1, A), TimerExpired("request"))
    assert tell(backup, *commits([0, 1])) == []
    assert tell(backup, *commits([2])) == [Decide(1, 0, A)]


@pytest.mark.parametrize(
    ("view_changes", "expected"),
    [
        pytest.param([(GENESIS, ()), (GENESIS, ()), (GENESIS, ())], {}, id="nothing prepared"),
        pytest.param([(GENESIS, (prepared(1, A),)), (GENESIS, ()), (GENESIS, ())], {1: A}, id="one word is enough"),
        pytest.param(
            [(GENESIS, (prepared(1, A),)), (GENESIS, (prepared(1, B, 3, (1, 2, 3)),)), (GENESIS, (prepared(1, A),))],
            {1: B},
            id="the highest view wins",
        ),
        pytest.param(
            [(GENESIS, (prepared(3, C),)), (GENESIS, (prepared(1, A),)), (GENESIS, ())],
            {1: A, 2: NULL, 3: C},
            id="a gap gets null",
        ),
        pytest.param(
            [(STABLE_4, (prepared(6, B),)), (GENESIS, (prepared(3, A), prepared(5, C))), (GENESIS, ())],
            {5: C, 6: B},
            id="nothing at or below min-s",
        ),
        pytest.param([(STABLE_4, ()), (GENESIS, (prepared(3, A),)), (GENESIS, ())], {}, id="max-s below min-s"),
    ],
)
def test_section_4_4_o_follows_from_v(
    view_changes: list[tuple[CheckpointCertificate, tuple[PreparedCertificate, ...]]], expected: dict[int, Value]
) -> None:
    changes = [ViewChange(i, 4, stable, proofs) for i, (stable, proofs) in enumerate(view_changes)]
    assert compute_new_view(changes) == tuple(Assignment(s, value.digest) for s, value in expected.items())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(ViewChange(2, 0, GENESIS, ()), id="to view 0"),
        pytest.param(ViewChange(4, 1, GENESIS, ()), id="from no replica"),
        pytest.param(ViewChange(2, 1, CheckpointCertificate(5, b"", (0, 1, 2)), ()), id="checkpoint off the interval"),
        pytest.param(ViewChange(2, 1, CheckpointCertificate(0, b"x", ()), ()), id="another beginning"),
        pytest.param(ViewChange(2, 1, CheckpointCertificate(4, b"", (0, 1)), ()), id="checkpoint below a quorum"),
        pytest.param(ViewChange(2, 1, CheckpointCertificate(4, b"", (0, 1, 1)), ()), id="a signer twice"),
        pytest.param(ViewChange(2, 1, CheckpointCertificate(4, b"", (0, 1, 4)), ()), id="a signer from nowhere"),
        pytest.param(ViewChange(2, 1, GENESIS, (prepared(1, A, signers=(0, 2)),)), id="prepared below a quorum"),
        pytest.param(ViewChange(2, 1, GENESIS, (prepared(1, A, signers=(1, 2, 3)),)), id="without its primary"),
        pytest.param(ViewChange(2, 1, GENESIS, (prepared(1, A, view=1),)), id="prepared in the view it goes to"),
        pytest.param(ViewChange(2, 1, GENESIS, (prepared(1, A, view=-4),)), id="prepared in no view"),
        pytest.param(ViewChange(2, 1, STABLE_4, (prepared(4, A),)), id="prepared at the low water mark"),
        pytest.param(ViewChange(2, 1, GENESIS, (prepared(9, A),)), id="prepared above the high water mark"),
        pytest.param(ViewChange(2, 1, GENESIS, (prepared(2, A), prepared(1, B))), id="out of order"),
        pytest.param(ViewChange(2, 1, GENESIS, (prepared(1, A), prepared(1, B))), id="two for one number"),
    ],
)
def test_section_4_4_an_invalid_view_change_is_misbehaviour(change: ViewChange) -> None:
    assert blamed(tell(replica(), change)) == [change.sender]


def with_changes(message: NewView, changes: Sequence[ViewChange]) -> NewView:
    return NewView(message.sender, message.view, tuple(changes), compute_new_view(changes))


def test_section_4_4_a_view_change_inside_a_new_view_is_checked_even_if_its_sender_sent_a_good_one() -> None:
    backup = replica(me=3)
    good = good_new_view()
    tell(backup, good.view_changes[0])
    forged = ViewChange(0, 1, GENESIS, (prepared(1, B, signers=(0, 3)),))
    assert blamed(tell(backup, with_changes(good, (forged, *good.view_changes[1:])))) == [1]


NEW_VIEW_MUTATIONS: dict[str, Callable[[NewView], NewView]] = {
    "O leaves a value out": lambda m: replace(m, pre_prepares=m.pre_prepares[:-1]),
    "O proposes another value": lambda m: replace(
        m, pre_prepares=(replace(m.pre_prepares[0], digest=B.digest), *m.pre_prepares[1:])
    ),
    "O fills the gap with a value": lambda m: replace(
        m, pre_prepares=(m.pre_prepares[0], replace(m.pre_prepares[1], digest=B.digest), m.pre_prepares[2])
    ),
    "O goes beyond max-s": lambda m: replace(m, pre_prepares=(*m.pre_prepares, Assignment(4, B.digest))),
    "V is no quorum": lambda m: with_changes(m, m.view_changes[:2]),
    "V has a replica twice": lambda m: with_changes(m, (*m.view_changes[:2], m.view_changes[1])),
    "V is for another view": lambda m: with_changes(m, (*m.view_changes[:2], ViewChange(3, 2, GENESIS, ()))),
    "V has an invalid one": lambda m: with_changes(
        m, (*m.view_changes[:2], ViewChange(3, 1, GENESIS, (prepared(1, B, signers=(0, 3)),)))
    ),
    "another replica leads": lambda m: with_changes(replace(m, sender=2), m.view_changes),
    "a view that has no new-view": lambda m: replace(m, view=0, sender=0),
}


@pytest.mark.parametrize("mutation", NEW_VIEW_MUTATIONS)
def test_section_4_4_a_new_view_that_does_not_follow_is_misbehaviour(mutation: str) -> None:
    message = NEW_VIEW_MUTATIONS[mutation](good_new_view())
    backup = replica(me=3)
    assert blamed(tell(backup, message)) == [message.sender]
    assert (backup.view, backup.active) == (0, True)


def test_section_4_4_a_backup_takes_up_what_a_good_new_view_proposes_again() -> None:
    backup = holding(3, (1, A), (3, C))
    outputs = tell(backup, good_new_view())
    assert only(EnterView, outputs) == [EnterView(1, 1)]
    again = ((1, A.digest), (2, NULL.digest), (3, C.digest))
    assert sent(outputs) == [Prepare(3, 1, sequence, digest) for sequence, digest in again]
    assert backup.outstanding() == (A, C)
    assert tell(backup, good_new_view()) == []
    assert blamed(tell(backup, with_changes(good_new_view(), [ViewChange(i, 1, GENESIS, ()) for i in (0, 1, 2)]))) == [
        1
    ]


def test_section_4_4_a_new_view_above_a_replicas_state_makes_it_fetch() -> None:
    backup = replica(me=3)
    changes = tuple(ViewChange(i, 1, STABLE_4, ()) for i in (0, 1, 2))
    outputs = tell(backup, NewView(1, 1, changes, ()))
    assert only(FetchState, outputs) == [FetchState(4, b"s4", (0, 1, 2))]


def test_section_4_4_what_a_stable_checkpoint_covers_is_not_voted_on_again() -> None:
    backup = holding(3, (5, B))
    tell(backup, StateTransferred(4, b"s4", view=0, waiting=False), *(Checkpoint(i, 4, b"s4") for i in (0, 1, 2)))
    changes = tuple(ViewChange(i, 1, GENESIS, (prepared(4, A), prepared(5, B))) for i in (0, 1, 2))
    outputs = tell(backup, NewView(1, 1, changes, compute_new_view(changes)))
    assert sent(outputs) == [Prepare(3, 1, 5, B.digest)]


def test_section_4_4_the_new_primary_needs_a_quorum_and_goes_on_after_max_s() -> None:
    leader = holding(1, (2, B))
    assert only(EnterView, tell(leader, ViewChange(0, 1, GENESIS, ()))) == []
    outputs = tell(leader, ViewChange(2, 1, GENESIS, (prepared(2, B),)))
    assert [m.kind for m in sent(outputs)] == ["view-change", "new-view"]
    assert only(EnterView, outputs) == [EnterView(1, 1)]
    assert (leader.next_sequence, leader.outstanding(), leader.can_propose()) == (3, (B,), True)


def test_section_4_4_messages_of_the_new_view_that_overtake_its_new_view_are_kept() -> None:
    backup = holding(3, (1, A), (3, C))
    late = good_new_view()
    early = [*prepares([0, 2], 1, A, 1), *commits([0, 1], 1, A, 1), PrePrepare(1, 1, 4, B)]
    assert tell(backup, *early) == []
    assert blamed(tell(backup, Prepare(0, 1, 1, B.digest))) == [0]
    outputs = tell(backup, late)
    assert only(Decide, outputs) == [Decide(1, 1, A)]
    assert Prepare(3, 1, 4, B.digest) in sent(outputs)


def test_section_4_4_of_each_sender_only_the_highest_view_is_kept() -> None:
    for went_on, committing in ((False, 1), (True, 0)):
        backup = holding(3, (1, A), (3, C))
        tell(backup, *prepares([0], 1, A, 1))
        if went_on:
            tell(backup, *prepares([0], 1, A, 2), *prepares([0], 1, A, 1))
        assert len(only(Commit, sent(tell(backup, good_new_view())))) == committing


def test_section_4_4_commits_of_a_view_passed_by_prove_no_lag_later() -> None:
    backup = replica(me=3)
    tell(backup, *commits([0, 2], 2, view=1))
    changes = tuple(ViewChange(i, 2, GENESIS, ()) for i in (0, 1, 2))
    tell(backup, NewView(2, 2, changes, ()), RequestWaiting())
    assert [m.kind for m in sent(tell(backup, TimerExpired("request")))] == ["view-change"]


def test_section_4_4_the_timer_forgets_assignments_that_the_new_view_dropped() -> None:
    backup = replica(me=3)
    tell(backup, PrePrepare(0, 0, 1, A))
    changes = tuple(ViewChange(i, 1, GENESIS, ()) for i in (0, 1, 2))
    outputs = tell(backup, NewView(1, 1, changes, ()))
    assert CancelTimer("request") in outputs
    assert only(SetTimer, outputs) == []


def test_section_4_4_a_replica_between_views_asks_for_state_at_every_timeout() -> None:
    backup = replica(me=3)
    tell(backup, RequestWaiting(), TimerExpired("request"), *commits([0, 2], 2))
    for _ in range(2):
        assert only(FetchState, tell(backup, TimerExpired("view-change"))) == [FetchState(1, b"", (0, 2))]


def test_section_4_4_what_prepares_below_a_stable_checkpoint_is_not_in_p() -> None:
    backup = replica(me=3)
    tell(backup, PrePrepare(0, 0, 3, A), *(Checkpoint(i, 4, b"s4") for i in (0, 1, 2)))
    assert sent(tell(backup, *prepares([1], 3))) == [Commit(3, 0, 3, A.digest)]
    (change,) = sent(tell(backup, *(ViewChange(i, 1, STABLE_4, ()) for i in (0, 1))))
    assert change == ViewChange(3, 1, STABLE_4, ())


def test_section_4_4_who_is_taken_along_learns_first_what_commits_prove() -> None:
    backup = replica(me=3)
    tell(backup, PrePrepare(0, 0, 1, A), *commits([0, 1, 2]))
    outputs = tell(backup, *(ViewChange(i, 1, GENESIS, ()) for i in (0, 1)))
    assert only(Decide, outputs) == [Decide(1, 0, A)]


def test_section_4_4_messages_of_a_view_left_behind_are_stale() -> None:
    backup = replica(me=3)
    tell(backup, good_new_view())
    assert tell(backup, PrePrepare(0, 0, 5, A), *prepares([1, 2], 5), *commits([1, 2], 5), NewView(0, 0, (), ())) == []


def test_section_4_4_a_repeated_view_change_is_the_same_message_and_a_different_one_misbehaviour() -> None:
    backup = replica(me=3)
    tell(backup, RequestWaiting())
    first = sent(tell(backup, TimerExpired("request")))
    repeated = tell(backup, TimerExpired("view-change"))
    assert first == sent(repeated)
    assert only(SetTimer, repeated) == [SetTimer("view-change", T)]
    observer = replica(me=2)
    assert tell(observer, *first, *sent(repeated)) == []
    assert blamed(tell(observer, ViewChange(3, 1, GENESIS, (prepared(1, A),)))) == [3]


def test_section_4_4_a_replica_that_missed_the_new_view_gets_it_again_but_not_too_often() -> None:
    leader = replica(me=1)
    tell(leader, *(ViewChange(i, 1, GENESIS, ()) for i in (0, 2)))
    missed = ViewChange(3, 1, GENESIS, ())
    assert tell(leader, missed) == []
    (answer,) = tell(leader, missed, now=T)
    assert isinstance(answer, Send)
    assert (answer.to, answer.message.kind) == (3, "new-view")
    assert tell(leader, missed, now=T + 1) == []
    assert len(tell(leader, missed, now=2 * T)) == 1


def test_section_4_4_who_asks_when_the_view_has_decided_already_gets_its_new_view_at_once() -> None:
    leader = replica(me=1)
    tell(leader, *(ViewChange(i, 1, GENESIS, ()) for i in (0, 2)), Propose(A))
    tell(leader, *prepares([0, 2], view=1), *commits([0, 2], view=1), Executed(1, b"s1", waiting=False))
    (answer,) = tell(leader, ViewChange(3, 1, GENESIS, ()))
    assert isinstance(answer, Send)


def test_section_4_5_2_what_executes_between_views_resets_no_timeout() -> None:
    backup = replica(me=3)
    tell(backup, PrePrepare(0, 0, 1, A), TimerExpired("request"))
    tell(backup, *(ViewChange(i, 1, GENESIS, ()) for i in (0, 2)), TimerExpired("view-change"))
    tell(backup, *commits([0, 1, 2]), Executed(1, b"s1", waiting=True))
    outputs = tell(backup, *(ViewChange(i, 2, GENESIS, ()) for i in (0, 1)))
    assert only(SetTimer, outputs) == [SetTimer("view-change", 2 * T)]
    restarted = tell(backup, StateTransferred(1, b"s1", view=0, waiting=True))
    assert only(SetTimer, restarted) == [SetTimer("view-change", 2 * T)]


def test_section_4_5_2_the_timeout_doubles_from_view_to_view_until_something_executes() -> None:
    backup = replica(me=6, n=7)
    tell(backup, RequestWaiting(), TimerExpired("request"))
    delays = []
    for view in range(1, 6):
        outputs = tell(backup, *(ViewChange(i, view, GENESIS, ()) for i in range(4)))
        delays.append(only(SetTimer, outputs)[-1].delay_ns)
        tell(backup, TimerExpired("view-change"))
    assert delays == [T, 2 * T, 4 * T, 8 * T, 16 * T]


def test_section_4_5_2_progress_in_the_new_view_resets_the_timeout() -> None:
    backup = replica(me=3)
    changes = tuple(ViewChange(i, 5, GENESIS, ()) for i in (0, 1, 2))
    outputs = tell(backup, RequestWaiting(), NewView(1, 5, changes, ()))
    assert only(SetTimer, outputs)[-1] == SetTimer("request", 16 * T)
    tell(backup, PrePrepare(1, 5, 1, A), *prepares([0], 1, A, 5), *commits([0, 1], 1, A, 5))
    assert tell(backup, Executed(1, b"s1", waiting=True)) == [SetTimer("request", T)]


def test_section_4_5_2_f_plus_one_view_changes_take_a_replica_along_to_the_smallest() -> None:
    backup = replica(me=3)
    tell(backup, RequestWaiting())
    assert tell(backup, ViewChange(0, 7, GENESIS, ())) == []
    outputs = tell(backup, ViewChange(2, 4, GENESIS, ()))
    (joined,) = sent(outputs)
    assert only(CancelTimer, outputs) == [CancelTimer("request")]
    assert (joined.kind, joined.view, backup.view, backup.active) == ("view-change", 4, 4, False)


def test_section_4_5_2_a_late_view_change_does_not_take_back_a_later_one() -> None:
    backup = replica(me=3)
    tell(backup, ViewChange(0, 3, GENESIS, ()), ViewChange(0, 1, GENESIS, ()))
    assert [m.view for m in sent(tell(backup, ViewChange(2, 5, GENESIS, ())))] == [3]


def test_section_4_5_2_f_view_changes_move_nobody() -> None:
    backup = replica(me=3)
    assert tell(backup, *(ViewChange(0, view, GENESIS, ()) for view in (1, 2, 3, 2))) == []
    assert backup.active


def test_section_4_5_2_who_went_further_counts_towards_giving_up_a_view() -> None:
    backup = replica(me=3)
    tell(backup, RequestWaiting(), TimerExpired("request"))
    outputs = tell(backup, ViewChange(0, 1, GENESIS, ()), ViewChange(2, 2, GENESIS, ()))
    assert outputs == [SetTimer("view-change", T)]
    assert [m.view for m in sent(tell(backup, TimerExpired("view-change")))] == [2]


def test_section_4_5_2_a_timeout_leads_to_the_view_that_correct_peers_work_in() -> None:
    backup = replica(me=3)
    tell(backup, RequestWaiting(), *prepares([0], view=6), *prepares([2], view=5))
    assert [m.view for m in sent(tell(backup, TimerExpired("request")))] == [5]


def test_an_unstable_checkpoint_is_repeated_at_a_timeout() -> None:
    backup = replica()
    for s in range(1, 5):
        decide_at(backup, s, waiting=True)
    assert Checkpoint(1, 4, b"s4") in sent(tell(backup, TimerExpired("request")))


# ---- one whole view change as a table


def view_change_table() -> str:
    """The primary's A reaches only replica 2, its B everyone, then it falls silent; so B prepares and A does not."""
    chain = Chain(4)
    chain.step(0, Propose(A))
    chain.step(0, Propose(B))
    chain.mail = deque((to, m) for to, m in chain.mail if m.sequence == 2 or to == 2)
    chain.mute = {0}
    chain.settle()
    chain.lines.append("")
    for i in (1, 2, 3):
        chain.step(i, TimerExpired("request"))
    chain.settle()
    chain.lines.append("")
    chain.step(1, Propose(A))
    chain.settle()
    assert chain.decided[1:] == [[NULL.digest, B.digest, A.digest]] * 3
    return chain.table()


def test_section_4_4_one_view_change_reads_as_the_golden_table() -> None:
    assert view_change_table() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.write_text(view_change_table(), encoding="utf-8")
