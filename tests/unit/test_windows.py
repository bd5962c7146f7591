"""Windows of a long horizon: which there are, how times go there and back, what is told of what lies outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import chain, link, small

from sim.build import build, measure
from sim.build.windows import Windows, choose
from sim.casework.definition import Answer
from sim.casework.emissions import Asked, Deposited, Emissions
from sim.chain.verification import ALTERED
from sim.kernel.engine import SECOND
from sim.scenario.casework import Casework

if TYPE_CHECKING:
    from pathlib import Path

    from sim.build import Alliance
    from sim.scenario import Scenario

HORIZON_S = 2000
QUIET, BUSY = 600, 4000
"""Records of the first and of the second half."""
CRASH = {"at": "1333s", "for": "2s", "action": "crash", "chain": "a", "nodes": [0]}


def windowed(folder: Path, count: int = 6, length_s: int = 10, **keys: object) -> Scenario:
    """A chain over 2000 s that runs in windows; workflows are as good as any, for nothing of them is looked at."""
    block = {"max_transactions": 20, "max_bytes": "100kB", "interval": "500ms"}
    spec = chain(fidelity="auto", block=block, consensus={"protocol": "pbft", "timeout": "3s"})
    scenario = small(folder, **{"horizon": f"{HORIZON_S}s", "chains": {"a": spec}, "workload": {}, **keys})
    casework = Casework.model_validate({"windows": {"count": f"{count}", "length": f"{length_s}s"}})
    return scenario.model_copy(update={"casework": casework, "workflows": {"any": None}})


def records() -> Deposited:
    """A quiet half and a busy one."""
    rng = np.random.Generator(np.random.Philox(5))
    half_ns = HORIZON_S * SECOND // 2
    halves = [np.sort(rng.integers(0, half_ns, count)) + k * half_ns for k, count in enumerate((QUIET, BUSY))]
    count = QUIET + BUSY
    same = np.zeros(count, dtype=np.int64)
    keys = rng.integers(0, 1 << 63, count, dtype=np.uint64)
    return Deposited(keys, np.concatenate(halves), same, same, same, ("w/one",))


def finished(scenario: Scenario, emissions: Emissions) -> Alliance:
    alliance = build(scenario, 3, emissions=emissions)
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    return alliance


def windows_of(alliance: Alliance) -> Windows:
    found = alliance.emitted.windows
    assert found is not None
    return found


def test_the_busiest_slot_is_a_window_and_the_others_are_spread_over_load(tmp_path: Path) -> None:
    sent = records()
    found = choose(windowed(tmp_path), {"a": sent.time_ns})
    assert found is not None
    assert len(found) == 6
    loads = np.bincount(sent.time_ns // (10 * SECOND), minlength=200)
    chosen = loads[found.begin_ns // (10 * SECOND)]
    assert chosen.max() == loads.max()
    assert chosen.min() == loads.min()
    assert (chosen < np.median(loads)).sum() >= 2


def test_a_fault_stands_whole_in_a_window_with_a_margin_and_happens_there(tmp_path: Path) -> None:
    alliance = finished(windowed(tmp_path, faults=[CRASH]), Emissions(deposits={"a": records()}))
    found = windows_of(alliance)
    begin_ns, end_ns = 1333 * SECOND, 1335 * SECOND
    (place,) = found.of(np.array([begin_ns])).tolist()
    assert found.begin_ns[place] <= begin_ns - 10 * SECOND
    assert found.end_ns[place] >= end_ns + 10 * SECOND
    assert not found.calm[place]
    assert found.calm.sum() >= 4
    rows = alliance.recorder.table("faults")
    crashed = [int(at) for at, event in zip(rows["time_ns"], rows["event"], strict=True) if event == "crash"]
    assert found.from_run(np.array(crashed)).tolist() == [begin_ns]


def test_times_go_to_the_run_and_back(tmp_path: Path) -> None:
    found = choose(windowed(tmp_path, faults=[CRASH]), {"a": records().time_ns})
    assert found is not None
    rng = np.random.Generator(np.random.Philox(1))
    inside = found.begin_ns + (rng.random((50, len(found))) * (found.end_ns - found.begin_ns)).astype(np.int64)
    times_ns = np.sort(inside.reshape(-1))
    run_ns = found.to_run(times_ns)
    assert (np.diff(run_ns) >= 0).all()
    assert (found.from_run(run_ns) == times_ns).all()
    assert run_ns.max() < found.run_ns
    assert (found.of(np.array([-1, HORIZON_S * SECOND])) == -1).all()


def test_everything_has_an_answer_and_inside_windows_it_is_what_the_chain_did(tmp_path: Path) -> None:
    sent = records()
    alliance = finished(windowed(tmp_path), Emissions(deposits={"a": sent}))
    found, measured = windows_of(alliance), measure(alliance)
    assert (measured.key == np.sort(sent.key)).all()
    inside = found.of(sent.time_ns) >= 0
    assert len(alliance.chains["a"].offered) == np.count_nonzero(inside) > 0
    place = np.searchsorted(measured.key, sent.key)
    delays = measured.delay_ns[place]
    assert (measured.answer[place][sent.time_ns < (HORIZON_S - 2) * SECOND] == Answer.DONE).all()
    assert set(delays[~inside & (sent.time_ns < (HORIZON_S - 2) * SECOND)].tolist()) <= set(delays[inside].tolist())
    # A run through the whole horizon: in windows all but the same delays; outside the mean, up to few windows' chance.
    whole = finished(windowed(tmp_path).model_copy(update={"casework": None}), Emissions(deposits={"a": sent}))
    assert whole.emitted.windows is None
    true_ns = measure(whole).delay_ns[place]
    close = np.abs(true_ns - delays)[inside] < SECOND // 5
    assert close.mean() > 0.9
    assert abs(delays[~inside].mean() / true_ns[~inside].mean() - 1) < 0.1


def test_what_is_outside_fares_as_where_its_chain_is_as_busy(tmp_path: Path) -> None:
    # Who is alone waits for the whole interval of a block, and who is not for less.
    sent = records()
    alliance = finished(windowed(tmp_path, count=10), Emissions(deposits={"a": sent}))
    measured = measure(alliance)
    delays = measured.delay_ns[np.searchsorted(measured.key, sent.key)]
    outside = windows_of(alliance).of(sent.time_ns) < 0
    busy = sent.time_ns > HORIZON_S * SECOND // 2
    assert delays[outside & busy].mean() < 0.9 * delays[outside & ~busy].mean()


def test_checks_outside_are_answered_as_what_is_presented_alike(tmp_path: Path) -> None:
    sent = records()
    count = len(sent.key)
    presented = np.where(np.arange(count) % 2, ALTERED, 0)
    asked = Asked(
        sent.key ^ np.uint64(1), sent.time_ns, sent.province, presented, presented == 0, sent.kind, ("w/one",)
    )
    measured = measure(finished(windowed(tmp_path), Emissions(deposits={"a": sent}, checks={"a": asked})))
    answers = measured.answer[np.searchsorted(measured.key, asked.key)]
    assert (answers == np.where(presented == ALTERED, Answer.MISMATCH, Answer.PASS)).all()


def test_after_a_fault_that_never_stops_only_what_was_measured_after_it_counts(tmp_path: Path) -> None:
    slow = {"at": "1000s", "action": "lag", "chain": "a", "extra": "100ms"}
    sent = records()
    alliance = finished(windowed(tmp_path, count=8, faults=[slow]), Emissions(deposits={"a": sent}))
    measured = measure(alliance)
    delays = measured.delay_ns[np.searchsorted(measured.key, sent.key)]
    outside = windows_of(alliance).of(sent.time_ns) < 0
    late = sent.time_ns > 1000 * SECOND
    # Three steps of 100 ms more; without it nothing takes longer than a block before it, its own interval and a step.
    assert delays[outside & ~late].max() < 1.2 * SECOND
    assert np.median(delays[outside & late]) > SECOND // 2
    assert delays[outside & late].max() > delays[outside & ~late].max()


def test_streams_of_the_scenario_have_the_rate_of_each_window(tmp_path: Path) -> None:
    found = choose(windowed(tmp_path), {"a": records().time_ns})
    assert found is not None
    pieces = found.pieces([(1000.0, 1.0), (2000.0, 3.0)])
    at_s, mass = 0.0, {0.0: 0.0, 1.0: 0.0, 3.0: 0.0}
    for end_s, multiplier in pieces:
        mass[multiplier] += end_s - at_s
        at_s = end_s
    quiet = int(np.count_nonzero(found.begin_ns < 1000 * SECOND))
    assert mass[1.0] == pytest.approx(10 * quiet)
    assert mass[3.0] == pytest.approx(10 * (6 - quiet))
    assert at_s == pytest.approx(found.run_ns / SECOND)


def test_packets_of_record_links_are_followed_through_the_whole_horizon(tmp_path: Path) -> None:
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "0.5/s", "size": "200B", "amount": 5}
    scenario = windowed(
        tmp_path,
        chains={"a": chain(), "b": chain()},
        links={"a-b": link(fidelity="record")},
        workload={"pay": {**pay, "end": "1990s"}},
    )
    alliance = finished(scenario, Emissions(deposits={"a": records()}))
    crossing = alliance.emitted.crossings["a-b"]
    went = crossing.follow(measure(alliance))
    assert len(crossing.key) > 800
    assert int((went.done_ns[1] - crossing.time_ns).max()) < 2 * SECOND
    assert sum(len(rows.key) for rows in alliance.emitted.records.values()) < len(crossing.key)


def test_short_horizons_and_windows_that_fill_them_run_whole(tmp_path: Path) -> None:
    assert choose(small(tmp_path), {}) is None
    assert choose(windowed(tmp_path, count=200), {"a": records().time_ns}) is None
