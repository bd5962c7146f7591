"""Reading scenarios: units, extends, distributions, overrides, and what a loaded scenario is."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import ValidationError
from scenario_text import BASE, HEAD, MATRIX, problem_lines

from sim.scenario import ScenarioError, json_schema, key_reference, load, parse_assignments
from sim.scenario.distributions import form_of, to_kernel
from sim.scenario.yamltree import Map, Scalar, Value, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sim.scenario import Scenario


def test_a_scenario_is_read_in_base_units(write: Callable[[str], Path]) -> None:
    file = write(HEAD)
    scenario = load(file)
    assert scenario.source == file
    assert scenario.start == datetime(2022, 12, 26, 9, tzinfo=timezone(timedelta(hours=8)))
    assert scenario.horizon == 600 * 10**9
    assert (scenario.seed, scenario.expect, scenario.proofs) == (1, "pass", "real")
    jc = scenario.chains["jc"]
    assert (jc.validators, jc.observers, jc.hash, jc.regions) == (4, 2, "sm3", ("beijing", "shanghai"))
    assert (jc.block.max_transactions, jc.block.max_bytes, jc.block.interval) == (1000, 2_000_000, 500_000_000)
    assert (jc.consensus.timeout, jc.mempool.capacity) == (3_000_000_000, 15_000)
    assert scenario.workload["records"].rate == 1.005e9 / 31_536_000
    assert scenario.workload["checks"].absent == 0.01
    assert scenario.network.links[0].loss == 0.001


def test_a_pair_of_the_matrix_counts_for_both_directions_unless_both_are_given(write: Callable[[str], Path]) -> None:
    delays = load(write(HEAD)).network.delays
    assert delays.delay_ns("beijing", "shanghai") == 11_200_000
    assert delays.delay_ns("shanghai", "beijing") == 12_000_000
    assert delays.delay_ns("xinjiang", "beijing") == 24_000_000
    assert delays.delay_ns("beijing", "beijing") == 500_000
    with pytest.raises(KeyError, match="tibet"):
        delays.delay_ns("beijing", "tibet")


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (
            "{beijing: 12ms}",
            "8:1: network.delays.one_way: no delay between shanghai and xinjiang; needs one in at least",
        ),
        ("{tibet: 3ms}", "10:14: network.delays.one_way.shanghai.tibet: 'tibet' is not a region; regions: beijing, "),
        ("{xinjiang: 3ms, shanghai: 1ms}", "10:39: network.delays.one_way.shanghai.shanghai: is the delay of a regi"),
        ("{xinjiang: 3MB}", "10:24: network.delays.one_way.shanghai.xinjiang: is a size (3MB); needs a duration"),
    ],
)
def test_a_matrix_that_is_wrong_is_told_at_its_own_file(
    write: Callable[[str], Path], tmp_path: Path, row: str, line: str
) -> None:
    file = write(HEAD)
    matrix = MATRIX.replace("{beijing: 12ms, xinjiang: 33ms}", row)
    (tmp_path / "networks" / "three.yaml").write_text(matrix, encoding="utf-8")
    (found,) = problem_lines(file)
    assert found.startswith(f"networks/three.yaml:{line}")


def test_several_levels_of_extends_merge_maps_and_replace_lists(write: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "mid.yaml").write_text(
        "extends: base/alliance.yaml\nseed: 5\nchains: {jc: {validators: 10, regions: [xinjiang]}}\n", encoding="utf-8"
    )
    scenario = load(write(HEAD.replace("base/alliance.yaml", "mid.yaml") + "chains: {jc: {validators: 13}}\n"))
    assert scenario.seed == 5
    jc = scenario.chains["jc"]
    assert (jc.validators, jc.observers, jc.regions) == (13, 2, ("xinjiang",))


def test_another_distribution_replaces_the_whole_one_and_the_same_merges(write: Callable[[str], Path]) -> None:
    other = load(write(HEAD + "workload: {records: {size: {pareto: {mean: 1kB, alpha: 2.5}}}}\n"))
    same = load(write(HEAD + "workload: {records: {size: {lognormal: {p99: 3kB}}}}\n"))
    bare = load(write(HEAD + "workload: {records: {size: 1kB}}\n"))
    assert [_size(each) for each in (other, same, bare)] == [
        "Pareto(mean=1000, alpha=2.5)",
        "Lognormal(median=600, p99=3000)",
        "Constant(value=1000)",
    ]


def _size(scenario: Scenario) -> str:
    size = scenario.workload["records"].size
    assert size is not None
    return repr(to_kernel(size))


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("3ms", "Constant(value=3000000)"),
        ("{constant: 3ms}", "Constant(value=3000000)"),
        ("{gamma: {mean: 1us, shape: 2}}", "Gamma(mean=1000, shape=2.0)"),
        ("{empirical: {values: [1ns, 2ns]}}", "Empirical(values=(1, 2), weights=())"),
        ("{empirical: {values: [1ns, 2ns], weights: [3, 0.5]}}", "Empirical(values=(1, 2), weights=(3.0, 0.5))"),
        (
            "{truncated: {of: {exponential: {mean: 5ns}}, low: 1ns, high: 9ns}}",
            "Truncated(of=Exponential(mean=5), low=1, high=9)",
        ),
    ],
)
def test_every_form_of_distribution_becomes_the_kernels(write: Callable[[str], Path], text: str, drawn: str) -> None:
    jitter = load(write(HEAD), set=parse_assignments([f"network.jitter={text}"])).network.jitter
    assert repr(to_kernel(jitter)) == drawn
    assert len(jitter.model_fields_set) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{lognormal: {median: 5ms, p99: 5ms}}", "network.jitter.lognormal.p99: must be more than the median"),
        ("{pareto: {mean: 5ms, alpha: 1}}", "network.jitter.pareto.alpha: must be more than 1"),
        ("{exponential: {mean: 0ms}}", "network.jitter.exponential.mean: must be more than 0"),
        ("{exponential: {mean: 1ms}, gamma: {mean: 1ms, shape: 2}}", "network.jitter: has the keys exponential, gamma"),
        ("{}", "network.jitter: is empty; needs a bare quantity or exactly one of constant"),
        ("{empirical: {values: []}}", "network.jitter.empirical.values: has 0 entries; needs at least 1"),
        ("{empirical: {values: [1s], weights: [1, 2]}}", "network.jitter.empirical.weights: has 2 weights for 1 value"),
        ("{truncated: {of: 5ms, low: 9ms, high: 8ms}}", "network.jitter.truncated.high: must be more than low"),
        ("{truncated: {of: 5ms, low: 8ms, high: 9ms}}", "network.jitter.truncated.of: less than 1 % of it lies"),
        (
            "{truncated: {of: {truncated: {of: 5ms, low: 1ms, high: 9ms}}, low: 1ms, high: 9ms}}",
            "network.jitter.truncated.of.truncated: no such key",
        ),
        ("{normall: {mean: 1ms}}", "network.jitter.normall: no such key; did you mean 'normal'?"),
        ("5MB", "network.jitter: is a size (5MB); needs a duration"),
    ],
)
def test_a_distribution_that_cannot_be_is_refused(write: Callable[[str], Path], text: str, message: str) -> None:
    (line,) = problem_lines(write(HEAD), parse_assignments([f"network.jitter={text}"]))
    assert line.startswith(f"--set {message}")


def test_overrides_set_what_the_file_says_and_what_it_leaves_out(write: Callable[[str], Path]) -> None:
    file = write(HEAD + "faults:\n  - {at: 3min, action: crash, chain: jc, nodes: [0]}\n")
    scenario = load(file, set={"chains.jc.validators": 31, "chains.jc.mempool.capacity": 9, "faults.0.at": "1min"})
    assert scenario.chains["jc"].validators == 31
    assert scenario.chains["jc"].mempool.capacity == 9
    assert scenario.faults[0].at == 60 * 10**9
    typed = parse_assignments(["faults=[]", "chains.jc.regions=[xinjiang]", "question=Why: because?", "seed=1e3"])
    scenario = load(file, set=typed)
    assert scenario.faults == ()
    assert scenario.chains["jc"].regions == ("xinjiang",)
    assert (scenario.question, scenario.seed) == ("Why: because?", 1000)
    assert load(file, set={"network.delays.within": "1ms"}).network.delays.within == 1_000_000
    form = form_of(load(file, set={"network.jitter.gamma": {"mean": "1ms", "shape": 2}}).network.jitter)
    assert repr(form) == "DurationGamma(mean=1000000, shape=2.0)"


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"chains.jc.validatrs": 3}, "--set chains.jc.validatrs: no such key; did you mean 'validators'?"),
        ({"chains.xx.validators": 4}, "--set chains.xx.validators: 'xx' is not an id in chains; ids: jc, exe"),
        ({"faults.1.at": "1s"}, "--set faults.1.at: '1' is not an element of faults; elements: none, it is empty"),
        ({"network.links.-1.loss": "1%"}, "--set network.links.-1.loss: '-1' is not an element of network.links; "),
        ({"": 1}, "--set: no such key"),
        ({"chains.jc.validators.x": 1}, "--set chains.jc.validators.x: no such key"),
        ({"extends": "x.yaml"}, "--set extends: no such key"),
        ({"seed": None}, "--set seed: has no value"),
        ({"seed": ""}, "--set seed: has no value"),
        ({"seed": {1, 2}}, "--set seed: is a Python set; needs text, a number, a list or a map"),
        ({"seed": float("inf")}, "--set seed: is 'inf': is not finite"),
        ({"seed": True}, "--set seed: is 'true': needs a plain decimal number"),
        ({"network.loss": 0.05}, "--set network.loss: is '0.05': needs a share in percent; write 5%"),
        ({"horizon": 600}, "--set horizon: is '600': needs a duration with a unit"),
        ({"chains.jc.validators": 0}, "--set chains.jc.validators: is '0': a chain needs at least one validator"),
        ({"chains.jc": {"validators": 4}}, "--set chains.jc.block: is missing"),
        ({"network.delays": "nowhere.yaml"}, "--set network.delays: nowhere.yaml: no such file"),
    ],
)
def test_an_override_that_cannot_be_is_refused(
    write: Callable[[str], Path], overrides: dict[str, object], line: str
) -> None:
    found = problem_lines(write(HEAD), overrides)
    assert found[0].startswith(line)
    assert len(found) == (6 if overrides == {"chains.jc": {"validators": 4}} else 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a.b", "--set a.b: is no assignment; needs a.b.c=value"),
        ("=3", "--set =3: is no assignment; needs a.b.c=value"),
        ("faults=[", "--set faults: not valid YAML: "),
        ("faults={a: 1, a: 2}", "--set faults: a: duplicate key"),
        ("seed=", "--set seed: has no value"),
    ],
)
def test_an_assignment_that_is_none_is_refused(text: str, line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_assignments([text])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_an_override_given_twice_is_refused() -> None:
    with pytest.raises(ScenarioError, match="--set seed: is given twice"):
        parse_assignments(["seed=1", "seed=2"])


def test_a_bound_has_the_unit_of_its_metric(write: Callable[[str], Path]) -> None:
    slo = load(
        write(
            f"{HEAD}slo:\n"
            "  - {metric: chains.jc.commit_latency_s.p99, at_most: 1500ms}\n"
            "  - {metric: chains.jc.storage_bytes, at_most: 2GB}\n"
            "  - {metric: chains.jc.goodput_tps, at_least: 60/min}\n"
            "  - {metric: chains.jc.throughput_tps, at_least: 2}\n"
            "  - {metric: proofs.mismatch, equals: 0}\n"
        )
    ).slo
    assert [bound.at_most or bound.at_least or bound.equals for bound in slo] == [1.5, 2e9, 1.0, 2.0, 0.0]


@pytest.mark.parametrize("word", ["no", "on", "yes", "off", "2022-12-26", "12:30", "017", "1e3", "true"])
def test_where_text_is_due_every_word_is_text(write: Callable[[str], Path], word: str) -> None:
    assert load(write(f"{HEAD}assumptions: {{a: {word}}}\n")).assumptions == {"a": word}


def test_an_alias_of_a_map_can_be_overridden_in_one_of_its_places(write: Callable[[str], Path]) -> None:
    file = write(HEAD + "workload:\n  records: &r {chain: jc, rate: 1/s, size: 1kB}\n  others: *r\n")
    scenario = load(file, set={"workload.others.rate": "7/s"})
    assert (scenario.workload["records"].rate, scenario.workload["others"].rate) == (1.0, 7.0)


def test_a_scenario_can_be_sent_to_a_worker(write: Callable[[str], Path]) -> None:
    texts = ["workload.records.size={truncated: {of: {gamma: {mean: 1kB, shape: 2}}, low: 1B, high: 9kB}}"]
    scenario = load(write(HEAD), set=parse_assignments(texts))
    received = pickle.loads(pickle.dumps(scenario))  # noqa: S301 - written one line above
    assert received == scenario
    assert received.source == scenario.source


def test_a_scenario_cannot_be_changed(write: Callable[[str], Path]) -> None:
    scenario = load(write(HEAD))
    with pytest.raises(ValidationError, match="frozen"):
        scenario.seed = 2  # type: ignore[misc] - the point of the test
    with pytest.raises(ValidationError, match="frozen"):
        scenario.chains["jc"].validators = 2  # type: ignore[misc] - as above


def test_the_json_schema_accepts_what_loads_and_refuses_what_does_not(write: Callable[[str], Path]) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    resolved = load(write(HEAD)).to_yaml()
    for text in (HEAD, BASE, resolved):
        assert not list(validator.iter_errors(_plain(parse(text, _source())[0])))
    for text in ("horizon: 10", "sed: 1", "chains: {jc: {validators: 0}}", "chains: {Jc: {}}", "slo: [{at_most: 1}]"):
        assert list(validator.iter_errors(_plain(parse(text, _source())[0])))


def _source() -> Any:  # noqa: ANN401 - a stand-in: positions are not looked at
    return None


def _plain(value: Value) -> object:
    """Return a tree as an editor sees it, which takes numbers for numbers."""
    if isinstance(value, Map):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, Scalar):
        try:
            return json.loads(value)
        except ValueError:
            return str(value)
    return [_plain(child) for child in value]


def test_the_key_reference_names_every_key_of_the_schema() -> None:
    reference = key_reference()
    for definition in json_schema()["$defs"].values():
        for key in definition.get("properties", {}):
            assert f"| `{key}` |" in reference


def test_the_scenario_room_loads_no_heavy_library() -> None:
    code = (
        "import sys, sim.scenario; "
        "print([m for m in ('numpy', 'matplotlib', 'polars', 'networkx', 'scipy', 'simpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
