"""What a scenario file may say about faults, what it is told where it may not, and that a schedule survives a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from scenario_kit import chain, deposits, small

from sim.faults.schedule import BYZANTINE, Byzantine, ClockSkew, Crash, Disturbance, Partition, Slow, Transfer, storms
from sim.faults.storms import Ground, storm
from sim.kernel.draws import Draws
from sim.kernel.engine import MILLISECOND, SECOND
from sim.scenario import ScenarioError
from sim.scenario.schedule import as_entry, schedule

if TYPE_CHECKING:
    from pathlib import Path

    from sim.faults.schedule import Fault
    from sim.scenario import Scenario


def with_faults(folder: Path, *texts: str) -> Scenario:
    """Chain a: validators 0 to 3 and the observers 4 and 5, dealt to east and west; chain r runs raft."""
    chains: dict[str, Any] = {
        "a": chain(4, observers=2, regions=["east", "west"]),
        "r": chain(3, consensus={"protocol": "raft"}),
        "w": chain(1, observers=1, regions=["east", "west"]),
    }
    workload = {"files": deposits(), "other": deposits(chain="r")}
    return small(folder, chains=chains, workload=workload, faults=[yaml.safe_load(text) for text in texts])


def refusals(folder: Path, *texts: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        with_faults(folder, *texts)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{at: 1s, action: explode}", "faults.0.action: is 'explode': needs "),
        ("{at: 1s, action: crash, chain: a}", "faults.0.nodes: is missing; crash needs nodes, or regions"),
        ("{at: 1s, action: crash, nodes: [0]}", "faults.0.chain: is missing; nodes are numbers on one chain"),
        ("{at: 1s, action: crash, regions: [east]}", "faults.0.chain: is missing; crash needs it"),
        ("{at: 1s, action: crash, chain: r, regions: [west]}", "faults.0.regions.0: r has no nodes in west"),
        (
            "{at: 1s, action: crash, chain: a, nodes: [0], regions: [west]}",
            "faults.0.regions: contradicts nodes; needs one of the two",
        ),
        (
            "{at: 1s, action: crash, chain: a, nodes: [0], share: 5%}",
            "faults.0.share: belongs to action: loss, duplicate; crash has no 'share'",
        ),
        ("{at: 1s, action: crash, chain: a, nodes: [0], disk: lost}", "faults.0.for: is missing; a node that never"),
        ("{at: 1s, action: crash, chain: a, nodes: [0], disk: full}", "faults.0.disk: is 'full': needs "),
        ("{at: 1s, action: partition}", "faults.0.groups: is missing; partition needs it"),
        ("{at: 1s, action: partition, groups: [[west]]}", "faults.0.groups: has 1 entries; needs at least 2"),
        ("{at: 1s, action: partition, groups: [rest, rest]}", "faults.0.groups: says rest twice"),
        ("{at: 1s, action: partition, groups: [all, rest]}", "faults.0.groups.0: is 'all'; needs a list of regions"),
        ("{at: 1s, action: partition, groups: [[], rest]}", "faults.0.groups.0: is an empty group"),
        (
            "{at: 1s, action: partition, groups: [[wset], rest]}",
            "faults.0.groups.0.0: 'wset' is not a region; did you mean 'west'?",
        ),
        (
            "{at: 1s, action: partition, chain: a, groups: [[0, 6], rest]}",
            "faults.0.groups.0.1: a has no node 6; its nodes are 0 to 5",
        ),
        (
            "{at: 1s, action: partition, chain: a, groups: [[0, 1], [east]]}",
            "faults.0.groups.1: holds node 0, which another group holds already",
        ),
        ("{at: 1s, action: partition, chain: r, groups: [[west], rest]}", "faults.0.groups.0: has no node of r"),
        ("{at: 1s, action: loss}", "faults.0.share: is missing; loss needs it"),
        ("{at: 1s, action: lag, extra: 5}", "faults.0.extra: is '5': needs a duration with a unit"),
        ("{at: 1s, action: clog}", "faults.0.for: is missing; clog needs it"),
        ("{at: 1s, action: clock-skew, chain: a, nodes: [0]}", "faults.0.ahead: is missing; clock-skew needs ahead, "),
        (
            "{at: 1s, action: clock-skew, chain: a, nodes: [0], ahead: 1s, behind: 1s}",
            "faults.0.behind: contradicts ahead; needs one of the two",
        ),
        ("{at: 1s, action: clock-skew, chain: a, nodes: [0], ppm: 1000000}", "faults.0.ppm: is '1000000': must be ≤"),
        ("{at: 1s, action: slow, chain: a, nodes: [0], times: 0}", "faults.0.times: is '0': must be ≥ 1"),
        (
            "{at: 1s, action: silent, chain: a, nodes: [4]}",
            "faults.0.nodes.0: node 4 of a is an observer; validators are 0 to 3",
        ),
        ("{at: 1s, action: silent, chain: w, regions: [west]}", "faults.0.regions: w has no validators there"),
        ("{at: 1s, action: silent, chain: a, nodes: [0], peers: [0, 5]}", "faults.0.peers.1: node 5 of a is an obs"),
        ("{at: 1s, action: delay, chain: a, nodes: [0]}", "faults.0.extra: is missing; delay needs it"),
        ("{at: 1s, action: twins, chain: r, nodes: [0], groups: [[1], [2]]}", "faults.0.action: r runs raft, which st"),
        ("{at: 1s, action: twins, chain: a, nodes: [0], groups: [[1], [2], [3]]}", "faults.0.groups: has 3 entries; t"),
        ("{at: 1s, action: transfer, chain: r}", "faults.0.to: is missing; transfer needs it"),
        ("{at: 1s, action: transfer, to: 1}", "faults.0.chain: is missing; transfer needs it"),
        ("{at: 1s, action: transfer, chain: r, to: two}", "faults.0.to: is 'two': needs a plain decimal number"),
        ("{at: 1s, action: transfer, chain: r, to: 3}", "faults.0.to: r has no validator 3; its validators are 0 to 2"),
        (
            "{at: 1s, action: transfer, chain: a, to: 1}",
            "faults.0.action: a runs pbft, whose leaders do not hand over; needs a chain on raft",
        ),
        (
            "{at: 1s, for: 1s, action: transfer, chain: r, to: 1}",
            "faults.0.for: does not belong here; transfer happens at one time",
        ),
        ("{at: 1s, action: crash, chain: r, nodes: [0], to: 1}", "faults.0.to: belongs to action: transfer; crash has"),
        ("{at: 1s, action: censor, chain: a, nodes: [0]}", "faults.0.streams: is missing; censor needs it"),
        (
            "{at: 1s, action: censor, chain: a, nodes: [0], streams: [other]}",
            "faults.0.streams.0: 'other' deposits nothing on a",
        ),
        ("{at: 1s, action: censor, chain: a, nodes: [0], streams: [file]}", "faults.0.streams.0: 'file' is not a str"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_where_it_is_written(tmp_path: Path, text: str, told: str) -> None:
    lines = refusals(tmp_path, text)
    assert len(lines) == 1
    assert lines[0].startswith(told)


def test_a_node_wears_one_disguise(tmp_path: Path) -> None:
    lines = refusals(
        tmp_path,
        "{at: 1s, for: 1s, action: equivocate, chain: a, nodes: [0, 1]}",
        "{at: 2ms, action: censor, chain: a, nodes: [1], streams: [files]}",
    )
    assert lines == ["faults.1.action: contradicts faults.0, which has changed node 1 of a already"]


def test_regions_and_rest_become_nodes_of_every_chain_that_they_divide(tmp_path: Path) -> None:
    scenario = with_faults(tmp_path, "{at: 1s, for: 100ms, action: partition, groups: [[west, 0], rest]}")
    assert schedule(scenario) == [
        Partition("a", SECOND, SECOND // 10, ((0, 1, 3, 5), (2, 4))),
        Partition("r", SECOND, SECOND // 10, ((0,), (1, 2))),
    ]


def test_rest_of_twins_are_the_other_validators(tmp_path: Path) -> None:
    (twins,) = schedule(with_faults(tmp_path, "{at: 1s, action: twins, chain: a, nodes: [0], groups: [[1], rest]}"))
    assert isinstance(twins, Byzantine)
    assert twins.groups == ((1,), (2, 3))


def faults_of_every_kind() -> list[Fault]:
    at, lasts = 3 * MILLISECOND, 40 * MILLISECOND
    lies = [Byzantine("a", at, lasts, (0,), kind, peers=(1, 2)) for kind in ("silent", "withhold", "invalid-signature")]
    return [
        Crash("a", at, None, (1, 2)),
        Crash("a", at, lasts, (3,), disk_lost=True),
        Partition("a", at, lasts, ((0, 1), (2, 3, 4, 5))),
        Partition("a", at, None, ((0,), (1, 2, 3, 4, 5)), one_way=True),
        Disturbance("a", at, lasts, None, loss=0.25),
        Disturbance("a", at, lasts, (1,), duplicate=0.5),
        Disturbance("a", at, lasts, (1, 2), extra_ns=7 * MILLISECOND),
        Disturbance("a", at, lasts, (5,), hold=True),
        ClockSkew("a", at, lasts, (1,), ahead_ns=600 * SECOND, ppm=-5),
        ClockSkew("a", at, lasts, (1,), ahead_ns=-1),
        ClockSkew("a", at, lasts, (1,), ppm=7),
        Slow("a", at, lasts, (4,), times=20),
        *lies,
        Byzantine("a", at, None, (3,), "delay", extra_ns=9),
        Byzantine("a", at, None, (3,), "censor", streams=("files",)),
        Transfer("r", at, 2),
    ]


def test_a_schedule_written_into_a_file_is_read_as_it_was(tmp_path: Path) -> None:
    faults = faults_of_every_kind()
    assert schedule(with_faults(tmp_path, *map(as_entry, faults))) == faults
    for kind in ("equivocate", "conflicting-new-view"):
        disguised: list[Fault] = [Byzantine("a", 0, None, (0, 1), kind)]
        assert schedule(with_faults(tmp_path, *map(as_entry, disguised))) == disguised
    twins: list[Fault] = [Byzantine("a", 0, None, (0,), "twins", groups=((1, 2), (2, 3)))]
    assert schedule(with_faults(tmp_path, *map(as_entry, twins))) == twins


@pytest.mark.parametrize("validators", [4, 5, 6, 7])
@pytest.mark.parametrize("byzantine", [True, False])
@pytest.mark.parametrize("hands_over", [True, False])
def test_a_storm_keeps_within_the_bound_and_passes(validators: int, byzantine: bool, hands_over: bool) -> None:
    """At no time are more validators liars or down than the protocol stands, and every kind of fault comes up."""
    ground = Ground(
        chain="a",
        regions=("east", "west") * 4,
        validators=validators,
        voters=validators,
        byzantine=byzantine,
        timeout_ns=250 * MILLISECOND,
        streams=("x", "y"),
        length_ns=5 * SECOND,
        hands_over=hands_over,
    )
    kinds: set[str] = set()
    for seed in range(400):
        faults = storm(ground, Draws(seed).block("storm"))
        kinds |= {fault.kind for fault in faults}
        assert all(until_ns <= ground.length_ns for _, until_ns in storms(faults))
        assert all(fault.at_ns + (fault.for_ns or 0) <= ground.length_ns for fault in faults)
        assert max(faulty_at(faults, at_ns) for at_ns in {fault.at_ns for fault in faults} | {0}) <= ground.tolerated
    network = {"partition", "one-way partition", "loss", "duplicate", "lag", "clog"}
    nodes = {"crash", "crash, disk lost", "clock-skew", "slow"}
    assert kinds == network | nodes | (set(BYZANTINE) if byzantine else set()) | ({"transfer"} if hands_over else set())


def faulty_at(faults: tuple[Fault, ...], at_ns: int) -> int:
    """How many nodes are down then, or have begun to lie or lost their disk by then."""
    faulty: set[int] = set()
    for fault in faults:
        if isinstance(fault, Byzantine) and fault.at_ns <= at_ns:
            faulty |= set(fault.nodes)
        if isinstance(fault, Crash) and fault.at_ns <= at_ns:
            over = fault.for_ns is not None and fault.at_ns + fault.for_ns <= at_ns
            faulty |= set() if over and not fault.disk_lost else set(fault.nodes)
    return len(faulty)


def test_faults_that_overlap_are_one_storm_and_those_that_last_are_none() -> None:
    faults: list[Fault] = [
        Crash("a", 50, 30, (0,)),
        Slow("a", 10, 20, (1,), 3),
        Partition("a", 30, 5, ((0,), (1,))),
        Crash("a", 0, None, (2,)),
    ]
    assert storms(faults) == ((10, 35), (50, 80))
    assert storms(faults[3:]) == ()
