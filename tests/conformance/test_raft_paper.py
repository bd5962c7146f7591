"""Raft against its papers: Ongaro & Ousterhout, USENIX ATC 2014, and Ongaro's thesis, Stanford 2014.

Each test is named after the section whose sentence it holds the code to; sections of the thesis say so. Most speak to
replica 1 of 5, where three are a majority; replica 0 leads term 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from steps import A, B, C, Group, T, only, sent, tell, written

from sim.consensus.interface import (
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    FetchState,
    HostError,
    Propose,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
    TransferLeadership,
)
from sim.consensus.parameters import Parameters
from sim.consensus.raft import NULL, RaftReplica
from sim.consensus.raft_messages import Acknowledge, Answer, Append, Ballot, Entry, HandOver, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sim.consensus.interface import Output, Value

GOLDEN = Path(__file__).with_name("raft_transfer.txt")
BEAT, ELECTION, TRANSFER = TimerExpired("heartbeat"), TimerExpired("election"), TimerExpired("transfer")


def replica(me: int = 1, n: int = 5, **knobs: int) -> RaftReplica:
    return RaftReplica.make(Parameters(n=n, me=me, timeout_ns=T, **{"window": 8, "checkpoint_interval": 4, **knobs}))


def append(
    entries: Sequence[tuple[int, Value]] = (), after: tuple[int, int] = (0, 0), term: int = 1, commit: int = 0
) -> Append:
    """From the leader of a term, who is the replica of one number less."""
    told = tuple(Entry(of, value) for of, value in entries)
    return Append(term - 1, term, after[0] + len(told), after, told, commit)


def with_log(terms: Sequence[int], me: int = 1, term: int = 0, **knobs: int) -> RaftReplica:
    """A replica whose log holds A from these terms; the leader of ``term``, or the last of them, filled it."""
    follower = replica(me, **knobs)
    if terms:
        tell(follower, append([(of, A) for of in terms], term=term or max(terms)))
    return follower


def ballot(
    term: int, last: tuple[int, int] = (0, 0), sender: int = 2, kind: str = "vote", forced: bool = False
) -> Ballot:
    return Ballot(sender, term, last[1], last[0], kind, forced)


def granted(outputs: Sequence[Output]) -> list[bool]:
    return [o.message.granted for o in only(Send, outputs) if isinstance(o.message, Answer)]


def elected(terms: Sequence[int] = (), me: int = 1, **knobs: int) -> RaftReplica:
    """A leader of the next term, by the votes of the two replicas after it."""
    leader = with_log(terms, me, **knobs)
    voters = [(me + 1) % 5, (me + 2) % 5]
    tell(leader, ELECTION, now=3 * T)
    for kind in ("pre-vote-reply", "vote-reply"):
        term = leader.view + (kind == "pre-vote-reply")
        tell(leader, *(Answer(voter, term, 0, granted=True, kind=kind) for voter in voters), now=3 * T)
    assert (leader.leader, leader.active) == (me, True)
    return leader


# ---- section 5.1: terms


def test_section_5_1_a_higher_term_makes_anybody_a_follower_of_it() -> None:
    leader = replica(me=0)
    tell(leader, Propose(A))
    outputs = tell(leader, append(term=3))
    assert only(EnterView, outputs) == [EnterView(3, 2)]
    assert CancelTimer("heartbeat") in outputs
    assert not leader.can_propose()


def test_section_5_1_a_stale_term_is_refused_and_told_the_present_one() -> None:
    follower = with_log([2])
    assert tell(follower, append([(1, B)])) == [Send(0, Acknowledge(1, 2, 1, success=False))]
    (answer,) = written(tell(follower, ballot(1)), to=2)
    assert answer == Answer(1, 2, 0, granted=False, kind="vote-reply")


# ---- section 5.2: elections


def test_section_5_2_patience_is_random_between_one_and_two_timeouts() -> None:
    delays = [
        only(SetTimer, tell(replica(me, seed=seed), append()))[-1].delay_ns for me in (1, 2) for seed in range(50)
    ]
    assert T <= min(delays) < 1.1 * T < 1.9 * T < max(delays) < 2 * T


def test_section_5_2_one_vote_a_term_first_come_first_served() -> None:
    follower = replica()
    assert [granted(tell(follower, ballot(2, sender=s), now=3 * T))[0] for s in (2, 3, 2)] == [True, False, True]
    assert granted(tell(follower, ballot(3, sender=3), now=3 * T)) == [True]


def test_section_5_2_a_majority_elects_and_its_leader_says_so_at_once() -> None:
    candidate = replica()
    assert sent(tell(candidate, ELECTION, now=3 * T)) == [ballot(2, sender=1, kind="pre-vote")]
    yes = [Answer(s, 2, 0, granted=True, kind="pre-vote-reply") for s in (2, 2, 3)]
    assert tell(candidate, *yes[:2]) == [], "a vote counts once"
    assert sent(tell(candidate, yes[2])) == [ballot(2, sender=1)]
    outputs = tell(candidate, *(Answer(s, 2, 0, granted=True, kind="vote-reply") for s in (4, 0)))
    assert only(EnterView, outputs) == [EnterView(2, 1)]
    assert sent(outputs) == [append([(2, NULL)], term=2)]


def test_section_5_2_a_candidate_that_hears_of_a_leader_of_its_term_follows() -> None:
    candidate = replica(me=3)
    tell(candidate, ELECTION, *(Answer(s, 2, 0, granted=True, kind="pre-vote-reply") for s in (2, 4)), now=3 * T)
    assert (candidate.view, candidate.active) == (2, False)
    assert only(EnterView, tell(candidate, append(term=2))) == [EnterView(2, 1)]
    assert candidate.active


# ---- thesis, section 9.6: pre-vote


def test_thesis_9_6_asking_for_a_pre_vote_raises_nobodys_term() -> None:
    follower, other = replica(), replica(me=2)
    tell(follower, ELECTION, ELECTION, ELECTION, now=9 * T)
    assert granted(tell(other, ballot(2, sender=1, kind="pre-vote"), now=9 * T)) == [True]
    assert (follower.view, other.view) == (1, 1)


def test_thesis_9_6_who_hears_a_leader_gives_no_pre_vote_and_no_vote() -> None:
    follower = replica()
    tell(follower, append(), now=5 * T)
    for kind in ("pre-vote", "vote"):
        assert granted(tell(follower, ballot(9, kind=kind), now=6 * T - 1)) == [False]
    assert follower.view == 1
    assert granted(tell(follower, ballot(9, kind="pre-vote"), now=6 * T)) == [True]


def test_thesis_9_6_who_was_cut_off_and_comes_back_disturbs_nobody() -> None:
    group = Group([replica(i, 3) for i in range(3)], {}, mute={2})
    steps: list[tuple[int, Any]] = [(0, Propose(A)), (1, append())]
    for i, event in steps:
        group.replicas[i].step(event, 9 * T)
    lost = tell(group.replicas[2], ELECTION, ELECTION, ELECTION, now=9 * T)
    for message in sent(lost):
        for i in (0, 1):
            assert granted(tell(group.replicas[i], message, now=9 * T)) == [False]
    assert [member.view for member in group.replicas] == [1, 1, 1]


# ---- section 5.3: replication


def test_section_5_3_a_value_is_decided_by_a_majority_and_the_others_learn_it_at_once() -> None:
    leader = replica(me=0)
    assert sent(tell(leader, Propose(A))) == [append([(1, A)])]
    assert tell(leader, Acknowledge(1, 1, 1, success=True)) == []
    outputs = tell(leader, Acknowledge(2, 1, 1, success=True))
    assert only(Decide, outputs) == [Decide(1, 1, A)]
    assert [(m.kind, m.commit) for m in sent(outputs)] == [("commit", 1)]


def test_section_5_3_what_does_not_follow_the_log_is_refused_and_the_leader_steps_back() -> None:
    follower, leader = with_log([1]), replica(me=0)
    tell(leader, *(Propose(value) for value in (A, B, C)))
    refused = tell(follower, append([(1, C)], after=(2, 1)))
    assert refused == [refused[0], Send(0, Acknowledge(1, 1, 1, success=False))]
    (again,) = written(tell(leader, refused[1].message), to=1)
    assert again == append([(1, B), (1, C)], after=(1, 1))
    assert written(tell(follower, again), to=0) == [Acknowledge(1, 1, 3, success=True)]


FIGURE_7 = {
    "a": [1, 1, 1, 4, 4, 5, 5, 6, 6],
    "b": [1, 1, 1, 4],
    "c": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    "d": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    "e": [1, 1, 1, 4, 4, 4, 4],
    "f": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
}
LEADER_OF_TERM_8 = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]


@pytest.mark.parametrize("name", FIGURE_7)
def test_section_5_3_figure_7_every_log_comes_to_agree_with_the_leaders(name: str) -> None:
    leader = elected(terms=LEADER_OF_TERM_8, term=7, window=20)
    assert leader.view == 8
    follower = with_log(FIGURE_7[name], me=2, window=20)
    mail: list[Any] = written(tell(leader, Acknowledge(2, 8, 99, success=False)), to=2)
    while mail:
        answers = written(tell(follower, *mail), to=1)
        mail = written(tell(leader, *answers), to=2)
    assert [entry.term for entry in follower._log.entries] == [*LEADER_OF_TERM_8, 8]
    assert [entry.term for entry in leader._log.entries] == [*LEADER_OF_TERM_8, 8]


# ---- section 5.4.1: the election restriction


@pytest.mark.parametrize(
    ("mine", "candidate", "vote"),
    [
        ([], (0, 0), True),
        ([1, 1], (1, 2), True),
        ([1, 1], (1, 3), True),
        ([1, 1], (1, 1), False),
        ([1, 1, 1], (2, 1), True),
        ([2], (1, 9), False),
        ([1, 2], (2, 2), True),
    ],
)
@pytest.mark.parametrize("kind", ["pre-vote", "vote"])
def test_section_5_4_1_only_a_log_at_least_as_up_to_date_gets_a_vote(
    mine: list[int], candidate: tuple[int, int], vote: bool, kind: str
) -> None:
    follower = with_log(mine)
    assert granted(tell(follower, ballot(9, candidate, kind=kind), now=3 * T)) == [vote]


# ---- section 5.4.2: entries of earlier terms


def test_section_5_4_2_a_majority_of_copies_does_not_commit_what_an_earlier_term_left() -> None:
    leader = elected(terms=[1, 1])
    assert tell(leader, *(Acknowledge(s, 2, 2, success=True) for s in (0, 2, 3, 4))) == []
    tell(leader, Acknowledge(0, 2, 3, success=True))
    outputs = tell(leader, Acknowledge(2, 2, 3, success=True))
    assert only(Decide, outputs) == [Decide(1, 1, A), Decide(2, 1, A), Decide(3, 2, NULL)]


def test_section_5_4_2_a_follower_commits_what_the_leader_says_as_far_as_its_log_agrees() -> None:
    follower = with_log([1, 1])
    assert only(Decide, tell(follower, append(after=(1, 1), commit=2))) == [Decide(1, 1, A)]
    assert only(Decide, tell(follower, append(after=(2, 1), commit=9))) == [Decide(2, 1, A)]


# ---- section 7: snapshots


def executed(me: int = 0) -> RaftReplica:
    """A leader that has committed and executed nine values; the log keeps the last five."""
    leader = replica(me)
    for index in range(1, 10):
        tell(leader, Propose(A), *(Acknowledge(s, 1, index, success=True) for s in (1, 2)))
        tell(leader, Executed(index, b"s%d" % index, waiting=False))
    return leader


def test_section_7_what_is_executed_long_ago_is_dropped() -> None:
    leader = executed()
    assert (leader._log.base, leader._log.last) == (4, 9)


def test_section_7_who_needs_what_is_dropped_gets_a_snapshot_and_the_rest_after_it() -> None:
    leader, late = executed(), replica(me=3)
    (snapshot,) = written(tell(leader, Acknowledge(3, 1, 0, success=False)), to=3)
    assert snapshot == Snapshot(0, 1, 4, 1)
    assert only(FetchState, tell(late, snapshot)) == [FetchState(4, b"", (0,))]
    tell(late, StateTransferred(4, b"s4", view=1, waiting=False))
    assert late.last_executed == 4
    (answer,) = written(tell(late, snapshot), to=0)
    assert answer == Acknowledge(3, 1, 4, success=True)
    leader_next = written(tell(leader, answer, BEAT), to=3)
    assert [(m.previous, len(m.entries)) for m in leader_next if m.kind == "heartbeat"] == [((4, 1), 5)]
    assert only(Decide, tell(late, *leader_next)) == [Decide(i, 1, A) for i in range(5, 10)]


def test_section_7_a_snapshot_keeps_what_follows_it_in_the_log() -> None:
    follower = with_log([1, 1, 1, 1, 1, 1])
    tell(follower, append(after=(6, 1), commit=4), *(Executed(i, b"", waiting=False) for i in range(1, 5)))
    tell(follower, Snapshot(0, 1, 4, 1))
    assert (follower._log.base, follower._log.last) == (4, 6)


# ---- section 8, and thesis 6.2: what a leader owes its clients


def test_section_8_a_new_leader_commits_what_it_found_with_an_empty_value_of_its_own() -> None:
    leader = elected(terms=[1])
    assert leader.outstanding() == (A,)
    assert leader.next_sequence == 3


def test_thesis_6_2_a_leader_that_hears_no_majority_for_a_timeout_steps_down() -> None:
    leader = replica(me=0)
    tell(leader, Propose(A))
    tell(leader, *(Acknowledge(s, 1, 0, success=True) for s in (1, 2)), now=T)
    tell(leader, Acknowledge(1, 1, 0, success=True), BEAT, now=2 * T)
    assert leader.can_propose()
    outputs = tell(leader, BEAT, now=2 * T + 1)
    assert CancelTimer("heartbeat") in outputs
    assert not leader.can_propose()


# ---- thesis, section 3.10: leadership transfer


def in_step(me: int = 0) -> RaftReplica:
    """A leader whose log all others hold."""
    leader = replica(me)
    tell(leader, Propose(A), *(Acknowledge(s, 1, 1, success=True) for s in (1, 2, 3, 4)))
    return leader


def test_thesis_3_10_a_successor_that_is_up_to_date_is_asked_at_once_and_nothing_more_is_taken_in() -> None:
    leader = in_step()
    assert tell(leader, TransferLeadership(2)) == [SetTimer("transfer", T), Send(2, HandOver(0, 1, 1))]
    assert not leader.can_propose()
    with pytest.raises(HostError, match="may not propose"):
        tell(leader, Propose(B))


def test_thesis_3_10_one_that_is_behind_is_brought_up_to_date_first() -> None:
    leader = replica(me=0)
    tell(leader, Propose(A), *(Acknowledge(s, 1, 1, success=True) for s in (1, 3)))
    outputs = tell(leader, TransferLeadership(2))
    assert [m.kind for m in written(outputs, to=2)] == ["append"]
    assert written(tell(leader, Acknowledge(3, 1, 1, success=True)), to=2) == []
    assert written(tell(leader, Acknowledge(2, 1, 1, success=True)), to=2) == [HandOver(0, 1, 1)]


def test_thesis_3_10_it_is_asked_again_when_it_acknowledges_a_heartbeat() -> None:
    leader = in_step()
    tell(leader, TransferLeadership(2))
    assert written(tell(leader, Acknowledge(2, 1, 1, success=True)), to=2) == [HandOver(0, 1, 1)]


def test_thesis_3_10_what_does_not_come_about_within_a_timeout_is_off() -> None:
    leader = in_step()
    tell(leader, TransferLeadership(2))
    assert tell(leader, TRANSFER) == [CancelTimer("transfer")]
    assert leader.can_propose()
    assert written(tell(leader, Acknowledge(2, 1, 1, success=True)), to=2) == []


def test_thesis_3_10_it_is_off_when_the_leader_follows_another_or_restarts() -> None:
    follows, restarts = in_step(), in_step()
    tell(follows, TransferLeadership(2))
    tell(restarts, TransferLeadership(2))
    assert CancelTimer("transfer") in tell(follows, append(term=3))
    assert CancelTimer("transfer") in tell(restarts, StateTransferred(0, b"", view=0, waiting=True))
    assert restarts.can_propose()


def test_thesis_3_10_a_later_plan_replaces_an_earlier_one() -> None:
    leader = in_step()
    tell(leader, TransferLeadership(2))
    assert tell(leader, TransferLeadership(3)) == [SetTimer("transfer", T), Send(3, HandOver(0, 1, 1))]
    assert written(tell(leader, Acknowledge(2, 1, 1, success=True)), to=2) == []


def test_thesis_3_10_the_successor_runs_without_waiting_and_is_elected_in_spite_of_the_leader() -> None:
    successor, voter = replica(me=2), replica(me=3)
    for member in (successor, voter):
        tell(member, append([(1, A)]), now=5 * T)
    (asks,) = sent(tell(successor, HandOver(0, 1, 1), now=5 * T))
    assert asks == ballot(2, (1, 1), sender=2, forced=True)
    assert granted(tell(voter, asks, now=5 * T)) == [True]
    assert (successor.view, voter.view) == (2, 2)
    assert tell(successor, HandOver(0, 1, 1), now=5 * T) == [], "asked twice, it runs once"


def test_thesis_3_10_others_than_the_leader_leave_the_plan_to_it() -> None:
    follower, leader = with_log([1]), in_step()
    assert tell(follower, TransferLeadership(2)) == []
    assert tell(leader, TransferLeadership(0)) == [], "it leads already"
    with pytest.raises(HostError, match="cannot hand over to 5"):
        tell(leader, TransferLeadership(5))


def entries(message: Append) -> str:
    shown = {A: "A", B: "B", C: "C", NULL: "null"}
    return ",".join(f"{entry.term}:{shown[entry.value]}" for entry in message.entries)


WORDS: dict[type, Callable[[Any], str]] = {
    Append: lambda m: f"{m.sender} {m.kind} t{m.view} after {m.previous[0]} [{entries(m)}] commit {m.commit}",
    Acknowledge: lambda m: f"{m.sender} {'has' if m.success else 'lacks'} {m.sequence} t{m.view}",
    Ballot: lambda m: f"{m.sender} {m.kind} t{m.view} log {m.sequence}{' forced' if m.forced else ''}",
    Answer: lambda m: f"{m.sender} {m.kind} t{m.view} {'yes' if m.granted else 'no'}",
    HandOver: lambda m: f"{m.sender} hand-over t{m.view}",
}


def transfer_table() -> str:
    """Two of three have A, the third is to lead and lacks it."""
    group = Group([replica(i, 3) for i in range(3)], WORDS)
    group.mute = {2}
    group.step(0, Propose(A))
    group.settle()
    group.mute = set()
    group.lines.append("")
    group.step(0, TransferLeadership(2))
    group.settle()
    assert [member.leader for member in group.replicas] == [2, 2, 2]
    assert group.decided == [[A.digest, NULL.digest]] * 3
    return group.table()


def test_thesis_3_10_a_transfer_reads_as_the_golden_table() -> None:
    assert transfer_table() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.write_text(transfer_table(), encoding="utf-8")
