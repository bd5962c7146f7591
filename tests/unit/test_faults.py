"""Each fault does what its name says, to whom and as long as it says, and the chain answers as it should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from scenario_kit import chain, columns, deposits, network, played, small, table

from sim.build import build
from sim.chain.faulty import Clock, Forged
from sim.consensus.pbft_messages import NewView
from sim.faults.apply import merged
from sim.faults.behaviours import VOTES
from sim.scenario import load
from sim.study.run import Run, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.consensus.interface import Message

SCENARIOS = Path(__file__).parents[2] / "scenarios"
BEHIND = 8
"""Blocks between two checkpoints, twice: a node whom a liar leaves out may learn from checkpoints only."""
BYZANTINE = ["hotstuff", "jolteon", "pbft", "qbft", "rpbft", "tendermint"]


def fault(action: str, at: str = "1s", lasts: str | None = "2s", **keys: object) -> dict[str, Any]:
    """A fault of the chain ``a``."""
    entry = {"at": at, "action": action, "chain": "a", **keys}
    return entry if lasts is None else {**entry, "for": lasts}


def hit(folder: Path, *faults: dict[str, Any], validators: int = 4, protocol: str = "pbft", **keys: object) -> Run:
    consensus = {"protocol": protocol, "timeout": "500ms", "window": 4, "checkpoint_interval": 4}
    spec = chain(validators, consensus=consensus, **keys)
    return run(small(folder, horizon="9s", chains={"a": spec}, faults=list(faults), network=network()))


def heights(result: Run) -> list[int]:
    return result.table("nodes")["height"].to_list()


def executed_between(result: Run, begin_s: float, end_s: float) -> int:
    at = pl.col("executed_ns")
    return result.table("commits").filter((at > begin_s * 1e9) & (at < end_s * 1e9))["transactions"].sum()


def events(result: Run) -> list[tuple[float, int, str]]:
    rows = result.table("faults").select("time_ns", "node", "event").rows()
    return [(time_ns / 1e9, node, event) for time_ns, node, event in rows]


# Faults of the network.


def test_a_minority_that_is_cut_off_stands_still_and_catches_up_when_the_cut_heals(tmp_path: Path) -> None:
    cut = hit(tmp_path, fault("partition", groups=[[3], "rest"], lasts=None))
    assert cut.summary["verdict"] == "pass"
    assert heights(cut)[3] < min(heights(cut)[:3]) - 50
    healed = hit(tmp_path, fault("partition", groups=[[3], "rest"]))
    assert healed.summary["verdict"] == "pass"
    assert max(heights(healed)) - min(heights(healed)) <= BEHIND
    assert events(healed) == [(1.0, -1, "partition"), (3.0, -1, "partition ends")]


def test_two_halves_stop_and_go_on_when_they_meet_again(tmp_path: Path) -> None:
    result = hit(tmp_path, fault("partition", groups=[[0, 1], [2, 3]]))
    assert executed_between(result, 1.2, 3) == 0
    assert executed_between(result, 6, 9) > 400
    assert result.summary["verdict"] == "pass"


def test_a_region_is_a_group(tmp_path: Path) -> None:
    result = hit(tmp_path, fault("partition", groups=[["west"], "rest"], lasts=None), regions=["east", "west"])
    assert executed_between(result, 1.2, 9) == 0, "neither half of four is a quorum"
    one = hit(tmp_path, fault("partition", groups=[["west", 0], [2]], lasts=None), regions=["east", "west"])
    assert executed_between(one, 5, 9) > 400
    assert heights(one)[2] < min(heights(one)[n] for n in (0, 1, 3)) - 50


def test_a_cut_in_one_direction_silences_and_does_not_deafen(tmp_path: Path) -> None:
    mute = hit(tmp_path, fault("partition", groups=[[3], "rest"], direction="one-way", lasts=None))
    assert max(heights(mute)) - heights(mute)[3] <= 1
    deaf = hit(tmp_path, fault("partition", groups=["rest", [3]], direction="one-way", lasts=None))
    assert heights(deaf)[3] < min(heights(deaf)[:3]) - 50


def test_a_fault_of_the_network_without_a_chain_happens_to_all(tmp_path: Path) -> None:
    everywhere = {"at": "1s", "for": "2s", "action": "partition", "groups": [["west"], "rest"]}
    spec = chain(4, regions=["east", "west"])
    chains = {"a": spec, "b": spec, "c": chain(4)}
    workload = {name: deposits(chain=name) for name in chains}
    result = run(small(tmp_path, horizon="4s", chains=chains, workload=workload, faults=[everywhere]))
    assert set(result.table("faults")["chain"]) == {"a", "b"}


@pytest.mark.parametrize("action", ["loss", "duplicate", "lag", "clog"])
def test_messages_that_suffer_for_a_while_cost_no_record(tmp_path: Path, action: str) -> None:
    how = {"loss": {"share": "30%"}, "duplicate": {"share": "50%"}, "lag": {"extra": "100ms"}, "clog": {}}[action]
    calm, result = hit(tmp_path), hit(tmp_path, fault(action, **how))
    assert result.summary["verdict"] == "pass"
    assert result.summary["chains"]["a"]["records"] >= calm.summary["chains"]["a"]["records"] - 20
    assert result.trace_hash != calm.trace_hash
    slower = {"loss": True, "duplicate": False, "lag": True, "clog": True}[action]
    latest = [r.summary["chains"]["a"]["commit_latency_s"]["max"] for r in (calm, result)]
    assert (latest[1] > 1.5 * latest[0]) is slower


def test_what_a_clog_holds_arrives_at_its_end(tmp_path: Path) -> None:
    result = hit(tmp_path, fault("clog", nodes=[3]))
    messages = result.table("messages")
    assert messages["lost"].sum() == 0
    assert max(heights(result)) - min(heights(result)) <= BEHIND


# Nodes: crashes, disks, clocks, CPUs.


def test_a_node_that_lost_its_disk_begins_anew_and_counts_as_byzantine(tmp_path: Path) -> None:
    scenario = small(tmp_path, horizon="9s", faults=[fault("crash", nodes=[2], disk="lost")])
    alliance, summary = played(scenario)
    court = alliance.chains["a"]
    assert summary["verdict"] == "pass"
    assert court.faulty.nodes == {2}
    assert list(table(alliance, "faults")["event"]) == ["crash", "restart without disk"]
    assert max(court.ledger.heights) - court.ledger.heights[2] <= 1
    first = court.ledger.blocks[1].executed_ns[2]
    assert first < 1e9, "what it had executed before its clients know from then"


def test_a_raft_node_that_lost_its_disk_stays_out(tmp_path: Path) -> None:
    result = hit(tmp_path, fault("crash", nodes=[2], disk="lost"), protocol="raft")
    assert result.summary["verdict"] == "pass"
    assert events(result) == [(1.0, 2, "crash"), (3.0, 2, "stays out: its disk is lost")]
    assert heights(result)[2] < min(heights(result)[n] for n in (0, 1, 3)) - 50


@pytest.mark.parametrize("fidelity", ["message", "auto"])
def test_a_leader_that_hands_over_before_it_is_switched_off_leaves_no_gap(tmp_path: Path, fidelity: str) -> None:
    def latest_s(*faults: dict[str, Any]) -> float:
        result = hit(tmp_path, *faults, validators=5, protocol="raft", fidelity=fidelity)
        assert result.summary["verdict"] == "pass"
        return float(result.summary["chains"]["a"]["commit_latency_s"]["max"])

    off = fault("crash", "2s", None, nodes=[0])
    calm_s, sudden_s = latest_s(), latest_s(off)
    planned_s = latest_s(fault("transfer", "1900ms", None, to=3), off)
    assert sudden_s > calm_s + 0.5, "an election timeout, and what piles up meanwhile"
    assert planned_s < calm_s + 0.05, "a hand-over takes a message and an election, some 20 ms here"


def test_a_transfer_is_noted_and_moves_the_leadership_where_it_says(tmp_path: Path) -> None:
    result = hit(
        tmp_path, *(fault("transfer", f"{at}s", None, to=to) for at, to in ((1, 2), (3, 2), (5, 0))), protocol="raft"
    )
    assert events(result) == [(1.0, 2, "transfer"), (3.0, 2, "transfer"), (5.0, 0, "transfer")]
    views = result.table("views").sort("time_ns").group_by("view", maintain_order=True).first()
    assert views["leader"].to_list() == [2, 0], "who leads already stays"
    leaders = result.table("commits").sort("height").filter(pl.col("transactions") > 0)["leader"]
    assert [int(run) for run in leaders.rle().struct.field("value")] == [0, 2, 0]


def test_around_a_transfer_computed_heights_are_those_of_messages(tmp_path: Path) -> None:
    results = [
        hit(tmp_path, fault("transfer", "3s", None, to=2), protocol="raft", fidelity=fidelity)
        for fidelity in ("message", "auto")
    ]
    assert results[1].summary["chains"]["a"]["computed_blocks"] > 100
    assert results[0].table("transactions").equals(results[1].table("transactions"))


def test_a_transfer_to_a_dead_node_is_off_after_a_timeout(tmp_path: Path) -> None:
    dead = fault("crash", "900ms", None, nodes=[2])
    result = hit(tmp_path, dead, fault("transfer", to=2, lasts=None), protocol="raft")
    assert result.summary["chains"]["a"]["view_changes"] == 0
    assert executed_between(result, 1.03, 1.5) == 0, "the leader takes nothing in while it hands over"
    assert executed_between(result, 1.5, 9) > 1_500
    assert result.summary["verdict"] == "pass"


def test_a_clock_that_is_off_shows_in_the_blocks_of_its_leader_and_time_never_goes_back(tmp_path: Path) -> None:
    def block_times(**skew: str) -> tuple[Any, Any]:
        scenario = small(tmp_path, horizon="4s", faults=[fault("clock-skew", nodes=[0], **skew)])
        alliance, _ = played(scenario)
        headers = [block.header.time_ns for block in alliance.chains["a"].ledger.blocks[1:]]
        return np.array(headers), table(alliance, "commits")["cut_ns"]

    times, cut_ns = block_times(ahead="10min")
    during = (cut_ns >= 1e9) & (cut_ns < 3e9)
    assert (times[during] == cut_ns[during] + 600 * 10**9).all()
    assert (times[cut_ns < 1e9] == cut_ns[cut_ns < 1e9]).all()
    assert (times[cut_ns >= 3e9] == times[during].max()).all()
    times, _ = block_times(behind="10min")
    assert (np.diff(times) >= 0).all()


def test_a_clock_runs_at_its_own_rate() -> None:
    clock = Clock(since_ns=10**9, ahead_ns=-5, ppm=100_000)
    assert [clock.error_ns(10**9), clock.error_ns(2 * 10**9)] == [-5, 10**8 - 5]
    assert clock.true_ns(1_100_000) == 1_000_000


def test_timers_follow_the_clock(tmp_path: Path) -> None:
    """With all clocks half as fast the dead leader is given up half a timeout later."""

    def given_up_ns(*faults: dict[str, Any]) -> int:
        result = hit(tmp_path, fault("crash", "2s", None, nodes=[0]), *faults)
        return int(result.table("views")["time_ns"].min())

    late_ns = given_up_ns(fault("clock-skew", "0s", None, nodes=[1, 2, 3], ppm=-500_000)) - given_up_ns()
    assert late_ns == pytest.approx(500 * 10**6, rel=0.2)


def test_a_slow_node_needs_as_many_times_the_cpu(tmp_path: Path) -> None:
    def used(*faults: dict[str, Any]) -> list[float]:
        return hit(tmp_path, *faults).table("nodes")["cpu_utilisation"].to_list()

    normal, slow = used(), used(fault("slow", "0s", None, nodes=[3], times=5))
    assert slow[3] == pytest.approx(5 * normal[3], rel=0.05)
    assert slow[2] == pytest.approx(normal[2], rel=0.05)
    half = used(fault("slow", "0s", "4500ms", nodes=[3], times=5))
    assert half[3] == pytest.approx(3 * normal[3], rel=0.05)


def test_the_union_of_intervals() -> None:
    assert merged([(5, 7), (1, 3), (3, 4), (6, 9)]) == [(1, 4), (5, 9)]


# Byzantine nodes.


ALL_LIES = ["silent", "withhold", "invalid-signature", "equivocate", "conflicting-new-view"]
ALONE = [(p, lie) for p in BYZANTINE for lie in ALL_LIES if (p, lie) != ("pbft", "conflicting-new-view")]
"""In PBFT node 0 leads view 0, which no NEW-VIEW opens: a test of its own has a liar that opens one."""


@pytest.mark.parametrize(("protocol", "action"), ALONE)
def test_one_liar_of_four_stops_nothing_and_fools_nobody(tmp_path: Path, protocol: str, action: str) -> None:
    result = hit(tmp_path, fault(action, "0s", None, nodes=[0]), protocol=protocol)
    assert result.summary["verdict"] == "pass"
    honest = heights(result)[1:]
    assert max(honest) - min(honest) <= BEHIND
    assert executed_between(result, 0, 9) > 100


def test_a_liar_opens_its_view_with_two_new_views_and_is_given_up(tmp_path: Path) -> None:
    """Of seven, 0 is down and 1 leads the next view: either half of its peers gets a NEW-VIEW of its own."""
    consensus = {"protocol": "pbft", "timeout": "500ms", "window": 4, "checkpoint_interval": 4}
    faults = [fault("crash", "1s", None, nodes=[0]), fault("conflicting-new-view", "0s", None, nodes=[1])]
    scenario = small(tmp_path, horizon="9s", chains={"a": chain(7, consensus=consensus)}, faults=faults)
    alliance = build(scenario, seed=1)
    court = alliance.chains["a"]
    told: dict[int, list[NewView]] = {}
    send = court.transmit

    def listen(sender: int, receivers: Sequence[int], message: Message, at_ns: int) -> None:
        if isinstance(message, NewView) and message.sender == 1:
            for receiver in receivers:
                told.setdefault(receiver, []).append(message)
        send(sender, receivers, message, at_ns)

    court.transmit = listen
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    assert set(told) == {0, 2, 3, 4, 5, 6}
    stories = {messages[0] for messages in told.values()}
    assert all(len(messages) == 1 for messages in told.values())
    assert [story.view for story in stories] == [1, 1]
    assert len({story.view_changes for story in stories}) == 2, "they stand on different view changes"
    live = court.ledger.heights[2:]
    assert (max(live) - min(live) <= BEHIND, min(live) > court.ledger.heights[0] + 100) == (True, True)
    assert court.views == {1, 2}


@pytest.mark.parametrize("protocol", ["pbft", "qbft", "tendermint"])
def test_two_equivocators_of_four_make_the_others_part(tmp_path: Path, protocol: str) -> None:
    def verdict(seed: int) -> str:
        equivocation = fault("equivocate", "0s", None, nodes=[0, 1])
        consensus = {"protocol": protocol, "timeout": "500ms"}
        scenario = small(tmp_path, horizon="9s", chains={"a": chain(4, consensus=consensus)}, faults=[equivocation])
        return str(run(scenario, seed).summary["verdict"])

    assert "diverged" in {verdict(seed) for seed in range(1, 6)}


def test_a_silent_node_sends_nothing_while_it_is_silent(tmp_path: Path) -> None:
    everybody = hit(tmp_path, fault("silent", "0s", None, nodes=[0, 1, 2, 3]))
    assert everybody.table("messages")["sent"].sum() == 0
    result = hit(tmp_path, fault("silent", nodes=[3]))
    assert heights(result)[3] >= max(heights(result)) - 1, "it listens"


@pytest.mark.parametrize("protocol", BYZANTINE)
def test_every_protocol_has_votes_to_withhold(tmp_path: Path, protocol: str) -> None:
    result = hit(tmp_path, protocol=protocol)
    kinds = set(result.table("messages")["kind"])
    assert kinds & VOTES
    withheld = hit(tmp_path, fault("withhold", "0s", None, nodes=[0, 1, 2, 3]), protocol=protocol)
    assert not set(withheld.table("messages")["kind"]) & VOTES
    assert withheld.summary["verdict"] == "no-progress"


def test_towards_other_peers_a_liar_is_honest(tmp_path: Path) -> None:
    spared = hit(tmp_path, fault("silent", "0s", None, nodes=[0], peers=[3]))
    assert spared.summary["verdict"] == "pass"
    assert spared.summary["chains"]["a"]["view_changes"] == 0, "its other peers see nothing wrong with the leader"
    assert max(heights(spared)) - heights(spared)[3] <= BEHIND
    assert executed_between(spared, 0, 9) > 1500


def test_a_bad_signature_costs_its_check_and_counts_for_nothing(tmp_path: Path) -> None:
    result = hit(tmp_path, fault("invalid-signature", "0s", None, nodes=[1, 2, 3]))
    assert result.summary["verdict"] == "no-progress"
    assert set(heights(result)) == {0}
    refusals = [event for _, _, event in events(result) if event.startswith("refused")]
    assert refusals
    silent = hit(tmp_path, fault("silent", "0s", None, nodes=[1, 2, 3]))
    busy = [r.table("nodes")["cpu_utilisation"][0] for r in (silent, result)]
    assert busy[1] > busy[0], "the receiver pays"


def test_a_forged_message_is_checked_once_whatever_it_carries(tmp_path: Path) -> None:
    del tmp_path

    class Heavy:
        kind, sender, view, sequence, size_bytes, signatures, proposed = "new-view", 1, 2, 3, 10_000, 50, 9

    forged = Forged(Heavy())
    assert (forged.signatures, forged.proposed) == (1, 0)
    assert (forged.kind, forged.sender, forged.view, forged.sequence) == ("new-view", 1, 2, 3)
    assert forged.size_bytes == 10_000


def test_what_a_delaying_node_sends_leaves_later(tmp_path: Path) -> None:
    calm = hit(tmp_path).summary["chains"]["a"]["commit_latency_s"]["p50"]
    late = hit(tmp_path, fault("delay", "0s", None, nodes=[0], extra="100ms"))
    assert late.summary["verdict"] == "pass"
    assert late.summary["chains"]["a"]["commit_latency_s"]["p50"] > calm + 0.09


@pytest.mark.parametrize("protocol", ["pbft", "tendermint", "jolteon"])
def test_a_censor_leaves_out_the_streams_that_it_is_told_and_no_others(tmp_path: Path, protocol: str) -> None:
    consensus = {"protocol": protocol, "timeout": "500ms"}
    chains = {"a": chain(4, consensus=consensus)}
    workload = {"files": deposits(), "freezes": deposits("20/s")}
    censor = fault("censor", "0s", "4s", nodes=[0], streams=["freezes"])
    result = run(small(tmp_path, horizon="9s", chains=chains, workload=workload, faults=[censor]))
    assert result.summary["verdict"] == "pass"
    records = result.table("transactions").join(result.table("commits"), on="height", suffix="_block")
    its_own = records.filter((pl.col("leader") == 0) & (pl.col("cut_ns_block") < 4e9))
    assert set(its_own["stream"]) == {"files"}
    later = records.filter((pl.col("leader") == 0) & (pl.col("cut_ns_block") > 5e9))
    assert set(later["stream"]) == {"files", "freezes"}
    assert columns(result.summary)[3] < 60, "in the end all are committed"
    starved = records.filter(pl.col("stream") == "freezes")["executed_ns"].min() > 4e9
    assert starved == (protocol == "pbft"), "where leaders take turns another one helps"


def test_what_a_byzantine_node_executes_is_not_judged_and_observers_leave_it(tmp_path: Path) -> None:
    spec = chain(4, observers=4)
    scenario = small(
        tmp_path, horizon="4s", chains={"a": spec}, faults=[fault("twins", "0s", None, nodes=[0], groups=[[1], [2, 3]])]
    )
    alliance, summary = played(scenario)
    court = alliance.chains["a"]
    assert summary["verdict"] == "pass"
    assert court.faulty.nodes == {0}
    honest = court.ledger.heights[1:]
    assert max(honest) - min(honest) <= BEHIND
    assert court.ledger.heights[4] > 50, "the observer of the liar is fed by another"


def test_a_hub_of_27_gets_over_its_leaders_crash_in_one_view_at_the_country_s_load() -> None:
    """3 s of patience, two blocks' intervals and a second for 26 view changes with their certificates: 8 s and some."""
    crash = {"at": "30s", "for": "40s", "action": "crash", "chain": "jc", "nodes": [0]}
    keys = {"horizon": "120s", "network.bandwidth": "100Mbit/s", "chains.jc.block.interval": "2s", "faults": [crash]}
    hub = run(load(SCENARIOS / "hub-validators.yaml", set=keys)).summary["chains"]["jc"]
    assert (hub["view_changes"], hub["rejected"]) == (1, 0)
    assert 3 < hub["commit_latency_s"]["max"] < 10
