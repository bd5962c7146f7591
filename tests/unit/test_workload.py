"""Arrivals follow the curve, the curve's mean is one, and the reference year adds up.

Poisson counts are held within 5.4 standard deviations plus one half: a right count of 70 or more fails about one
time in a million, a larger one less often. Seeds are fixed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from scenario_kit import chain, checks, deposits, small

from sim.build import build, rate_at_start
from sim.chain.verification import ABSENT, ALTERED, GENUINE
from sim.kernel.distributions import Constant, Lognormal
from sim.kernel.draws import Draws
from sim.kernel.engine import SECOND
from sim.scenario import load
from sim.workload.arrivals import arrival_times
from sim.workload.curve import FLAT, Curve, segments, windowed
from sim.workload.streams import Checks, Deposits, ask, offer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.scenario import Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SIGMAS = 5.4
MONDAY = datetime.fromisoformat("2022-12-26T00:00+08:00")
OFFICE = Curve(working_days=250, first_hour=9, share=0.7, weights=(1.2, 1.35, 1.15, 0.6, 0.75, 1.1, 1.05, 0.8))
DAY_S = 86_400


def count_is_poisson(count: int, mean: float) -> bool:
    return abs(count - mean) <= SIGMAS * mean**0.5 + 0.5


def deposit(name: str, rate_per_s: float = 50.0, history: int = 0) -> Deposits:
    return Deposits(name, rate_per_s, ((100.0, 1.0),), poisson=True, size=Lognormal(600, 2000), history=history)


def within(times_ns: NDArray[np.int64], begin_s: float, end_s: float) -> int:
    return int(((times_ns >= begin_s * 1e9) & (times_ns < end_s * 1e9)).sum())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate_per_s", [7.0, 50.0, 1000.0])
def test_arrivals_are_a_poisson_process_at_the_rate_of_each_piece(seed: int, rate_per_s: float) -> None:
    pieces = [(10.0, 1.0), (15.0, 4.0), (40.0, 0.0), (100.0, 0.25)]
    times_ns = arrival_times(Draws(seed).block("arrivals"), rate_per_s, pieces, poisson=True)
    begin_s = 0.0
    for end_s, multiplier in pieces:
        count, mean = within(times_ns, begin_s, end_s), (end_s - begin_s) * multiplier * rate_per_s
        assert count_is_poisson(count, mean)
        begin_s = end_s
    assert (np.diff(times_ns) >= 0).all()
    assert within(times_ns, 0, 100) == len(times_ns)


def test_gaps_between_arrivals_are_exponential() -> None:
    times_ns = arrival_times(Draws(1).block("arrivals"), 1000.0, [(100.0, 1.0)], poisson=True)
    gaps_s = np.sort(np.diff(times_ns)) / 1e9
    # Dvoretzky, Kiefer, Wolfowitz: the largest distance exceeds this bound with a chance below 1e-7.
    bound = (np.log(2 / 1e-7) / (2 * len(gaps_s))) ** 0.5
    ranks = np.arange(1, len(gaps_s) + 1) / len(gaps_s)
    assert np.abs(ranks - (1 - np.exp(-1000 * gaps_s))).max() < bound


def test_regular_arrivals_come_in_the_middle_of_their_turns() -> None:
    times_ns = arrival_times(Draws(1).block("arrivals"), 2.0, [(2.0, 1.0), (3.0, 0.0), (4.0, 2.0)], poisson=False)
    assert times_ns.tolist() == [round(s * 1e9) for s in (0.25, 0.75, 1.25, 1.75, 3.125, 3.375, 3.625, 3.875)]


@pytest.mark.parametrize("pieces", [[], [(10.0, 0.0)], [(10.0, 0.0), (20.0, 0.0)]])
def test_nothing_arrives_where_the_rate_is_zero(pieces: list[tuple[float, float]]) -> None:
    assert len(arrival_times(Draws(1).block("arrivals"), 1000.0, pieces, poisson=True)) == 0


def test_the_mean_over_a_year_with_the_stated_working_days_is_one() -> None:
    hours = [MONDAY + timedelta(hours=hour) for hour in range(7 * 24)]
    working_day = sum(OFFICE.multiplier(moment) for moment in hours[:24])
    free_day = sum(OFFICE.multiplier(moment) for moment in hours[5 * 24 : 6 * 24])
    assert (250 * working_day + 115 * free_day) / (365 * 24) == pytest.approx(1, rel=1e-12)
    office = sum(OFFICE.multiplier(moment) for moment in hours[9:17])
    assert 250 * office / (365 * 24) == pytest.approx(0.7, rel=1e-12)


def test_working_days_are_monday_to_friday() -> None:
    at_ten = [OFFICE.multiplier(MONDAY + timedelta(days=day, hours=10)) for day in range(7)]
    assert [round(value, 3) for value in at_ten] == [4.139] * 5 + [0.389] * 2
    assert [OFFICE.multiplier(MONDAY + timedelta(hours=hour)) > 0.5 for hour in range(24)] == [
        9 <= hour < 17 for hour in range(24)
    ]


def test_pieces_end_at_full_hours_and_at_the_horizon() -> None:
    start = datetime.fromisoformat("2022-12-26T08:59:30.250+08:00")
    pieces = segments(OFFICE, start, 2 * 3600)
    assert [end_s for end_s, _ in pieces] == [29.75, 3629.75, 7200]
    assert [round(value, 3) for _, value in pieces] == [0.389, 3.679, 4.139]
    assert segments(FLAT, start, 1.0) == [(1.0, 1.0)]


def test_pieces_add_up_over_a_week() -> None:
    pieces = segments(OFFICE, MONDAY, 7 * DAY_S)
    begins_s = [0.0, *(end_s for end_s, _ in pieces)][:-1]
    total = sum((end_s - begin_s) * value for begin_s, (end_s, value) in zip(begins_s, pieces, strict=True))
    assert len(pieces) == 7 * 24
    assert total == pytest.approx(3600 * sum(OFFICE.multiplier(MONDAY + timedelta(hours=h)) for h in range(168)))


def test_streams_are_merged_in_time_order_and_numbered_on_from_their_history() -> None:
    offered = offer(Draws(1), "a", range(5), [deposit("files", history=7), deposit("logs")])
    assert (np.diff(offered.intended_ns) >= 0).all()
    for code, history in enumerate(offered.history):
        numbers = offered.number[offered.stream == code]
        assert numbers.tolist() == list(range(history, history + len(numbers)))
    assert set(offered.node) == set(range(5))
    assert offered.size_bytes.min() >= 1


def test_clients_are_dealt_to_nodes_evenly() -> None:
    offered = offer(Draws(1), "a", range(5), [deposit("files", rate_per_s=500.0)])
    assert all(count_is_poisson(int((offered.node == node).sum()), 100.0 * 100) for node in range(5))


def columns_of(draws: Draws, streams: list[Deposits], name: str) -> list[list[int]]:
    offered = offer(draws, "a", range(5), streams)
    mine = offered.stream == offered.streams.index(name)
    return [column[mine].tolist() for column in (offered.intended_ns, offered.size_bytes, offered.node, offered.number)]


def test_a_stream_does_not_move_when_another_is_added() -> None:
    alone = columns_of(Draws(1), [deposit("files")], "files")
    for streams in ([deposit("files"), deposit("logs")], [deposit("another"), deposit("files")]):
        assert columns_of(Draws(1), streams, "files") == alone
    assert columns_of(Draws(2), [deposit("files")], "files") != alone
    assert columns_of(Draws(1), [deposit("files"), deposit("logs")], "logs") != alone


def test_sizes_are_whole_bytes_of_at_least_one() -> None:
    tiny = Deposits("files", 10.0, ((100.0, 1.0),), poisson=True, size=Constant(0.2), history=0)
    assert set(offer(Draws(1), "a", range(1), [tiny]).size_bytes) == {1}


def test_requests_have_the_kinds_in_their_shares_and_ask_about_their_stream() -> None:
    offered = offer(Draws(1), "a", range(5), [deposit("logs"), deposit("files")])
    checking = Checks("look", "files", 400.0, ((100.0, 1.0),), poisson=True, absent=0.1, altered=0.25)
    requests = ask(Draws(1), "a", range(5), [checking], offered)
    assert count_is_poisson(len(requests), 40_000)
    for kind, share in ((ABSENT, 0.1), (ALTERED, 0.25), (GENUINE, 0.65)):
        assert count_is_poisson(int((requests.kind == kind).sum()), 40_000 * share)
    assert set(requests.of) == {1}
    assert 0 <= requests.choice.min() < requests.choice.max() < 1


@pytest.mark.parametrize(("absent", "altered", "kind"), [(1.0, 0.0, ABSENT), (0.0, 1.0, ALTERED), (0.0, 0.0, GENUINE)])
def test_a_share_of_all_is_all(absent: float, altered: float, kind: int) -> None:
    offered = offer(Draws(1), "a", range(1), [deposit("files")])
    checking = Checks("look", "files", 50.0, ((100.0, 1.0),), poisson=True, absent=absent, altered=altered)
    assert set(ask(Draws(1), "a", range(1), [checking], offered).kind) == {kind}


def test_a_scenario_asks_and_offers_at_its_rates(tmp_path: Path) -> None:
    workload = {
        "files": deposits("40/s"),
        "logs": deposits("10/s", arrivals="regular"),
        "look": checks("files", "30/s"),
    }
    scenario = small(tmp_path, horizon="30s", workload=workload, chains={"a": chain(4, observers=2)})
    alliance = build(scenario, seed=1)
    offered = alliance.chains["a"].offered
    assert count_is_poisson(int((offered.stream == 0).sum()), 1200)
    assert int((offered.stream == 1).sum()) == 300
    assert count_is_poisson(len(alliance.verifications["a"].requests), 900)
    assert set(offered.node) == set(range(6))
    assert rate_at_start(scenario, "files") == (pytest.approx(40), pytest.approx(1200))


@pytest.fixture(scope="module")
def reference() -> Scenario:
    return load(SCENARIOS / "base" / "alliance.yaml")


YEAR_S = 365 * DAY_S


def test_the_hub_deposits_a_billion_and_five_million_records_a_year(reference: Scenario) -> None:
    hub = {key: s.rate * YEAR_S for key, s in reference.workload.items() if s.chain == "jc" and s.action == "deposit"}
    assert sum(hub.values()) == pytest.approx(1.005e9, rel=1e-6)
    a_day = 600e6 / 218
    assert a_day == pytest.approx(2.752e6, rel=1e-3)
    assert a_day * 365 == pytest.approx(1.005e9, rel=1e-3)
    assert sum(hub.values()) / 30.3e6 == pytest.approx(33, abs=0.5)
    assert hub["service-records"] == pytest.approx(2 * 92.64e6, rel=1e-6)
    assert hub["evidence"] == pytest.approx(1.005e9 * 4 / 34, rel=1e-4)
    assert hub["case-files"] == pytest.approx(1.005e9 - 2 * 92.64e6 - 118.24e6, rel=1e-6)


def test_the_peak_of_the_reference_year_follows_from_the_curve(reference: Scenario) -> None:
    profile = reference.profiles["office-hours"]
    office_hours = profile.working_days_per_year * len(profile.hourly_weights)
    assert sum(profile.hourly_weights) == pytest.approx(8)
    assert profile.office_share * 365 * 24 / office_hours == pytest.approx(3.066, abs=5e-4)
    assert profile.office_share * 365 * 24 / office_hours * 1.35 == pytest.approx(4.139, abs=5e-4)
    assert (1 - profile.office_share) * 365 * 24 / (365 * 24 - office_hours) == pytest.approx(0.389, abs=5e-4)
    hub = [s for s in reference.workload.values() if s.chain == "jc" and s.action == "deposit"]
    at_start = [rate_at_start(reference, key) for key, stream in reference.workload.items() if stream in hub]
    assert sum(stream.rate for stream in hub) == pytest.approx(31.87, abs=5e-3)
    assert sum(rate for rate, _ in at_start) == pytest.approx(131.9, abs=0.05)
    assert sum(count for _, count in at_start) == pytest.approx(79_100, abs=50)


def test_the_other_streams_of_the_reference_year_are_what_their_comments_say(reference: Scenario) -> None:
    yearly = {key: stream.rate * YEAR_S for key, stream in reference.workload.items()}
    expected = {
        "service-check": 0.01 * 92.64e6,
        "evidence-check": 2.601e6,
        "enforcement-log": 9.118e6 * 12,
        "mediation-records": 17.46e6 + 11.998e6,
        "licences": 651.6e3,
        "licence-check": 8.244e6,
        "case-transfers": 1.230e6 * 4,
        "registry-replies": 16.45e6,
        "company-replies": 16.45e6,
        "bank-replies": 2 * 16.45e6,
        "credit-listings": 394.2e3 * 2 * 4,
        "ip-records": 450e3 * 4,
    }
    assert {key: yearly[key] for key in expected} == {key: pytest.approx(n, rel=2.5e-3) for key, n in expected.items()}
    assert {stream.profile for stream in reference.workload.values()} == {"office-hours"}


def test_the_costs_of_the_base_scenario_follow_from_the_committed_measurements(reference: Scenario) -> None:
    text = (SCENARIOS.parent / "results" / "calibration" / "reference.yaml").read_text(encoding="utf-8")
    median_ns = {name: one["median_ns"] for name, one in yaml.safe_load(text)["measurements"].items()}
    per_kilobyte = (median_ns["hash-long-sm3"] - median_ns["hash-short-sm3"]) / (16.384 - 0.064)
    costs = reference.costs
    assert costs.sign == pytest.approx(median_ns["sign-sm2"], abs=1)
    assert costs.verify == pytest.approx(median_ns["verify-sm2"], abs=1)
    assert costs.hash_per_kilobyte == pytest.approx(per_kilobyte, abs=1)
    assert costs.hash == pytest.approx(median_ns["hash-short-sm3"] - per_kilobyte * 0.064, abs=1)
    executed = median_ns["state-update"] + median_ns["tile-append"] + median_ns["tile-sync"] / 1000
    assert costs.execute == pytest.approx(executed, abs=1)
    assert costs.proof == pytest.approx(median_ns["tile-proof"], abs=1)


def test_a_stream_begins_and_ends_when_its_window_says() -> None:
    pieces = [(3600.0, 2.0), (7200.0, 3.0)]
    assert windowed(pieces, 0.0, 7200.0) == pieces
    assert windowed(pieces, 600.0, 4000.0) == [(600.0, 0.0), (3600.0, 2.0), (4000.0, 3.0), (7200.0, 0.0)]
    times = arrival_times(Draws(1).block("w"), 1.0, windowed(pieces, 600.0, 4000.0), poisson=False)
    assert len(times) == 3000 * 2 + 400 * 3
    assert 600 * SECOND <= times.min() <= times.max() <= 4000 * SECOND
