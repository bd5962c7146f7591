"""What is wrong in a scenario: every bad input with its one clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scenario_text import BASE, HEAD, MATRIX, problem_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
    (found,) = problem_lines(write(f"{HEAD}{text}\n"))
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
        ("chains: {jc: {block: {interval: 3s}}}", "chains.jc.block.interval: a leader who waits so long for company"),
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
        ("slo: [{metric: case.x, equals: 0}]", "slo.0.metric: is 'case.x': a metric starts with chains.<id>"),
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
    (found,) = problem_lines(write(f"{HEAD}{text}\n"))
    place, path, rest = found.split(": ", 2)
    assert place.startswith("s.yaml:6:")
    assert f"{path}: {rest}".startswith(line)


def test_all_problems_come_at_once_in_the_order_of_the_files(write: Callable[[str], Path], tmp_path: Path) -> None:
    base = tmp_path / "base" / "alliance.yaml"
    base.write_text(BASE.replace("validators: 7", "validators: seven"), encoding="utf-8")
    matrix = tmp_path / "networks" / "three.yaml"
    matrix.write_text(MATRIX.replace("{beijing: 12ms, xinjiang: 33ms}", "{tibet: 3ms}"), encoding="utf-8")
    text = "extends: base/alliance.yaml\nname: Q\nname: q\nhorizon: 10\nsed: 1\nchains: {exe: {member: scp}}\n"
    assert [line.split("; ")[0].removesuffix(" such as 3, 0.5 or 1e3") for line in problem_lines(write(text))] == [
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
