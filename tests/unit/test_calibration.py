"""A calibration's numbers are what was timed, and a scenario takes its file as costs or says what is wrong with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import yaml
from scenario_kit import CHEAP, small

from sim.scenario import ScenarioError, load
from sim.study.calibrate import Measurement, costs_of, document, measure, write
from sim.study.operations import BATCH, Operation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEDIANS_NS = {
    "hash-short-sm3": 700.0,
    "hash-long-sm3": 33_340.0,  # 16,320 bytes more at 2 ns each
    "hash-short-sha256": 300.0,
    "hash-long-sha256": 8_460.0,
    "sign-sm2": 234_409.4,
    "verify-sm2": 500_000.0,
    "sign-ed25519": 20_000.0,
    "verify-ed25519": 60_000.0,
    "state-update-sm3": 10_000.0,
    "tile-append-sm3": 1_000.0,
    "tile-sync": 5_000_000.0,
    "tile-proof-sm3": 30_000.0,
    "state-update-sha256": 6_000.0,
    "tile-append-sha256": 500.0,
    "tile-proof-sha256": 20_000.0,
}
MEASUREMENTS = [Measurement(name, "it", ns, 0.9 * ns, 1.2 * ns, 51) for name, ns in MEDIANS_NS.items()]


def test_an_operation_is_timed_per_unit_and_without_its_preparation() -> None:
    calls: list[str] = []

    def sleep(seconds: float, what: str) -> None:
        calls.append(what)
        time.sleep(seconds)

    slow = Operation("slow", "", lambda: sleep(0.003, "run"), 3, prepare=lambda: sleep(0.02, "prepare"), waits=True)
    fast = Operation("fast", "", lambda: None)
    slow_measured, fast_measured = measure([slow, fast], samples=5)
    assert calls == ["prepare", "run"] * 5
    assert 1_000_000 <= slow_measured.lower_quartile_ns <= slow_measured.median_ns <= slow_measured.upper_quartile_ns
    assert slow_measured.median_ns < 6_000_000  # with its preparation it would be above 7.6 ms
    assert 0 < fast_measured.median_ns < 10_000
    assert (slow_measured.samples, fast_measured.samples) == (5, 5)


def test_what_waits_for_nothing_is_timed_by_the_cpu_alone() -> None:
    def idle() -> None:
        time.sleep(0.01)

    idle_operation = Operation("idle", "", idle, prepare=lambda: None)
    (measured,) = measure([idle_operation], samples=5)
    assert measured.median_ns < 2_000_000


def test_median_and_quartiles_are_those_of_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(
        [0, 2_000_000, 0, 10, 0, 20, 0, 30, 0, 40, 0, 50]
    )  # one run to find the repetitions, then five samples
    monkeypatch.setattr(time, "process_time_ns", lambda: next(clock))
    (measured,) = measure([Operation("it", "what it is", lambda: None)], samples=5)
    assert measured == Measurement("it", "what it is", 30, 20, 40, 5)


def test_costs_follow_from_the_medians() -> None:
    assert costs_of(MEASUREMENTS, suite="sm3", scheme="sm2") == pytest.approx(
        {
            "hash": 700 - 64 * 2,
            "hash_per_kilobyte": 2_000,
            "sign": 234_409.4,
            "verify": 500_000,
            "execute": 11_000 + 5_000_000 / BATCH,
            "proof": 30_000,
        }
    )
    other = costs_of(MEASUREMENTS, suite="sha256", scheme="ed25519")
    assert (other["hash_per_kilobyte"], other["sign"]) == (pytest.approx(500), 20_000)
    assert (other["execute"], other["proof"]) == (6_500 + 5_000_000 / BATCH, 20_000)


@pytest.fixture
def calibrated(tmp_path: Path) -> Callable[..., Path]:
    """A scenario file whose costs are a calibration file; returns its path."""

    def made(text: str | None = None, **keys: object) -> Path:
        folder = tmp_path / "calibration"
        folder.mkdir(exist_ok=True)
        write(folder / "mine.yaml", document("mine", MEASUREMENTS, suite="sm3", scheme="sm2"))
        if text is not None:
            (folder / "mine.yaml").write_text(text, encoding="utf-8")
        scenario = small(tmp_path)
        data = {**yaml.safe_load(scenario.to_yaml()), "costs": "calibration/mine.yaml", **keys}
        file = tmp_path / "calibrated.yaml"
        file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return file

    return made


def test_a_scenario_takes_a_calibration_as_its_costs(calibrated: Callable[..., Path], tmp_path: Path) -> None:
    scenario = load(calibrated())
    costs = scenario.costs
    assert (costs.hash, costs.hash_per_kilobyte, costs.sign, costs.proof) == (572, 2_000, 234_409, 30_000)
    assert costs.source is not None
    assert costs.source.startswith("alliance calibrate: sm3 and sm2 on ")
    assert "a court's node may differ" in costs.source
    resolved = tmp_path / "elsewhere" / "resolved.yaml"
    resolved.parent.mkdir()
    resolved.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load(resolved) == scenario


def test_one_cost_of_a_calibration_can_be_overridden(calibrated: Callable[..., Path]) -> None:
    costs = load(calibrated(), set={"costs.sign": "1ms"}).costs
    assert (costs.sign, costs.verify) == (1_000_000, 500_000)
    assert costs.source is not None
    assert costs.source.endswith("a court's node may differ; but sign changed by --set")


def test_a_scenario_knows_the_file_of_its_costs(
    calibrated: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = calibrated()
    monkeypatch.chdir(file.parent)
    assert load(file).costs_file == "calibration/mine.yaml"
    assert load(file, set={"costs.sign": "1ms"}).costs_file == "calibration/mine.yaml"
    assert load(file, set={"costs": {**CHEAP, "source": "made up"}}).costs_file == "--set"
    assert load(calibrated(costs=CHEAP)).costs_file == "calibrated.yaml"
    whole = load(file, set={"costs": {**CHEAP, "source": "made up"}})
    assert whole.costs.source == "made up"  # nothing of a calibration is left to be told from


def test_a_calibration_can_be_put_in_from_the_command_line(calibrated: Callable[..., Path]) -> None:
    file = calibrated(costs=CHEAP)
    assert load(file).costs.sign == 40_000
    assert load(file, set={"costs": str(file.parent / "calibration" / "mine.yaml")}).costs.sign == 234_409


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "costs: {hash: 1us, sign: 1MB}\n",
            "calibration/mine.yaml:1:26: costs.sign: is a size (1MB); needs a duration",
        ),
        ("name: mine\ncosts: {hash: 1us}\n", "calibration/mine.yaml:2:1: costs.execute: is missing"),
        (
            "costs: {hash: 1us, hush: 1us}\n",
            "calibration/mine.yaml:1:20: costs.hush: no such key; did you mean 'hash'?",
        ),
        ("name: mine\n", "calibration/mine.yaml:1:1: costs: needs a file with a map under the key 'costs'"),
        ("costs: 7us\n", "calibration/mine.yaml:1:1: costs: needs a file with a map under the key 'costs'"),
        ("- costs\n", "calibration/mine.yaml:1:1: is a list; needs a map of keys"),
    ],
)
def test_a_wrong_calibration_is_told_at_its_own_file(
    calibrated: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    file = calibrated(text)
    monkeypatch.chdir(file.parent)
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert any(line.startswith(expected) for line in str(caught.value).splitlines()), str(caught.value)
    assert all(problem.file == "calibration/mine.yaml" for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ("calibration/none.yaml", "costs: calibration/none.yaml: no such file"),
        ("calibration", "costs: calibration: is a directory; needs a YAML file"),
        (["calibration/mine.yaml"], "costs: is a list; needs a map with the keys source, hash, hash_per_kilobyte"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_where_it_is_written(
    calibrated: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, costs: object, message: str
) -> None:
    file = calibrated(costs=costs)
    monkeypatch.chdir(file.parent)
    with pytest.raises(ScenarioError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert problem.file == "calibrated.yaml"
    assert message in str(problem)


def test_a_calibration_says_on_what_and_when_it_was_made(calibrated: Callable[..., Path]) -> None:
    text = (calibrated().parent / "calibration" / "mine.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    assert text.startswith("# Written by `alliance calibrate`")
    assert set(data) == {"name", "date", "note", "machine", "software", "costs", "measurements"}
    assert "a court's node may differ" in data["note"]
    assert data["machine"]["cpus"] >= 1
    assert data["machine"]["processor"]
    assert data["measurements"]["tile-sync"] == {
        "about": "it",
        "median_ns": 5_000_000.0,
        "quartiles_ns": [4_500_000.0, 6_000_000.0],
        "samples": 51,
    }
