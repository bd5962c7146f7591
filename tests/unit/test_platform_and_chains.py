"""Requests that come through the verification platform get their answers by real proofs, from a copy that lags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import chain, small

from sim.build import build, measure
from sim.casework.definition import Answer
from sim.casework.emissions import Asked, Deposited, Emissions
from sim.casework.isolation import Isolation
from sim.casework.platform import Limit, Platform, Settings
from sim.chain.verification import ABSENT, ALTERED, GENUINE
from sim.kernel.distributions import Constant
from sim.kernel.draws import Draws

if TYPE_CHECKING:
    from pathlib import Path

    from sim.casework.emissions import Measured

MS = 1_000_000
COUNT = 60
LAG_NS = 400 * MS
USUAL = Settings(
    servers=2,
    service=Constant(2 * MS),
    room=100,
    per_client=Limit(),
    everybody=Limit(),
    tries=1,
    backoff=Constant(MS),
    patience_ns=10_000 * MS,
    isolation=Isolation(20 * MS, Constant(5 * MS)),
    copy_in_front=False,
    lag_ns=LAG_NS,
    pending=False,
    age=Constant(200 * MS),
    users=1000,
    province=0,
)


def emissions(presented: int) -> Emissions:
    """A thousand records in two seconds, and requests in the second one."""
    zeros = np.zeros(1000, dtype=np.int64)
    keys = np.arange(1, 1001, dtype=np.uint64)
    records = Deposited(keys, np.arange(1000) * 2 * MS, zeros, zeros, zeros, ("w/one",))
    few = np.zeros(COUNT, dtype=np.int64)
    asked = Asked(
        key=np.arange(10_000, 10_000 + COUNT, dtype=np.uint64),
        time_ns=1000 * MS + np.arange(COUNT) * 8 * MS,
        province=few,
        presented=few + presented,
        public=np.ones(COUNT, dtype=np.bool_),
        of=few,
        kinds=("w/one",),
    )
    return Emissions(deposits={"a": records}, checks={"a": asked})


def answered(settings: Settings, presented: int, folder: Path) -> Measured:
    """What those who asked got to know."""
    routed = Platform(settings, Draws(3)).route(emissions(presented))
    scenario = small(folder, horizon="3s", chains={"a": chain(fidelity="message")}, workload={})
    alliance = build(scenario, 3, emissions=routed.emissions)
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    measured = routed.answered(measure(alliance))
    mine = np.flatnonzero(measured.key >= 10_000)
    return type(measured)(measured.key[mine], measured.delay_ns[mine], measured.answer[mine])


def test_what_was_deposited_since_the_copy_is_not_found_and_what_is_older_passes(tmp_path: Path) -> None:
    assert set(answered(USUAL, GENUINE, tmp_path).answer.tolist()) == {Answer.NOT_FOUND}
    older = replace(USUAL, age=Constant(700 * MS))
    assert set(answered(older, GENUINE, tmp_path).answer.tolist()) == {Answer.PASS}


def test_a_pending_request_is_answered_when_the_copy_has_caught_up(tmp_path: Path) -> None:
    at_once = answered(USUAL, GENUINE, tmp_path)
    pending = answered(replace(USUAL, pending=True), GENUINE, tmp_path)
    assert set(pending.answer.tolist()) == {Answer.PASS}
    later_ns = pending.delay_ns - at_once.delay_ns
    # One more look after the lag; the gateway's batches are 20 ms apart.
    assert (abs(later_ns - LAG_NS) <= 40 * MS).all()


@pytest.mark.parametrize(("presented", "answer"), [(ABSENT, Answer.NOT_FOUND), (ALTERED, Answer.MISMATCH)])
def test_pending_changes_no_answer_to_what_is_forged(presented: int, answer: Answer, tmp_path: Path) -> None:
    settings = replace(USUAL, pending=True)
    assert set(answered(settings, presented, tmp_path).answer.tolist()) == {answer}
