"""The report room: a run on a terminal, its numbers as series, and how they are put in words."""

import copy
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from report_kit import OFFICIAL, QUESTION, assert_fits, printed
from rich.console import Console

import sim
from sim.metrics.tables import TABLES
from sim.report import console, series, wording
from sim.study.run import Run
from sim.study.summary import STAGES


@pytest.mark.parametrize("width", [80, 100])
def test_the_console_fits_its_width_and_tells_everything(told: tuple[Run, Path], width: int) -> None:
    result = told[0]
    text = assert_fits(result, width)
    words = " ".join(text.split())
    assert f"slo-missed {QUESTION} 1 of 4 objectives missed" in words
    for term in (*OFFICIAL, "法院", "银行"):
        assert term in words
    assert "4+3" in words
    assert re.search(r"missed chains\.a\.commit_latency_s\.p99 at most 1 µs", words)
    for name, chain_result in result.summary["chains"].items():
        counts = [chain_result[key] for key in ("offered", "records", "rejected", "unfinished")]
        assert re.search(rf"^{name} +{' +'.join(f'{number:,}' for number in counts)} ", text, re.MULTILINE)
    assert f"{round(result.manifest['wall']['events_per_s']):,} events/s" in words


def test_the_console_tells_the_same_of_a_saved_run(told: tuple[Run, Path], tmp_path: Path) -> None:
    result = told[0]
    saved = result.save(tmp_path / "run")
    summary, manifest = (json.loads((saved / f"{name}.json").read_text()) for name in ("summary", "manifest"))
    target = io.StringIO()
    console.show(summary, manifest, sim.load(saved / "scenario.yaml"), Console(file=target, width=90))
    assert target.getvalue() == printed(result, 90)


def test_quantiles_by_window_count_the_unfinished_as_infinite() -> None:
    rng = np.random.default_rng(5)
    times = rng.uniform(0, 10, 400)
    values = np.where(rng.random(400) < 0.05, np.inf, rng.exponential(size=400))
    values[times < 1] = np.inf
    times[(times > 4) & (times < 5)] = 3.5
    edges = np.linspace(0, 10, 11)
    found = series.quantiles_by_window(times, values, edges, (0.5, 0.99))
    for window in range(10):
        inside = values[(times >= window) & (times < window + 1)]
        if window == 4:
            assert np.isnan(found[:, window]).all()
            continue
        for row, part in enumerate((0.5, 0.99)):
            at_most = np.count_nonzero(inside <= found[row, window]) / len(inside)
            below = np.count_nonzero(inside < found[row, window]) / len(inside)
            assert below < part <= at_most
    assert np.isinf(found[:, 0]).all()


@pytest.mark.parametrize(
    ("simulated_s", "blocks", "width_s"),
    [(600, 1200, 5), (20, 38, 2), (2, 0, 0.2), (1e-3, 5, 1e-4), (31_536_000, 10**8, 200_000)],
)
def test_windows_are_round_and_hold_several_blocks(simulated_s: float, blocks: int, width_s: float) -> None:
    edges = series.window_edges(simulated_s, blocks)
    assert edges[0] == 0
    assert edges[-1] == simulated_s
    assert np.diff(edges) == pytest.approx(width_s, rel=0.01)


def test_rates_times_window_widths_are_the_records(told: tuple[Run, Path]) -> None:
    result = told[0]
    edges = series.window_edges(6, 100)
    for name, summary in result.summary["chains"].items():
        records = series.records(result, [name])
        assert len(records.intended_s) == summary["offered"]
        offered = (series.rate_by_window(records.intended_s, edges) * np.diff(edges)).sum()
        committed = (series.rate_by_window(records.committed_s, edges) * np.diff(edges)).sum()
        assert (round(offered), round(committed)) == (summary["offered"], summary["records"])


def test_stages_add_up_to_the_whole(told: tuple[Run, Path]) -> None:
    samples = {stage: series.stage_sample(told[0], "a", stage) for stage in STAGES}
    whole = series.stage_sample(told[0], "a", series.WHOLE)
    assert sum(samples.values()) == pytest.approx(whole)
    assert whole.mean() == pytest.approx(told[0].summary["chains"]["a"]["commit_latency_s"]["mean"])
    assert all(wording.ENGLISH(f"stage.{stage}") for stage in samples)


def test_records_that_went_missing_are_told_without_an_invariant(told: tuple[Run, Path]) -> None:
    summary = copy.deepcopy({**told[0].summary, "verdict": "violated", "violation": None})
    assert "Clients are unaccounted for" in wording.finding(summary, told[0].scenario)
    summary["chains"]["a"]["offered"] += 1
    assert "Records are unaccounted for" in wording.finding(summary, told[0].scenario)


def test_every_answer_is_told_in_the_summarys_words(told: tuple[Run, Path]) -> None:
    keys = {answer.key for answer in wording.ANSWERS}
    assert keys == set(told[0].summary["proofs"]) - {"deposited", "verified_real", "verified_charged"}
    assert [answer.zh for answer in wording.ANSWERS if answer.official] == list(OFFICIAL)
    assert "outcome" in TABLES["verifications"]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0, "0 %"),
        (0.00001, "< 0.01 %"),
        (0.0012, "0.12 %"),
        (0.013, "1.3 %"),
        (0.2, "20 %"),
        (0.99933, "99.93 %"),
        (0.999_999, "> 99.99 %"),
        (1, "100 %"),
        (1.5, "150 %"),
    ],
)
def test_a_share_is_all_or_nothing_only_when_it_is(part: float, text: str) -> None:
    assert wording.share(part) == text


@pytest.mark.parametrize(
    ("seconds", "measured", "given"),
    [
        (0, "0 s", "0 s"),
        (5e-9, "5.00 ns", "5 ns"),
        (0.00339, "3.39 ms", "3.39 ms"),
        (0.5, "500 ms", "500 ms"),
        (0.9999, "1,000 ms", "999.9 ms"),
        (1234.56, "1,235 s", "1,234.56 s"),
        (600.0, "600 s", "600 s"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, measured: str, given: str) -> None:
    assert (wording.duration(seconds), wording.given_duration(seconds)) == (measured, given)


def test_an_objective_missed_by_a_hair_shows_the_hair(told: tuple[Run, Path]) -> None:
    scenario = told[0].scenario
    slo = scenario.slo[0].model_copy(update={"at_most": 3.0})
    entry = {"metric": slo.metric, "target": "at most 3", "actual": 3.0004, "met": False}
    near = wording.objectives({"slo": [entry]}, scenario.model_copy(update={"slo": (slo,)}))
    assert (near[0].target, near[0].actual) == ("at most 3 s", "3.0004 s")
