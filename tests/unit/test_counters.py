"""Draws by entity: the same words as NumPy's Philox at the same counter."""

import numpy as np

from sim.kernel.counters import Counters, uniforms
from sim.kernel.draws import Draws


def test_words_are_those_of_numpys_philox_at_the_counter_of_step_entity_and_purpose() -> None:
    counters = Counters(Draws(7), "cases")
    steps = np.array([0, 1, 5, 2**40], dtype=np.int64)
    entities = np.array([0, 3, 2**63 + 17, 2**64 - 1], dtype=np.uint64)
    words = counters.words(steps, entities, 2)
    for step, entity, row in zip(steps.tolist(), entities.tolist(), words, strict=True):
        oracle = np.random.Philox(key=counters.key, counter=np.array([step, entity, 2, 0], dtype=np.uint64))
        assert row.tolist() == oracle.random_raw(4).tolist()


def test_uniforms_lie_inside_the_open_interval() -> None:
    ends = uniforms(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert 0 < ends[0] < ends[1] < 1
