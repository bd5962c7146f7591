"""Credit on votes: a PBFT replica that is told of votes late, within the credit that it gave, says what it ever says.

One replica is told of every message at once. Of its double every vote is kept back for which there is credit, until it
is told of anything else; both put out the same, whatever comes in which order: votes of all phases, sequence numbers,
views and digests, proposals, checkpoints, timers, views that are left.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.consensus.interface import Decide, Executed, Input, Output, RequestWaiting, TimerExpired, Value
from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_config import Config
from sim.consensus.pbft_messages import GENESIS, Checkpoint, Commit, Prepare, PrePrepare, ViewChange
from sim.consensus.quorum import Tally

N, ME, LEADER = 7, 3, 0
VALUES = [Value(bytes([k]) * 32, 100, 1) for k in (1, 2)]
SENDERS = st.sampled_from([LEADER, 1, 2, 4, 5, 6])
VIEWS = st.sampled_from([0, 0, 0, 0, 1])
SEQUENCES = st.sampled_from([1, 1, 1, 2, 3, 40])
DIGESTS = st.sampled_from([VALUES[0].digest] * 6 + [VALUES[1].digest])
VOTES = st.one_of(
    st.builds(Prepare, SENDERS, VIEWS, SEQUENCES, DIGESTS), st.builds(Commit, SENDERS, VIEWS, SEQUENCES, DIGESTS)
)
OTHERS = st.one_of(
    st.builds(PrePrepare, st.just(LEADER), VIEWS, SEQUENCES, st.sampled_from(VALUES)),
    st.builds(Checkpoint, SENDERS, st.just(2), st.just(bytes(32))),
    st.builds(ViewChange, SENDERS, st.just(1), st.just(GENESIS), st.just(())),
    st.sampled_from([RequestWaiting(), TimerExpired("request"), TimerExpired("view-change")]),
)
EVENTS = st.lists(st.one_of(VOTES, VOTES, VOTES, OTHERS), max_size=60)


def config() -> Config:
    return Config(N, ME, timeout_ns=1000, checkpoint_interval=2, window=4)


class Late:
    """A replica that is told of votes only when it gave no credit on them, as its host does it."""

    def __init__(self) -> None:
        self.replica = PbftReplica(config())
        self.kept = 0
        self._credit: dict[tuple[type, int, int, bytes], int] = {}
        self._votes: dict[tuple[type, int, int, bytes], Prepare | Commit] = {}
        self._senders: dict[tuple[type, int, int, bytes], int] = {}

    def take(self, event: Input) -> list[Output]:
        if isinstance(event, Prepare | Commit) and event.sender != LEADER:
            key = (type(event), event.view, event.sequence, event.digest)
            self._votes[key] = event
            if self._credit.get(key, 0) > 0:
                self._credit[key] -= 1
                self._senders[key] = self._senders.get(key, 0) | 1 << event.sender
                self.kept += 1
                return []
        for key, senders in self._senders.items():
            self.replica.count_unread(self._votes[key], senders)
        self._senders.clear()
        outputs = list(self.replica.step(event, 0))
        self._credit = {key: self.replica.credit(vote) for key, vote in self._votes.items()}
        return outputs


class Prompt:
    """A replica that is told of everything."""

    def __init__(self) -> None:
        self.replica = PbftReplica(config())

    def take(self, event: Input) -> list[Output]:
        return list(self.replica.step(event, 0))


def told(one: Late | Prompt, event: Input) -> list[Output]:
    """What comes of an event, and of executing what is decided by it."""
    todo = one.take(event)
    outputs = []
    while todo:
        output = todo.pop(0)
        outputs.append(output)
        if isinstance(output, Decide):
            todo += one.take(Executed(output.sequence, bytes(32), waiting=False))
    return outputs


@given(EVENTS)
def test_a_replica_that_reads_votes_late_says_the_same(events: list[Input]) -> None:
    prompt, late = Prompt(), Late()
    for event in events:
        assert told(late, event) == told(prompt, event)


def test_in_a_calm_round_only_the_votes_that_make_a_quorum_are_read_at_once() -> None:
    late, value = Late(), VALUES[0]
    told(late, PrePrepare(LEADER, 0, 1, value))
    for kind in (Prepare, Commit):
        late.kept = 0
        for sender in (1, 2, 4, 5, 6):
            told(late, kind(sender, 0, 1, value.digest))
        # The first, for its host asks for credit only then, and the one that makes five of seven.
        assert late.kept == 3
    assert late.replica.last_executed == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30), st.integers(0, 1023))
def test_votes_counted_together_are_votes_counted_one_by_one(votes: list[tuple[int, bool]], more: int) -> None:
    together, one_by_one = Tally(), Tally()
    for voter, other in votes:
        for tally in (together, one_by_one):
            tally.add(1 << voter, b"b" if other else b"a")
    alone = not one_by_one.mask(b"b")
    assert together.only(b"a") == alone
    if alone:
        together.add_all(more, b"a")
        for voter in range(10):
            if more >> voter & 1:
                one_by_one.add(1 << voter, b"a")
        assert together.mask(b"a") == one_by_one.mask(b"a") == together.voted
        assert together.count(b"a") == one_by_one.count(b"a")
