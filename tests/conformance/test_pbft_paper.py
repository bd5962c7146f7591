"""PBFT against its paper: Castro & Liskov, "Practical Byzantine Fault Tolerance", OSDI 1999.

Each test is named after the section whose sentence it holds the code to. Most speak to replica 1 of 4 (f = 1, a quorum
is 3, a weak certificate 2), a backup in view 0 and the leader of view 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sim.consensus.interface import (
    Decide,
    Executed,
    FetchState,
    HostError,
    Misbehaviour,
    Propose,
    RequestWaiting,
    SetTimer,
    StateTransferred,
    TimerExpired,
)
from sim.consensus.pbft_config import Config
from sim.consensus.pbft_messages import (
    GENESIS,
    Checkpoint,
    CheckpointCertificate,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    ViewChange,
)
from sim.consensus.quorum import message_law

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.consensus.interface import Message

from pbft_steps import Chain, commits, decide_at, prepares, replica
from steps import A, B, C, T, blamed, only, sent, tell

# ---- section 4: replicas and quorums


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_section_4_the_primary_of_view_v_is_v_mod_n(n: int) -> None:
    config = Config(n=n, me=0, timeout_ns=T, window=1, checkpoint_interval=1)
    assert [config.leader(view) for view in range(2 * n)] == [*range(n), *range(n)]


# ---- section 4.2: normal-case operation


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 10])
def test_section_4_2_a_fault_free_block_costs_exactly_the_messages_of_the_law(n: int) -> None:
    chain = Chain(n)
    for value in (A, B, C):
        chain.step(0, Propose(value))
    chain.settle()
    assert chain.decided == [[A.digest, B.digest, C.digest]] * n
    assert chain.counts == Counter({kind: 3 * count for kind, count in message_law(n).items()})


@pytest.mark.parametrize("n", [4, 7, 10])
def test_section_4_2_a_value_is_decided_everywhere_after_three_message_delays(n: int) -> None:
    chain = Chain(n)
    chain.step(0, Propose(A))
    chain.round()
    chain.round()
    assert chain.decided == [[]] * n
    chain.round()
    assert chain.decided == [[A.digest]] * n


def test_section_4_2_one_replica_alone_decides_at_once() -> None:
    assert only(Decide, tell(replica(me=0, n=1), Propose(A))) == [Decide(1, 0, A)]


def test_section_4_2_the_primary_sends_no_prepare() -> None:
    leader = replica(me=0)
    assert [m.kind for m in sent(tell(leader, Propose(A)))] == ["pre-prepare"]
    assert [m.kind for m in sent(tell(leader, *prepares([1, 2])))] == ["commit"]


def test_section_4_2_a_backup_answers_a_pre_prepare_with_a_prepare() -> None:
    assert sent(tell(replica(), PrePrepare(0, 0, 1, A))) == [Prepare(1, 0, 1, A.digest)]


def test_section_4_2_a_second_pre_prepare_for_the_same_number_is_equivocation_and_the_first_stands() -> None:
    backup = replica()
    tell(backup, PrePrepare(0, 0, 1, A))
    assert tell(backup, PrePrepare(0, 0, 1, replace(A, body="a copy"))) == []
    assert blamed(tell(backup, PrePrepare(0, 0, 1, B))) == [0]
    assert sent(tell(backup, *prepares([2]))) == [Commit(1, 0, 1, A.digest)]


@pytest.mark.parametrize("message", [PrePrepare(2, 0, 1, A), PrePrepare(0, 0, 0, A), PrePrepare(9, 0, 1, A)])
def test_section_4_2_a_pre_prepare_that_nobody_may_send_is_misbehaviour(message: PrePrepare) -> None:
    assert blamed(tell(replica(), message)) == [message.sender]


@pytest.mark.parametrize("message", [PrePrepare(0, 0, 9, A), Prepare(2, 0, 9, A.digest), Commit(0, 0, 9, A.digest)])
def test_section_4_2_what_lies_above_the_high_water_mark_is_dropped_in_silence(message: Message) -> None:
    assert replica().step(message, 0) == ()


@pytest.mark.parametrize(
    "message",
    [
        Prepare(0, 0, 1, A.digest),
        Prepare(4, 0, 1, A.digest),
        Prepare(-1, 0, 1, A.digest),
        Prepare(2, 0, 0, A.digest),
        Prepare(2, 1, 0, A.digest),
        Prepare(2, -1, 1, A.digest),
        Commit(4, 0, 1, A.digest),
        Commit(4, 1, 1, A.digest),
        Commit(2, 0, -3, A.digest),
        Checkpoint(7, 4, b"s"),
        Checkpoint(2, 5, b"s"),
        Checkpoint(2, 0, b"s"),
    ],
)
def test_section_4_2_a_vote_that_only_malice_explains_is_misbehaviour(message: Message) -> None:
    assert blamed(tell(replica(), message)) == [message.sender]


@pytest.mark.parametrize(
    "message",
    [
        PrePrepare(1, 0, 1, A),
        Prepare(1, 0, 1, A.digest),
        Commit(1, 0, 1, A.digest),
        Commit(1, 3, 1, A.digest),
        Checkpoint(1, 4, b"s"),
        ViewChange(1, 1, GENESIS, ()),
        NewView(1, 1, (), ()),
    ],
)
def test_section_4_2_an_echo_of_its_own_words_means_nothing(message: Message) -> None:
    assert replica().step(message, 0) == ()


def test_section_4_2_prepared_takes_a_quorum_of_equal_votes_with_the_primary() -> None:
    backup = replica(n=7)
    tell(backup, PrePrepare(0, 0, 1, A))
    assert sent(tell(backup, *prepares([2]), *prepares([3], value=B))) == []
    assert sent(tell(backup, *prepares([4]))) == []
    assert sent(tell(backup, *prepares([5]))) == [Commit(1, 0, 1, A.digest)]
    assert sent(tell(backup, *prepares([6]))) == []


def test_section_4_2_votes_that_overtake_the_pre_prepare_are_kept() -> None:
    backup = replica()
    assert tell(backup, *prepares([2, 3]), *commits([0, 2])) == []
    outputs = tell(backup, PrePrepare(0, 0, 1, A))
    assert [m.kind for m in sent(outputs)] == ["prepare", "commit"]
    assert only(Decide, outputs) == [Decide(1, 0, A)]


def test_section_4_2_votes_for_another_digest_do_not_count() -> None:
    backup = replica()
    tell(backup, PrePrepare(0, 0, 1, A))
    assert tell(backup, *prepares([2, 3], value=B), *commits([0, 2, 3], value=B)) == []


def test_section_4_2_committed_local_takes_prepared_and_a_quorum_of_commits() -> None:
    backup = replica()
    tell(backup, PrePrepare(0, 0, 1, A))
    assert tell(backup, *commits([0, 2, 3])) == []
    assert only(Decide, tell(backup, *prepares([2]))) == [Decide(1, 0, A)]


@pytest.mark.parametrize("vote", [prepares, commits])
def test_section_4_2_a_repeated_vote_is_noise_and_a_changed_one_misbehaviour(vote: Callable[..., list[Any]]) -> None:
    backup = replica()
    tell(backup, PrePrepare(0, 0, 1, A))
    tell(backup, *vote([2], value=B))
    assert tell(backup, *vote([2], value=B)) == []
    assert blamed(tell(backup, *vote([2], value=A))) == [2]


def test_section_4_2_decisions_come_in_sequence_order_without_gaps() -> None:
    backup = replica()
    tell(backup, PrePrepare(0, 0, 1, A), PrePrepare(0, 0, 2, B))
    assert only(Decide, tell(backup, *prepares([2], 2, B), *commits([0, 2], 2, B))) == []
    assert only(Decide, tell(backup, *prepares([2]), *commits([0, 2]))) == [Decide(1, 0, A), Decide(2, 0, B)]


def test_section_4_2_the_window_limits_what_the_primary_has_under_way() -> None:
    leader = replica(me=0, window=2)
    tell(leader, Propose(A), Propose(B))
    assert not leader.can_propose()
    assert leader.outstanding() == (A, B)
    with pytest.raises(HostError, match="may not propose 3"):
        leader.step(Propose(C), 0)
    tell(leader, *prepares([1, 2]), *commits([1, 2]), Executed(1, b"s1", waiting=True))
    assert leader.can_propose()
    assert leader.outstanding() == (B,)


def test_section_4_2_a_backup_may_not_propose() -> None:
    with pytest.raises(HostError, match="replica 1 may not propose"):
        replica().step(Propose(A), 0)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Executed(1, b"s", waiting=False), "executed 1 after 0; 0 are decided"),
        (TimerExpired("tea"), "no timer 'tea'"),
        (Decide(1, 0, A), "takes no Decide"),
    ],
)
def test_a_host_that_breaks_the_contract_is_told_so(event: Any, said: str) -> None:  # noqa: ANN401 - wrong on purpose
    with pytest.raises(HostError, match=said):
        replica().step(event, 0)


def test_execution_out_of_order_is_the_hosts_error() -> None:
    backup = replica()
    tell(backup, PrePrepare(0, 0, 1, A), PrePrepare(0, 0, 2, B))
    tell(backup, *prepares([2], 2, B), *commits([0, 2], 2, B), *prepares([2]), *commits([0, 2]))
    with pytest.raises(HostError, match="executed 2 after 0"):
        backup.step(Executed(2, b"s2", waiting=False), 0)


# ---- section 4.3: garbage collection


def test_section_4_3_a_checkpoint_follows_every_interval() -> None:
    backup = replica()
    kinds = [[m.kind for m in sent(decide_at(backup, s))][2:] for s in range(1, 9)]
    assert kinds == [[], [], [], ["checkpoint"]] * 2


def test_section_4_3_a_quorum_of_equal_checkpoints_is_stable_and_moves_the_water_marks() -> None:
    backup = replica()
    for sequence in range(1, 9):
        decide_at(backup, sequence)
    beyond = PrePrepare(0, 0, 9, A)
    assert tell(backup, Checkpoint(2, 4, b"s4"), Checkpoint(3, 4, b"other"), beyond) == []
    tell(backup, Checkpoint(0, 4, b"s4"))
    assert sent(tell(backup, beyond)) == [Prepare(1, 0, 9, A.digest)]
    *_, change = sent(tell(backup, TimerExpired("request")))
    assert isinstance(change, ViewChange)
    assert change.stable == CheckpointCertificate(4, b"s4", (0, 1, 2))
    assert [p.sequence for p in change.prepared] == [5, 6, 7, 8]


def test_section_4_3_the_primary_waits_at_the_high_water_mark_for_a_stable_checkpoint() -> None:
    leader = replica(me=0, window=8, checkpoint_interval=4)
    for s in range(1, 13):
        tell(leader, Propose(A), *prepares([1, 2], s), *commits([1, 2], s), Executed(s, b"s%d" % s, waiting=True))
    assert leader.next_sequence == 13
    assert not leader.can_propose()
    tell(leader, Checkpoint(1, 4, b"s4"), Checkpoint(2, 4, b"s4"))
    assert leader.can_propose()


def test_section_4_3_one_replica_cannot_fill_the_memory_with_claims() -> None:
    backup = replica()
    tell(backup, *(Checkpoint(2, sequence, b"s") for sequence in range(4, 4000, 4)))
    assert tell(backup, Checkpoint(2, 4, b"forgotten, so no contradiction")) == []
    assert blamed(tell(backup, Checkpoint(2, 3996, b"remembered"))) == [2]


def test_section_4_3_two_different_checkpoints_of_one_replica_are_misbehaviour() -> None:
    backup = replica()
    tell(backup, Checkpoint(2, 4, b"s4"))
    assert tell(backup, Checkpoint(2, 4, b"s4")) == []
    assert blamed(tell(backup, Checkpoint(2, 4, b"x"))) == [2]


@pytest.mark.parametrize("executed_first", [True, False])
def test_section_4_3_a_replica_whose_state_is_not_the_certified_one_says_so_of_itself(executed_first: bool) -> None:
    backup = replica()
    others = [Checkpoint(i, 4, b"the state of all others") for i in (0, 2, 3)]
    for s in range(1, 4):
        decide_at(backup, s)
    outputs = decide_at(backup, 4) + tell(backup, *others) if executed_first else []
    if not executed_first:
        outputs = tell(backup, *others) + decide_at(backup, 4)
    assert [m.culprit for m in only(Misbehaviour, outputs)] == [1]


def test_section_4_3_a_slow_replica_still_decides_below_a_checkpoint_that_others_made_stable() -> None:
    backup = replica()
    decide_at(backup, 1)
    assert tell(backup, *(Checkpoint(i, 4, b"s4") for i in (0, 2, 3))) == []
    for sequence in (2, 3, 4):
        assert only(Decide, decide_at(backup, sequence)) == [Decide(sequence, 0, A)]


# ---- sections 4.3 and 4.6: falling behind and state transfer


def test_section_4_6_a_full_interval_behind_a_stable_checkpoint_asks_for_state_once() -> None:
    backup = replica()
    (fetch,) = tell(backup, *(Checkpoint(i, 4, b"s4") for i in (0, 2, 3)))
    assert fetch == FetchState(4, b"s4", (0, 2, 3))
    (further,) = tell(backup, *(Checkpoint(i, 40, b"s40") for i in (0, 2, 3)))
    assert further == FetchState(40, b"s40", (0, 2, 3))
    (again,) = only(FetchState, tell(backup, RequestWaiting(), TimerExpired("request")))
    assert again == further


def test_section_4_6_after_state_transfer_it_votes_on_from_there() -> None:
    backup = replica()
    tell(backup, *(Checkpoint(i, 40, b"s40") for i in (0, 2, 3)))
    tell(backup, StateTransferred(41, b"s41", view=0, waiting=False))
    assert backup.last_executed == 41
    assert tell(backup, PrePrepare(0, 0, 40, A)) == []
    assert only(Decide, decide_at(backup, 42)) == [Decide(42, 0, A)]
    tell(backup, StateTransferred(7, b"s7", view=0, waiting=False))
    assert backup.last_executed == 42


def test_section_4_6_a_decision_that_the_host_lost_in_a_crash_comes_again() -> None:
    backup = replica()
    first = tell(backup, PrePrepare(0, 0, 1, A), *prepares([2]), *commits([0, 2]))
    again = tell(backup, StateTransferred(0, b"", view=0, waiting=True))
    assert only(Decide, first) == only(Decide, again) == [Decide(1, 0, A)]
    assert only(SetTimer, again) == [SetTimer("request", T)]


def test_section_4_6_a_primary_that_comes_back_goes_on_after_what_it_fetched() -> None:
    leader = replica(me=0)
    tell(leader, StateTransferred(8, b"s8", view=0, waiting=True))
    assert leader.next_sequence == 9


def test_section_4_6_too_little_state_makes_it_ask_for_the_rest() -> None:
    backup = replica()
    tell(backup, *(Checkpoint(i, 8, b"s8") for i in (0, 2, 3)))
    outputs = tell(backup, StateTransferred(4, b"s4", view=0, waiting=False))
    assert only(FetchState, outputs) == [FetchState(8, b"s8", (0, 2, 3))]
    assert only(FetchState, tell(backup, StateTransferred(4, b"s4", view=0, waiting=False))) == []


def test_section_4_6_a_restart_in_the_midst_of_a_view_change_asks_for_the_view_again() -> None:
    backup = replica(me=3)
    left = sent(tell(backup, RequestWaiting(), TimerExpired("request")))
    outputs = tell(backup, StateTransferred(0, b"", view=0, waiting=True))
    assert sent(outputs) == left
    assert only(SetTimer, outputs) == [SetTimer("view-change", T)]


def test_section_4_6_a_higher_view_is_entered_only_on_its_new_view() -> None:
    backup = replica()
    outputs = tell(backup, StateTransferred(8, b"s8", view=2, waiting=False))
    assert sent(outputs) == [Checkpoint(1, 8, b"s8"), ViewChange(1, 2, GENESIS, ())]
    assert not backup.active
    assert tell(backup, PrePrepare(2, 2, 3, A)) == []
    assert (backup.view, backup.leader) == (2, 2)


def test_section_4_4_before_blaming_the_primary_a_replica_that_lost_a_pre_prepare_fetches() -> None:
    backup = replica()
    tell(backup, RequestWaiting(), *commits([0, 2, 3]))
    assert tell(backup, TimerExpired("request")) == [FetchState(1, b"", (0, 2, 3)), SetTimer("request", T)]
    assert backup.active


def test_section_4_4_before_blaming_the_primary_a_replica_that_lost_prepares_learns_from_commits() -> None:
    backup = replica()
    tell(backup, PrePrepare(0, 0, 1, A), *commits([0, 2, 3]))
    assert tell(backup, TimerExpired("request")) == [Decide(1, 0, A), SetTimer("request", T)]


def test_section_4_4_before_blaming_the_primary_checkpoint_claims_of_f_plus_one_are_heeded() -> None:
    backup = replica()
    tell(backup, RequestWaiting(), Checkpoint(2, 4, b"s4"))
    assert isinstance(sent(tell(replica(), RequestWaiting(), TimerExpired("request")))[0], ViewChange)
    tell(backup, Checkpoint(3, 8, b"s8"))
    assert tell(backup, TimerExpired("request")) == [FetchState(4, b"", (2, 3)), SetTimer("request", T)]


def test_section_4_4_before_blaming_the_primary_commits_of_a_later_view_are_heeded() -> None:
    backup = replica()
    tell(backup, RequestWaiting(), *commits([2, 3], 2, view=1), *commits([0], 99, view=1))
    assert only(FetchState, tell(backup, TimerExpired("request"))) == [FetchState(1, b"", (0, 2, 3))]


def test_section_4_4_who_was_beyond_the_old_water_marks_is_no_excuse_for_a_primary_later() -> None:
    backup = replica()
    tell(backup, *commits([2, 3], 9))
    for sequence in range(1, 9):
        decide_at(backup, sequence)
    tell(backup, *(Checkpoint(i, 8, b"s8") for i in (2, 3)), RequestWaiting())
    assert [m.kind for m in sent(tell(backup, TimerExpired("request")))] == ["view-change"]


@pytest.mark.parametrize("far", [6, 60])
def test_section_4_4_a_gap_that_a_primary_leaves_on_purpose_excuses_it_only_once(far: int) -> None:
    backup = replica()
    tell(backup, RequestWaiting(), *commits([2, 3], far))
    assert only(FetchState, tell(backup, TimerExpired("request"))) == [FetchState(1, b"", (2, 3))]
    assert [m.kind for m in sent(tell(backup, TimerExpired("request")))] == ["view-change"]
