"""A year by tables against the rung below: the same country record by record, with a fault, and national days.

Stated tolerances. Counts of records and cases: four standard errors of sampling, as the summary says them, and as much
for the chance of the reference itself; seeds are fixed, and with others one count in 10,000 would be outside. Median
latency: 6 %. 99th percentile: 10 %. Periods missed: five standard deviations of the difference of two Poisson counts
of which one stands for many. Fault windows are runs of the rung below; what is slowest in them is within a tenth.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import year_kit

import sim
from sim.kernel.civil import DAY_NS
from sim.kernel.engine import SECOND
from sim.study.year.cases import Month
from sim.study.year.run import live
from sim.study.year.summary import Stretch

MEDIAN, TAIL, DAY_TAIL = 0.06, 0.10, 0.15
CRASH = {"at": "34h", "for": "5min", "action": "crash", "chain": "jc", "nodes": ["0"]}
BESIDE = {"chain": "sec", "rate": "0.2/s", "profile": "office-hours", "size": "500B"}
"""A stream of records that no case asks for, on a chain that has nothing else."""
Pair = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Two days with a leader's crash in the busiest hour: record by record, and by tables."""
    keys = {"faults": [CRASH], "workload": {"beside": BESIDE}}
    exact, tables = year_kit.ordinary(**keys), year_kit.by_tables(**keys)
    return sim.run(exact, seed=1).summary, sim.run(tables, seed=1).summary


def busy(pair: Pair, least: int = 1000) -> list[str]:
    """Chains with so many records at least."""
    chains = pair[0]["chains"]
    return [chain for chain, result in chains.items() if result["records"] >= least and chain != "sec"]


def test_rates_agree_within_the_error_of_sampling(pair: Pair) -> None:
    exact, tables = pair
    errors, one_in = tables["year"]["errors"], tables["year"]["one_in"]
    for chain in busy(pair):
        records = exact["chains"][chain]["records"]
        off = tables["chains"][chain]["records"] / records - 1
        assert abs(off) < 4 * errors["records"][chain] + 4 / math.sqrt(records), chain
    for workflow, counts in exact["casework"].items():
        started = counts["started"]
        off = tables["casework"][workflow]["started"] - started
        assert abs(off) < 4 * math.sqrt(one_in * started) + 4 * math.sqrt(started), workflow


def test_latencies_agree(pair: Pair) -> None:
    exact, tables = pair
    for chain in busy(pair):
        known, told = (summary["chains"][chain]["commit_latency_s"] for summary in pair)
        assert told["p50"] == pytest.approx(known["p50"], rel=MEDIAN), chain
        assert told["p99"] == pytest.approx(known["p99"], rel=TAIL), chain
        stages = (exact["chains"][chain]["stages_s"], tables["chains"][chain]["stages_s"])
        for stage, times in stages[0].items():
            assert stages[1][stage]["mean"] == pytest.approx(times["mean"], rel=TAIL, abs=0.01), (chain, stage)
    for link in ("jc-exe", "jc-mr"):
        known, told = (summary["crosschain"][link]["latency_s"] for summary in pair)
        assert told["mean"] == pytest.approx(known["mean"], rel=TAIL), link


def test_blocks_and_bytes_agree(pair: Pair) -> None:
    exact, tables = pair
    errors = tables["year"]["errors"]["records"]
    for chain in busy(pair):
        known, told = exact["chains"][chain], tables["chains"][chain]
        assert told["blocks"] == pytest.approx(known["blocks"], rel=0.15), chain
        assert told["storage_bytes"] == pytest.approx(known["storage_bytes"], rel=0.05 + 4 * errors[chain]), chain


def test_periods_and_losses_agree_within_the_error_of_sampling(pair: Pair) -> None:
    exact, tables = pair
    one_in = tables["year"]["one_in"]
    compared = 0
    for workflow, counts in exact["casework"].items():
        for name, number in counts["deadlines"].items():
            for end in ("met", "missed"):
                told = tables["casework"][workflow]["deadlines"][name][end]
                assert abs(told - number[end]) <= 5 * math.sqrt(one_in * max(told, number[end], one_in)) + 5
                compared += number[end]
        for name, value in counts["losses"].items():
            told = tables["casework"][workflow]["losses"][name]
            assert abs(told - value) <= 5 * math.sqrt(one_in * max(told, value, one_in)) + 5, name
    assert compared > 1000


def test_a_fault_is_run_as_it_is(pair: Pair) -> None:
    _, tables = pair
    (around,) = tables["year"]["faults"]
    assert around["actions"] == ["crash"]
    assert around["begin_s"] == 34 * 3600 - 600
    assert around["checked_heights"] > 0
    known, told = (summary["chains"]["jc"] for summary in pair)
    assert told["view_changes"] >= 1
    assert known["view_changes"] == told["view_changes"]
    # The slowest record of all waited for the new leader.
    assert known["commit_latency_s"]["max"] > 30
    assert told["commit_latency_s"]["max"] == pytest.approx(known["commit_latency_s"]["max"], rel=TAIL)


def test_hashes_and_proofs_of_windows_are_real_and_the_others_are_counted_apart(pair: Pair) -> None:
    _, tables = pair
    real, proofs = tables["year"]["real"], tables["proofs"]
    assert 0 < real["hashed"] < proofs["deposited"]
    assert real["share"] == pytest.approx(real["hashed"] / proofs["deposited"])
    windows = sum(kind["count"] for kind in tables["year"]["windows"].values())
    assert 20 * windows <= real["proved"] <= 20 * 14 * windows


def test_months_add_up_to_the_year(pair: Pair) -> None:
    _, tables = pair
    months = tables["year"]["months"]
    for chain, result in tables["chains"].items():
        assert sum(month["records"][chain] for month in months) == pytest.approx(result["records"], abs=2)
    missed = sum(number["missed"] for row in tables["casework"].values() for number in row["deadlines"].values())
    # Those that are over at the end without an end are missed too, in no month.
    assert sum(month["deadlines_missed"] for month in months) <= missed


def test_streams_beside_the_cases_come_as_often_as_in_a_run(pair: Pair) -> None:
    exact, tables = (summary["chains"]["sec"] for summary in pair)
    assert exact["records"] > 10_000
    # Two Poisson counts: five standard deviations of their difference.
    assert abs(exact["records"] - tables["records"]) < 5 * math.sqrt(exact["records"] + tables["records"])
    assert tables["commit_latency_s"]["p50"] == pytest.approx(exact["commit_latency_s"]["p50"], rel=MEDIAN)
    assert tables["storage_bytes"] == pytest.approx(exact["storage_bytes"], rel=0.1)


@pytest.mark.full
@pytest.mark.parametrize(("day", "begin"), [("2022-12-26", "2022-12-23"), ("2022-10-03", "2022-09-30")])
def test_single_days_of_the_national_year_are_like_national_days(day: str, begin: str) -> None:
    """A working Monday at the year's end, and a Monday of the October holidays: a tenth in rates and medians, DAY_TAIL.

    Cases in a year take steps that hang on others half an hour later than in a day, some on the next day (exe has most
    of these), and what crowds in the first minutes of an office day is spread over its first hour; sampling adds half a
    percent.
    """
    national = sim.run(sim.load(year_kit.FOLDER / "national-day.yaml", set={"start": f"{day}T00:00+08:00"})).summary
    keys = {"start": f"{begin}T00:00+08:00", "horizon": "5d", "faults": []}
    scenario = sim.load(year_kit.FOLDER / "national-year.yaml", set=keys)
    lived = live(scenario, 1, lambda _: None)
    monday = Month(day, 3 * DAY_NS, 4 * DAY_NS)
    for chain in ("jc", "exe", "med", "bank"):
        told, known = Stretch(scenario, lived, chain, monday), national["chains"][chain]
        assert told.offered == pytest.approx(known["offered"], rel=0.1), chain
        times, latency = told.times(), known["commit_latency_s"]
        assert times.quantile(0.5) / SECOND == pytest.approx(latency["p50"], rel=TAIL), chain
        assert times.quantile(0.99) / SECOND == pytest.approx(latency["p99"], rel=DAY_TAIL), chain
        assert told.rejected == pytest.approx(known["rejected"], abs=100)
