"""Measure this project beside what else pip installs, and write a table and a figure.

    python -m bench.peers            # by `make peers`, in an environment of its own; writes results/reference/peers.*

Nothing is written before everybody has come to the same results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import ssl
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.peers.contests import LEFT_OUT, Contest, contests
from bench.peers.figure import draw
from bench.peers.table import as_markdown

TARGET = Path(__file__).parents[2] / "results" / "reference"


def main() -> None:
    """All rounds of all contests, then the files."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--out", type=Path, default=TARGET, help="where peers.json, peers.md and peers.png go")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    load_before = os.getloadavg()
    entered = contests()
    for contest in entered:
        _play(contest, options.rounds)
    result = {
        "schema": 1,
        "command": "make peers",
        "rounds": options.rounds,
        "machine": _machine() | {"load_before": load_before, "load_after": os.getloadavg()},
        "contests": {contest.key: _outcome(contest) for contest in entered},
        "left_out": LEFT_OUT,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "peers.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (options.out / "peers.md").write_text(as_markdown(result), encoding="utf-8")
    draw(result, options.out / "peers.png")
    print(f"wrote {options.out}/peers.json, peers.md and peers.png")


def _play(contest: Contest, rounds: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(contest.title, total=(1 + rounds) * len(contest.contestants))
        for _ in contest.warm_up():
            bar.advance(task)
        for _ in range(rounds):
            for _ in contest.round():
                bar.advance(task)


def _outcome(contest: Contest) -> dict[str, Any]:
    """What is kept of a contest."""
    players = sorted(contest.contestants, key=lambda player: -contest.best[player.name])
    return {
        "title": contest.title,
        "unit": contest.unit,
        "checked": contest.checked,
        "rates_per_s": {
            player.name: {
                "rate": float(f"{contest.best[player.name]:.4g}"),
                "package": player.package,
                "version": player.package and version(player.package),
            }
            for player in players
        },
    }


def _machine() -> dict[str, Any]:
    """What rates depend on."""
    import llvmlite.binding
    import numba

    return {
        "processor": llvmlite.binding.get_host_cpu_name(),
        "processors": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "numba": numba.__version__,
        "simpy": version("simpy"),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


if __name__ == "__main__":
    sys.exit(main())
