"""Reading scenario files: extends, overrides, references, YAML's traps, and every bad input with its one clear line."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import ValidationError

from sim.scenario import ScenarioError, json_schema, key_reference, load, parse_assignments
from sim.scenario.distributions import form_of, to_kernel
from sim.scenario.yamltree import Map, Scalar, Value, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sim.scenario import Scenario

MATRIX = """\
name: three regions
source: made up for this test
regions:
  beijing: {name: Beijing, zh: 北京, latitude: 39.9, longitude: 116.4}
  shanghai: {name: Shanghai, zh: 上海, latitude: 31.2, longitude: 121.5}
  xinjiang: {name: Xinjiang, zh: 新疆, latitude: 43.8, longitude: 87.6}
within: 0.5ms
one_way:
  beijing: {shanghai: 11.2ms, xinjiang: 24ms}
  shanghai: {beijing: 12ms, xinjiang: 33ms}
"""
BASE = """\
network:
  delays: ../networks/three.yaml
  bandwidth: 100Mbit/s
  jitter: {exponential: {mean: 1ms}}
  links:
    - {between: [beijing, xinjiang], transport: datagram, loss: 0.1%}
members:
  spc: {name: Supreme court, zh: 最高法}
zones:
  intranet: {name: Intranet, zh: 内网}
chains:
  jc:
    member: spc
    zone: intranet
    consensus: {protocol: pbft}
    validators: 4
    observers: 2
    hash: sm3
    block: {max_transactions: 1e3, max_bytes: 2MB, interval: 500ms}
    regions: [beijing, shanghai]
  exe:
    member: spc
    zone: intranet
    consensus: {protocol: pbft, timeout: 5s}
    validators: 7
    hash: sha256
    block: {max_transactions: 500, max_bytes: 1MB, interval: 1s}
    regions: [xinjiang]
costs: {hash: 1us, hash_per_kilobyte: 3us, sign: 50us, verify: 100us, execute: 20us, proof: 0ns}
profiles:
  office: {working_days_per_year: 249, office_hours: 09:00-12:00, office_share: 70%, hourly_weights: [1, 2, 1.5]}
workload:
  records: {chain: jc, rate: 1.005e9/year, profile: office, size: {lognormal: {median: 600B, p99: 2kB}}}
  checks: {chain: jc, action: verify, of: records, rate: 3/s, absent: 1%}
"""
HEAD = """\
extends: base/alliance.yaml
name: quickstart
question: Does it hold?
start: 2022-12-26T09:00+08:00
horizon: 10min
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put the base and the matrix in place; return a writer of the scenario that extends them."""
    monkeypatch.chdir(tmp_path)
    for folder, name, text in (("networks", "three", MATRIX), ("base", "alliance", BASE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def write_scenario(text: str) -> Path:
        file = tmp_path / "s.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_scenario


def _lines(file: Path, overrides: dict[str, object] | None = None) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load(file, set=overrides)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    return lines


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
    (found,) = _lines(file)
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
        ("{uniform: {mean: 1ms}}", "network.jitter.uniform: no such key; did you mean 'normal'?"),
        ("5MB", "network.jitter: is a size (5MB); needs a duration"),
    ],
)
def test_a_distribution_that_cannot_be_is_refused(write: Callable[[str], Path], text: str, message: str) -> None:
    (line,) = _lines(write(HEAD), parse_assignments([f"network.jitter={text}"]))
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
    found = _lines(write(HEAD), overrides)
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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seed: 017", "s.yaml:6:7: seed: is '017': has a leading zero"),
        ("seed: 12:30", "s.yaml:6:7: seed: is '12:30': looks like a time, which YAML 1.1 reads in base 60"),
        ("seed: 1_000", "s.yaml:6:7: seed: is '1_000': has a digit separator"),
        ("seed: yes", "s.yaml:6:7: seed: is 'yes': needs a plain decimal number"),
        ("seed: .inf", "s.yaml:6:7: seed: is '.inf': is not finite"),
        ('seed: "31"', "s.yaml:6:7: seed: is the quoted text '31'; needs a whole number ≥ 0, without quotes"),
        ("seed:", "s.yaml:6:6: seed: has no value"),
        ("seed: null", "s.yaml:6:7: seed: has no value"),
        ("faults: ~", "s.yaml:6:9: faults: has no value"),
        ("seed: -1", "s.yaml:6:7: seed: is '-1': must be ≥ 0"),
        ("seed: [1]", "s.yaml:6:1: seed: is a list; needs a whole number ≥ 0"),
        ("horizn: 3s", "s.yaml:6:1: horizn: no such key; did you mean 'horizon'?"),
        ("name: other", "s.yaml:6:1: name: duplicate key; first written at line 2, column 1"),
        ("<<: {seed: 3}", "s.yaml:6:1: <<: the merge key << is not supported; use extends"),
        ("seed: !!python/object:os.system 3", "s.yaml:6:7: seed: the tag tag:yaml.org,2002:python/object:os.system"),
        ("seed: !!int 3", "s.yaml:6:7: seed: the tag tag:yaml.org,2002:int is not supported; remove it"),
        ("? [a]\n: 3", "s.yaml:6:3: a map or list stands where a key is due; needs text"),
        ("assumptions: {A: text}", "s.yaml:6:15: assumptions.A: is 'A': an id is made of lower-case letters"),
        (
            'assumptions: {a: "\\x1b[31m"}',
            "s.yaml:6:18: assumptions.a: is '\\x1b[31m': holds the control character U+001B",
        ),
        ('assumptions: {a: "x\\N"}', "s.yaml:6:18: assumptions.a: is 'x\\x85': holds the control character U+0085"),
        ("seed: |-\n  1\n  2", "s.yaml:6:7: seed: is the quoted text '1\\n2'; needs a whole number"),
        ("faults: {at: 3s}", "s.yaml:6:1: faults: is a map; needs a list"),
        ("members: [spc]", "s.yaml:6:1: members: is a list; needs a map by id"),
        ("network: fast", "s.yaml:6:10: network: is the text 'fast'; needs a map with the keys delays, jitter"),
        (
            "network: {bandwidth: 0bit/s}",
            "s.yaml:6:22: network.bandwidth: is '0bit/s': a bandwidth must be more than 0",
        ),
        ("workload: {records: {rate: 20ms}}", "s.yaml:6:28: workload.records.rate: is a duration (20ms); needs a rate"),
        ("workload: {records: {rate: -5/s}}", "s.yaml:6:28: workload.records.rate: is '-5/s': a rate must be ≥ 0"),
        ("chains: {jc: {validators: 0}}", "s.yaml:6:27: chains.jc.validators: is '0': a chain needs at least one"),
        ("chains: {jc: {fidelity: round}}", "s.yaml:6:25: chains.jc.fidelity: is 'round': needs one of message"),
        ("expect: fail", "s.yaml:6:9: expect: is 'fail': needs one of pass, slo-missed"),
        ("chains: {jc: {regions: []}}", "s.yaml:6:15: chains.jc.regions: has 0 entries; needs at least 1"),
        ("chains: {jc: {regions: [beijing, beijing]}}", "s.yaml:6:34: chains.jc.regions.1: 'beijing' is repeated"),
        (
            "network: {links: [{between: [beijing]}]}",
            "s.yaml:6:20: network.links.0.between: has 1 entries; needs at lea",
        ),
        (
            "profiles: {office: {hourly_weights: [1]}}",
            "s.yaml:6:21: profiles.office.hourly_weights: has 1 weights for 3",
        ),
        (
            "profiles: {office: {office_hours: 09:30-12:30}}",
            "s.yaml:6:35: profiles.office.office_hours: needs whole ho",
        ),
    ],
)
def test_bad_input_gets_one_clear_line(write: Callable[[str], Path], text: str, line: str) -> None:
    (found,) = _lines(write(f"{HEAD}{text}\n"))
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "workload: {records: {chain: jcc}}",
            "workload.records.chain: 'jcc' is not a chain; did you mean 'jc'? chains: jc",
        ),
        (
            "workload: {records: {profile: night}}",
            "workload.records.profile: 'night' is not a profile; profiles: office",
        ),
        ("workload: {checks: {of: record}}", "workload.checks.of: 'record' is not a stream; did you mean 'records'?"),
        ("workload: {checks: {of: checks}}", "workload.checks.of: 'checks' does not deposit; needs a deposit stream"),
        (
            "workload: {checks: {chain: exe, of: records}}",
            "workload.checks.of: 'records' deposits on jc; needs a stream that",
        ),
        ("workload: {checks: {size: 1kB}}", "workload.checks.size: belongs to action: deposit"),
        ("workload: {records: {absent: 5%}}", "workload.records.absent: belongs to action: verify"),
        ("workload: {records: {of: records}}", "workload.records.of: belongs to action: verify"),
        ("workload: {checks: {altered: 99.5%}}", "workload.checks.altered: must leave absent and altered together"),
        ("workload: {more: {chain: jc, rate: 1/s}}", "workload.more.size: is missing; a deposit needs the size"),
        ("chains: {jc: {member: scp}}", "chains.jc.member: 'scp' is not a member; did you mean 'spc'?"),
        ("chains: {jc: {zone: dmz}}", "chains.jc.zone: 'dmz' is not a zone; zones: intranet"),
        ("chains: {jc: {regions: [beijng]}}", "chains.jc.regions.0: 'beijng' is not a region; did you mean 'beijing'?"),
        ("network: {links: [{between: [beijing, tibet]}]}", "network.links.0.between.1: 'tibet' is not a region; reg"),
        ("network: {links: [{between: [beijing, beijing]}]}", "network.links.0.between.1: 'beijing' is repeated"),
        (
            "network: {links: [{between: [beijing, shanghai]}, {between: [shanghai, beijing]}]}",
            "network.links.1.between: this pair of regions has a link already",
        ),
        ("faults: [{at: 1s, action: crash, chain: jd, nodes: [0]}]", "faults.0.chain: 'jd' is not a chain; chains: jc"),
        (
            "faults: [{at: 1s, action: crash, chain: jc, nodes: [6]}]",
            "faults.0.nodes.0: jc has no node 6; its nodes are",
        ),
        ("faults: [{at: 1s, action: crash, chain: jc, nodes: [1, 1]}]", "faults.0.nodes.1: node 1 is repeated"),
        ("faults: [{at: 10min, action: crash, chain: jc, nodes: [1]}]", "faults.0.at: must be before the horizon, whi"),
        ("faults: [{at: 1s, for: 0s, action: crash, chain: jc, nodes: [1]}]", "faults.0.for: is '0s': this duration "),
        ("slo: [{metric: chains.jd.blocks, at_least: 1}]", "slo.0.metric: is 'chains.jd.blocks': 'jd' is not a chain"),
        ("slo: [{metric: chains.jc.latency, at_most: 1}]", "slo.0.metric: is 'chains.jc.latency': no such metric 'lat"),
        (
            "slo: [{metric: proofs.mismatched, equals: 0}]",
            "slo.0.metric: is 'proofs.mismatched': no such metric 'mismat",
        ),
        ("slo: [{metric: crosschain.x, equals: 0}]", "slo.0.metric: is 'crosschain.x': a metric starts with chains.<i"),
        ("slo: [{metric: chains.jc.commit_latency_s.p99, at_most: 3}]", "slo.0.at_most: is '3': write 3s; needs a dur"),
        ("slo: [{metric: chains.jc.storage_bytes, at_most: 3s}]", "slo.0.at_most: is a duration (3s); needs a size"),
        ("slo: [{metric: chains.jc.rejected, equals: 3s}]", "slo.0.equals: is '3s': needs a plain decimal number"),
        ("slo: [{metric: chains.jc.rejected}]", "slo.0: has 0 bounds; needs exactly one of at_most, at_least, equals"),
        ("slo: [{metric: chains.jc.rejected, equals: 0, at_most: 1}]", "slo.0: has 2 bounds; needs exactly one"),
    ],
)
def test_what_refers_to_nothing_or_breaks_a_rule_gets_one_clear_line(
    write: Callable[[str], Path], text: str, line: str
) -> None:
    (found,) = _lines(write(f"{HEAD}{text}\n"))
    place, path, rest = found.split(": ", 2)
    assert place.startswith("s.yaml:6:")
    assert f"{path}: {rest}".startswith(line)


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


def test_all_problems_come_at_once_in_the_order_of_the_files(write: Callable[[str], Path], tmp_path: Path) -> None:
    base = tmp_path / "base" / "alliance.yaml"
    base.write_text(BASE.replace("validators: 7", "validators: seven"), encoding="utf-8")
    matrix = tmp_path / "networks" / "three.yaml"
    matrix.write_text(MATRIX.replace("{beijing: 12ms, xinjiang: 33ms}", "{tibet: 3ms}"), encoding="utf-8")
    text = "extends: base/alliance.yaml\nname: Q\nname: q\nhorizon: 10\nsed: 1\nchains: {exe: {member: scp}}\n"
    assert [line.split("; ")[0].removesuffix(" such as 3, 0.5 or 1e3") for line in _lines(write(text))] == [
        "base/alliance.yaml:25:17: chains.exe.validators: is 'seven': needs a plain decimal number",
        "networks/three.yaml:10:14: network.delays.one_way.shanghai.tibet: 'tibet' is not a region",
        "s.yaml:1:1: question: is missing (What the scenario is to answer)",
        "s.yaml:1:1: start: is missing (Civil time at which the simulation starts)",
        "s.yaml:2:7: name: is 'Q': an id is made of lower-case letters, digits and hyphens, and starts with a letter",
        "s.yaml:3:1: name: duplicate key",
        "s.yaml:4:10: horizon: is '10': needs a duration with a unit, such as 20ms, 1.5s, 10min or P3D",
        "s.yaml:5:1: sed: no such key",
        "s.yaml:6:24: chains.exe.member: 'scp' is not a member",
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "s.yaml:1:1: the file is empty"),
        (b"# only a comment\n", "s.yaml:1:1: the file is empty"),
        (b"\x7fELF\0\1", "s.yaml:1:5: holds a NUL byte; needs a YAML text file"),
        (b"name: a\nquestion: \xff\n", "s.yaml:2:11: is not UTF-8; needs a YAML text file"),
        (b"name: \x01\n", "s.yaml:1:7: not valid YAML: the character U+0001"),
        (b"- a\n", "s.yaml:1:1: is a list; needs a map of keys"),
        (b"text\n", "s.yaml:1:1: is a single text; needs a map of keys"),
        (b"a: 1\n---\nb: 2\n", "s.yaml:2:1: a second document starts here; needs one document per file"),
        (b"a: [1\nb: 2", "s.yaml:2:2: "),
        (b"\ta: 1\n", "s.yaml:1:1: not valid YAML: "),
        (b"a: *b\n", "s.yaml:1:4: a: the alias *b has no anchor &b before it"),
        (b"a: &a [*a]\n", "s.yaml:1:8: a.0: the alias *a refers to a value that contains it"),
        (b"[" * 10_000, "s.yaml:1:33: 0.0.0"),
        (b"a: [" + b"0," * 200_000 + b"]\n", "s.yaml:1:199999: a.99997: the file holds more than 100,000 values"),
        (b"# " + b"x" * 2**20, "s.yaml: is 1,048,578 bytes large; a scenario file may have 1,048,576 at most"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_file_that_is_no_scenario_gets_one_line(write: Callable[[str], Path], content: bytes, line: str) -> None:
    file = write("")
    file.write_bytes(content)
    found = _lines(file)[0]
    assert found.startswith(line)
    assert len(_lines(file)) == 1


def test_aliases_that_explode_are_refused_without_exploding(write: Callable[[str], Path]) -> None:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    levels += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    began = time.perf_counter()
    (line,) = _lines(write("\n".join(levels)))
    assert "more than 100,000 values, aliases expanded" in line
    assert time.perf_counter() - began < 1


def test_an_alias_of_a_map_can_be_overridden_in_one_of_its_places(write: Callable[[str], Path]) -> None:
    file = write(HEAD + "workload:\n  records: &r {chain: jc, rate: 1/s, size: 1kB}\n  others: *r\n")
    scenario = load(file, set={"workload.others.rate": "7/s"})
    assert (scenario.workload["records"].rate, scenario.workload["others"].rate) == (1.0, 7.0)


def test_a_large_file_is_refused_before_it_is_read(write: Callable[[str], Path]) -> None:
    file = write("")
    os.truncate(file, 50 * 2**20)
    assert _lines(file) == ["s.yaml: is 52,428,800 bytes large; a scenario file may have 1,048,576 at most"]


def test_what_is_no_file_gets_one_clear_line(write: Callable[[str], Path], tmp_path: Path) -> None:
    write(HEAD)
    os.mkfifo(tmp_path / "pipe")
    assert _lines(tmp_path / "none.yaml") == ["none.yaml: no such file"]
    assert _lines(tmp_path / "base") == ["base: is a directory; needs a YAML file"]
    assert _lines(tmp_path / "pipe") == ["pipe: is not a regular file; needs a YAML file"]
    assert _lines(tmp_path / "s.yaml" / "x") == ["s.yaml/x: Not a directory"]
    assert _lines(tmp_path / ("x" * 300))[0].endswith(": File name too long")


@pytest.mark.parametrize(
    ("extends", "line"),
    [
        ("nowhere.yaml", "s.yaml:1:10: extends: nowhere.yaml: no such file"),
        ("base", "s.yaml:1:10: extends: base: is a directory; needs a YAML file"),
        ("[a, b]", "s.yaml:1:1: extends: is a list; needs text; needs the path of a file"),
        ("s.yaml", "s.yaml:1:10: extends: is a cycle: s.yaml extends s.yaml"),
        ("loop.yaml", "loop.yaml:1:10: extends: is a cycle: s.yaml extends loop.yaml extends s.yaml"),
    ],
)
def test_an_extends_that_leads_nowhere_is_refused(
    write: Callable[[str], Path], tmp_path: Path, extends: str, line: str
) -> None:
    (tmp_path / "loop.yaml").write_text("extends: s.yaml\n", encoding="utf-8")
    assert line in _lines(write(f"extends: {extends}\n"))


def test_a_scenario_loads_from_any_directory(
    write: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(HEAD)
    here = load("s.yaml")
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(away)
    assert load(file) == here
    (away / "resolved.yaml").write_text(here.to_yaml(), encoding="utf-8")
    assert load("resolved.yaml") == here
    file.write_text("a: [", encoding="utf-8")
    assert _lines(file)[0].startswith(f"{file}:")


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


def test_a_file_with_a_byte_order_mark_and_windows_lines_loads(write: Callable[[str], Path]) -> None:
    plain = load(write(HEAD))
    file = write("")
    file.write_bytes(b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode())
    assert load(file) == plain


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
