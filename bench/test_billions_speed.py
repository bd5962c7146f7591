"""How fast billions of evidence records come under one root: what `billions.py` does, without its checks afterwards.

The quick set takes as many as a few seconds allow; the full one takes 2.2 billion, and the root must be the one in
`results/reference`.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from billions import FULL_SIZE, Progressed, commit
from kernels import kernel
from measure import Items, whole

from sim.proof import SHA256, SM3, lanes, merkle
from sim.study.executors import Threads
from sim.study.subtrees import Work

if TYPE_CHECKING:
    from measure import Measure

    from sim.proof.suites import HashSuite

REFERENCE = Path(__file__).parent.parent / "results" / "reference"
COMPRESSIONS = {"digests": 3, "records": 6}
"""Of a record: a leaf of 33 bytes takes one and one of 241 bytes four, and a node takes two."""


@pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)
@pytest.mark.parametrize("mode", COMPRESSIONS)
@pytest.mark.parametrize(
    "records",
    [1 << 23, pytest.param(FULL_SIZE, marks=pytest.mark.full)],
    ids=["8 million", "2.2 billion"],
)
@whole
def test_commit(measure: Measure, suite: HashSuite, mode: str, records: int) -> None:
    """Goal: 0.75 of the bare kernel's rate, by all processors; making the records counts as ours."""
    threads = lanes.usable_threads()
    options = Namespace(records=records, checkpoint=None, checkpoint_every=10.0)
    executor = Threads(threads)

    def run() -> Progressed:
        state = Progressed(merkle.CompactRange(suite), segment_height=20)
        commit(state, Work(suite.name, mode), options, executor)
        return state

    done = measure(
        run,
        Items(records, mode, lambda state: state.range.end),
        limit=kernel(suite, COMPRESSIONS[mode], threads, 0.75),
        rounds=1 if records == FULL_SIZE else 3,
    )
    if records == FULL_SIZE:
        known = json.loads((REFERENCE / f"billions-{suite.name}-{mode}.json").read_text(encoding="utf-8"))
        assert done.range.root().hex() == known["root"]
