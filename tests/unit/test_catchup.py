"""Nodes that crash and come back: who takes over, what is lost, and that everyone stands at the same height again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import NO_COSTS, bare_chain, chain, checks, columns, config, crash, deposits, sent, small

from sim.chain.catchup import Catchup
from sim.chain.outcome import write_tables
from sim.kernel.engine import MILLISECOND, SECOND
from sim.metrics.recorder import Recorder
from sim.network.transport import NEVER
from sim.study.run import Run, run

CALM = "8s"
"""The streams are offered at an even pace to the end, so a run that has recovered has only a blink left unfinished."""
BLINK = 25
"""Records that are on their way in 125 ms, at 200 a second: more than a block takes."""


def crashed(folder: Path, validators: int, *faults: dict[str, Any], observers: int = 0, **keys: object) -> Run:
    chains = {"a": chain(validators, observers=observers)}
    return run(small(folder, **{"horizon": CALM, "chains": chains, "faults": list(faults), **keys}))


def heights(result: Run) -> list[int]:
    return result.table("nodes")["height"].to_list()


def assert_recovered(result: Run, verdict: str = "pass") -> None:
    offered, committed, rejected, unfinished = columns(result.summary)
    assert (result.summary["verdict"], result.summary["violation"]) == (verdict, None)
    assert offered == committed + rejected + unfinished
    assert rejected == 0
    assert unfinished <= BLINK
    assert result.table("transactions").filter(pl.col("outcome") == "committed").height == committed


def executed_between(result: Run, begin_s: float, end_s: float) -> int:
    at = pl.col("executed_ns")
    return result.table("commits").filter((at > begin_s * 1e9) & (at < end_s * 1e9))["transactions"].sum()


@pytest.mark.parametrize("validators", [3, 4, 5, 7])
def test_a_leader_that_crashes_for_good_is_replaced(tmp_path: Path, validators: int) -> None:
    result = crashed(tmp_path, validators, crash("1s", [0]))
    assert_recovered(result)
    assert result.summary["chains"]["a"]["view_changes"] == 1
    views = result.table("views")
    assert set(views["view"]) == {1}
    assert set(views["leader"]) == {1}
    assert set(views["node"]) == set(range(1, validators))
    assert views["time_ns"].min() >= 1_000_000_000 + 400_000_000
    down, *up = heights(result)
    assert down < min(up)
    assert max(up) - min(up) <= 1
    commits = result.table("commits")
    assert set(commits.filter(pl.col("view") == 0)["leader"]) == {0}
    assert set(commits.filter(pl.col("view") == 1)["leader"]) == {1}
    assert executed_between(result, 1.1, 1.4) == 0
    assert executed_between(result, 3, 8) == pytest.approx(5 * 200, rel=0.1)


@pytest.mark.parametrize("validators", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("lasts", ["1ms", "5ms", "100ms", "2s"])
def test_a_validator_that_comes_back_catches_up(tmp_path: Path, validators: int, node: int, lasts: str) -> None:
    result = crashed(tmp_path, validators, crash("1s", [node % validators], lasts))
    assert_recovered(result)
    assert max(heights(result)) - min(heights(result)) <= 1
    assert result.table("faults").select("node", "event").rows() == [
        (node % validators, "crash"),
        (node % validators, "restart"),
    ]


def test_while_a_backup_is_down_the_others_go_on_without_a_view_change(tmp_path: Path) -> None:
    result = crashed(tmp_path, 4, crash("1s", [2], "2s"))
    assert result.summary["chains"]["a"]["view_changes"] == 0
    assert executed_between(result, 1, 3) == pytest.approx(400, rel=0.2)


def test_an_observer_that_comes_back_fetches_what_it_missed(tmp_path: Path) -> None:
    result = crashed(tmp_path, 4, crash("1s", [4], "2s"), observers=2)
    assert_recovered(result)
    assert max(heights(result)) - min(heights(result)) <= 1
    sent = dict(result.table("messages").select("kind", "sent").rows())
    assert sent["block-request"] >= 1
    assert result.summary["chains"]["a"]["view_changes"] == 0


def test_observers_are_fed_by_another_validator_while_theirs_is_down(tmp_path: Path) -> None:
    result = crashed(tmp_path, 4, crash("1s", [1]), observers=4)
    assert_recovered(result)
    followers = heights(result)[4:]
    assert max(followers) - min(followers) <= 1
    assert min(followers) >= heights(result)[0] - 1


def test_two_leaders_that_crash_in_turn_are_replaced_in_turn(tmp_path: Path) -> None:
    result = crashed(tmp_path, 7, crash("1s", [0]), crash("4s", [1]))
    assert_recovered(result)
    assert result.summary["chains"]["a"]["view_changes"] == 2
    first, second, *rest = heights(result)
    assert first < second < min(rest)


@pytest.mark.parametrize(("validators", "nodes"), [(4, [0]), (4, [3]), (7, [0, 1]), (7, [0, 4]), (10, [0, 1, 2])])
def test_as_many_crashes_as_are_tolerated_stop_nothing(tmp_path: Path, validators: int, nodes: list[int]) -> None:
    result = crashed(tmp_path, validators, crash("1s", nodes), horizon="10s")
    assert_recovered(result)
    assert executed_between(result, 6, 10) == pytest.approx(4 * 200, rel=0.1)


@pytest.mark.parametrize(("validators", "nodes"), [(1, [0]), (2, [1]), (3, [0, 1]), (4, [0, 1]), (7, [4, 5, 6])])
def test_one_crash_more_than_is_tolerated_ends_all_progress(tmp_path: Path, validators: int, nodes: list[int]) -> None:
    result = crashed(tmp_path, validators, crash("1s", nodes), horizon="12s")
    assert result.summary["verdict"] == "no-progress"
    assert executed_between(result, 1.2, 12) == 0
    offered, committed, rejected, unfinished = columns(result.summary)
    assert offered == committed + rejected + unfinished
    assert committed > 0
    assert rejected > 0


@pytest.mark.parametrize("nodes", [[0, 1], [1, 2, 3], [0, 1, 2, 3]])
def test_a_chain_that_lost_too_many_goes_on_when_they_come_back(tmp_path: Path, nodes: list[int]) -> None:
    result = crashed(tmp_path, 4, crash("1s", nodes, "2s"), horizon="10s")
    assert_recovered(result)
    assert executed_between(result, 1.2, 3) == 0
    assert max(heights(result)) - min(heights(result)) <= 1


def test_crashes_that_overlap_are_one(tmp_path: Path) -> None:
    result = crashed(tmp_path, 4, crash("1s", [3], "2s"), crash("2s", [3], "3s"))
    assert_recovered(result)
    rows = result.table("faults").select("time_ns", "event").rows()
    assert rows == [(1_000_000_000, "crash"), (5_000_000_000, "restart")]


def test_clients_of_a_node_that_is_down_turn_to_the_next(tmp_path: Path) -> None:
    workload = {"files": deposits(), "look": checks("files", rate="100/s")}
    result = crashed(tmp_path, 4, crash("1s", [2]), crash("3s", [3]), workload=workload, horizon="4s")
    late = result.table("verifications").filter(pl.col("intended_ns").is_between(1_000_000_000, 2_900_000_000))
    assert set(late["node"]) == {0, 1, 3}
    assert late.filter(pl.col("node") == 3).height > late.filter(pl.col("node") == 0).height
    assert "unfinished" not in set(late["outcome"])


def test_records_of_clients_whose_node_is_down_still_get_committed(tmp_path: Path) -> None:
    result = crashed(tmp_path, 7, crash("1s", [2]), crash("3s", [3]))
    of_the_crashed = result.table("transactions").filter(pl.col("node").is_in([2, 3]))
    assert of_the_crashed.filter(pl.col("outcome") != "committed").height <= BLINK
    assert_recovered(result)


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("lasts_ns", [MILLISECOND, 60 * MILLISECOND, NEVER])
def test_a_crash_may_hit_any_moment_of_a_block(node: int, lasts_ns: int) -> None:
    """Blocks of nine records and of one in turn, every 5 ms; the large ones are executed for most of that time."""
    costs = replace(NO_COSTS, execute_ns=900_000)
    parameters = config(4, costs=costs, timeout_ns=400 * MILLISECOND, window=16, interval_ns=3 * MILLISECOND)
    times = [at * MILLISECOND for block in range(0, 200, 10) for at in [block] * 9 + [block + 5]]
    for moment_ns in range(80 * MILLISECOND, 101 * MILLISECOND, MILLISECOND // 2):
        engine, part = bare_chain(parameters, sent(times, nodes=[2] * len(times)))
        part.plan_downtimes(node, [(moment_ns, min(moment_ns + lasts_ns, NEVER))])
        engine.run(until=6 * SECOND)
        back = [height for index, height in enumerate(part.ledger.heights) if lasts_ns < NEVER or index != node]
        assert len(set(back)) == 1
        assert part.ledger.blocks[-1].header.log_size == len(times)


def test_a_node_whose_peer_does_not_answer_asks_the_next() -> None:
    """Nothing is sent any more, so that nothing but the second question tells the observer what it missed."""
    parameters = config(4, observers=1, timeout_ns=400 * MILLISECOND)
    engine, part = bare_chain(parameters, sent([i * MILLISECOND for i in range(100)]))
    part.plan_downtimes(4, [(50 * MILLISECOND, 300 * MILLISECOND)])
    part.plan_downtimes(0, [(250 * MILLISECOND, NEVER)])
    engine.run(until=600 * MILLISECOND)
    assert part.ledger.heights[4] < part.ledger.heights[1] == len(part.ledger.blocks) - 1
    engine.run(until=800 * MILLISECOND)
    assert part.ledger.heights[4] == part.ledger.heights[1]
    assert part.network.tallies["block-request"].sent == 2


def test_what_happens_after_the_end_of_a_run_is_not_in_its_tables() -> None:
    """The leader of two knows a block to be final after two delays, its backup after three; the end comes between."""
    engine, part = bare_chain(config(2), sent([0] * 10, nodes=[0, 1] * 5))
    engine.run(until=SECOND)
    (cut_ns,) = {block.value.body.cut_ns for block in part.ledger.blocks[1:] if block.value is not None}
    recorder = Recorder()
    write_tables(part, recorder, end_ns=cut_ns + 25 * MILLISECOND)
    rows = recorder.table("transactions")
    assert list(np.asarray(rows["outcome"])) == ["committed", "unfinished"] * 5
    for column in ("voted_ns", "executed_ns"):
        assert list(rows[column]) == [cut_ns + 20 * MILLISECOND, -1] * 5


@given(st.data())
def test_each_node_without_a_vote_is_fed_by_the_first_sound_voter_from_its_own_number_on(data: st.DataObject) -> None:
    n, observers = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 12))
    validators = st.integers(0, n - 1)
    voters, down, faulty = (data.draw(st.sets(validators, min_size=least)) for least in (1, 0, 0))
    engine, fed = bare_chain(replace(config(n), observers=observers), sent([]))
    for node in down:
        fed.nodes[node].down = True
    fed.faulty.nodes |= faulty
    sound = voters - down - faulty or voters

    def feeder(node: int) -> int:
        return next(place % n for place in range(node, node + n) if place % n in sound)

    catchup, others = Catchup(fed, engine), [node for node in range(n + observers) if node not in voters]
    for voter in voters:
        assert catchup.connected(voter, voters) == [node for node in others if feeder(node) == voter]
