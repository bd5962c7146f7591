"""The docket does what the plain interpreter does: the same ways out at the same nanosecond, for every case."""

from __future__ import annotations

import numpy as np
import pytest
from docket_kit import random_workflows, side_by_side

from sim.casework.keys import RECORD, key_of
from sim.casework.known import Known


def _agree(seed: int, known: Known | None = None) -> int:
    both = side_by_side(random_workflows(seed), seed, known=known)
    fast, plain = both.fast, both.plain
    names = both.names
    mine = [
        (time, uid, step, *names.states[names.transitions[way][0]], names.transitions[way][1].target)
        for time, uid, step, way in zip(
            fast.fired.time_ns.tolist(),
            fast.fired.uid.tolist(),
            fast.fired.step.tolist(),
            fast.fired.way.tolist(),
            strict=True,
        )
    ]
    theirs = sorted((h.time_ns, h.uid, h.step, h.workflow, h.state, h.target) for h in plain.happened)
    assert sorted(mine) == theirs
    assert fast.contracts["fickle"].calls == plain.contracts["fickle"].calls
    lost = sorted(
        (int(fast.cases.uid[case]), *names.losses[loss], time)
        for case, loss, time in zip(
            fast.lost.case.tolist(), fast.lost.loss.tolist(), fast.lost.time_ns.tolist(), strict=True
        )
    )
    assert lost == sorted(plain.lost)
    for number, deadlines in enumerate(names.deadlines):
        for slot, deadline in enumerate(deadlines):
            pair = (names.workflows[number].name, deadline)
            assert (fast.met[number, slot], fast.missed[number, slot]) == (
                plain.met.get(pair, 0),
                plain.missed.get(pair, 0),
            )
    return len(mine)


@pytest.mark.parametrize("seed", range(12))
def test_both_interpreters_agree_on_workflows_made_up_at_random(seed: int) -> None:
    assert _agree(seed) > 100


@pytest.mark.full
@pytest.mark.parametrize("seed", range(12, 300))
def test_both_interpreters_agree_on_many_workflows_made_up_at_random(seed: int) -> None:
    assert _agree(seed) > 0


def test_both_agree_when_it_is_known_what_the_chains_took() -> None:
    seed = 3
    first = side_by_side(random_workflows(seed), seed).fast.fired
    keys = np.unique(key_of(first.uid, first.step.astype(np.int64), RECORD))
    delays = np.random.default_rng(1).integers(10**9, 20 * 3600 * 10**9, len(keys))
    assert _agree(seed, Known(keys, delays, np.ones(len(keys), dtype=np.int8))) > 100
