"""Quorum arithmetic and the tally of votes."""

import pytest

from sim.consensus.parameters import Parameters
from sim.consensus.pbft_config import MAX_DOUBLINGS, Config
from sim.consensus.quorum import CONFLICTING, REPEATED, Quorums, Tally, members, message_law
from sim.consensus.registry import make_replica, protocols

UP_TO_200 = [Quorums.of(n) for n in range(1, 201)]


def test_two_quorums_share_a_correct_replica() -> None:
    assert all(2 * sizes.quorum - sizes.n >= sizes.faults + 1 for sizes in UP_TO_200)


def test_no_smaller_quorum_would_do() -> None:
    assert all(2 * (sizes.quorum - 1) - sizes.n < sizes.faults + 1 for sizes in UP_TO_200)


def test_the_correct_replicas_alone_form_a_quorum() -> None:
    assert all(sizes.quorum <= sizes.n - sizes.faults for sizes in UP_TO_200)


def test_one_more_fault_would_break_three_f_plus_one() -> None:
    assert all(3 * sizes.faults + 1 <= sizes.n < 3 * (sizes.faults + 1) + 1 for sizes in UP_TO_200)


@pytest.mark.parametrize(
    ("n", "faults", "quorum", "weak"),
    [(1, 0, 1, 1), (2, 0, 2, 1), (3, 0, 2, 1), (4, 1, 3, 2), (5, 1, 4, 2), (6, 1, 4, 2), (7, 2, 5, 3), (27, 8, 18, 9)],
)
def test_sizes_for_known_n(n: int, faults: int, quorum: int, weak: int) -> None:
    assert Quorums.of(n) == Quorums(n=n, faults=faults, quorum=quorum, weak=weak)


def test_no_replicas_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one replica"):
        Quorums.of(0)


def test_a_tally_counts_each_replica_once_and_tells_repetition_from_contradiction() -> None:
    tally = Tally()
    assert [tally.add(1 << 0, b"a"), tally.add(1 << 5, b"a"), tally.add(1 << 3, b"b")] == [1, 2, 1]
    assert tally.add(1 << 5, b"a") == REPEATED
    assert tally.add(1 << 5, b"b") == CONFLICTING
    assert tally.add(1 << 5, b"new") == CONFLICTING
    assert (tally.count(b"a"), tally.count(b"b"), tally.count(b"new")) == (2, 1, 0)
    assert members(tally.mask(b"a")) == members(tally.largest()) == (0, 5)
    assert members(tally.voted) == (0, 3, 5)


def test_an_empty_tally_has_no_largest_group() -> None:
    assert Tally().largest() == 0


@pytest.mark.parametrize("n", [1, 2, 3, 4, 40])
def test_a_block_costs_two_n_times_n_minus_one_messages(n: int) -> None:
    assert sum(message_law(n).values()) == 2 * n * (n - 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"me": 4}, "me must be one of the 4 replicas"),
        ({"me": -1}, "me must be one of the 4 replicas"),
        ({"timeout_ns": 0}, "timeout_ns must be at least 1"),
        ({"window": 0}, "window must be at least 1"),
        ({"checkpoint_interval": 0}, "checkpoint_interval must be at least 1"),
    ],
)
def test_a_parameter_out_of_range_is_refused(wrong: dict[str, int], said: str) -> None:
    right = {"n": 4, "me": 0, "timeout_ns": 1, "window": 1, "checkpoint_interval": 1}
    with pytest.raises(ValueError, match=said):
        Config(**(right | wrong))


@pytest.mark.parametrize("window", [1, 4, 5, 16, 17, 100])
def test_the_log_holds_the_window_and_a_checkpoint_in_the_making(window: int) -> None:
    config = Config(n=4, me=0, timeout_ns=1, window=window, checkpoint_interval=16)
    assert config.log_size % 16 == 0
    assert config.log_size >= max(2 * 16, window + 16)


def test_patience_doubles_up_to_a_limit() -> None:
    config = Config(n=4, me=0, timeout_ns=10, window=1, checkpoint_interval=1)
    assert [config.patience_ns(k) for k in (-1, 0, 1, 2)] == [10, 10, 20, 40]
    assert config.patience_ns(10**6) == 10 << MAX_DOUBLINGS


def test_the_registry_makes_what_it_lists() -> None:
    for name in protocols():
        replica = make_replica(name, Parameters(n=4, me=2, timeout_ns=1))
        assert (replica.active, replica.last_executed, replica.can_propose()) == (True, 0, False)


def test_an_unknown_protocol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown consensus protocol 'paxos'; known: .*pbft"):
        make_replica("paxos", Parameters(n=4, me=0, timeout_ns=1))
