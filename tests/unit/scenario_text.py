"""A scenario in three files, for tests that read it whole or with something wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.scenario import ScenarioError, load

if TYPE_CHECKING:
    from pathlib import Path

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


def problem_lines(file: Path, overrides: dict[str, object] | None = None) -> list[str]:
    """What is told of a file that does not load, a line for each problem."""
    with pytest.raises(ScenarioError) as caught:
        load(file, set=overrides)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    return lines
