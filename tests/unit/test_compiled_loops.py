"""Compiled loops where numba can't keep its files."""

from __future__ import annotations

import os
import subprocess
import sys

SHOWN = """
import numpy as np
from sim.chain.rounds import vote
from sim.chain.train import Busy, Shape, Work
one, votes = np.full((1, 1), 100, dtype=np.int64), np.full(3, 10, dtype=np.int64)
work = Work(one, one, one, one, np.zeros((1, 1, 4), dtype=np.int64), np.zeros((1, 1), dtype=np.bool_), votes, votes, 10)
delays = [np.full((1, 4, 4), 1000, dtype=np.int64)] * 4
print(vote(Shape(4, 3, leader_votes=False, ordered=True), 0, one, work, delays, Busy.idle(4)).decided.tolist())
"""


def shown(**environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", SHOWN]
    done = subprocess.run(command, env={**os.environ, **environment}, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_loops_run_where_no_place_takes_numbas_files() -> None:
    # The only place that is left is a directory that nobody names.
    assert shown(NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator") == shown()
