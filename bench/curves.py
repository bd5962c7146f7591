"""Throughput-latency curves of every protocol at several sizes, in one figure and one table of numbers.

    python bench/curves.py            # about three minutes; writes results/reference/curves.json and curves.png

Each point is one run of `curves.yaml` at one offered load; latency is the mean of the transactions sent in the middle
half of the run and committed by its end, throughput what was committed in the second half.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from rich.progress import track

import sim
from sim.consensus.registry import protocols
from sim.report import style

HERE = Path(__file__).parent
TARGET = HERE.parent / "results" / "reference"
SIZES = (4, 16, 31, 64, 100)
LOADS = (100, 300, 1000, 2000, 4000, 8000)
MARKERS, LINES = "osD^vPX", ("-", "-", "-", "-", "-", "--", ":")
"""One of each for every protocol."""
SATURATED = 0.7
"""A chain that commits less than this share of what is offered is past its limit: larger loads show nothing new."""


def point(protocol: str, validators: int, load: int) -> dict[str, float | int | str]:
    """One run."""
    settings = {
        "chains.c.consensus.protocol": protocol,
        "chains.c.validators": validators,
        "workload.load.rate": f"{load}/s",
    }
    run = sim.run(sim.load(HERE / "curves.yaml", set=settings))
    end_ns = run.summary["simulated_s"] * 1e9
    done = run.table("transactions").filter(pl.col("outcome") == "committed")
    middle = done.filter(pl.col("intended_ns").is_between(end_ns / 4, end_ns * 3 / 4))
    latency_ns = (middle["executed_ns"] - middle["intended_ns"]).mean()
    late = done.filter(pl.col("executed_ns") > end_ns / 2).height
    bound = run.summary["chains"]["c"]["bottleneck"]
    return {
        "protocol": protocol,
        "validators": validators,
        "offered_tps": load,
        "throughput_tps": late / (end_ns / 2e9),
        "latency_s": float(latency_ns) / 1e9 if isinstance(latency_ns, float) else float("nan"),
        "throughput_bound": bound["throughput"]["resource"],
        "latency_bound": bound["latency"]["cause"],
    }


def draw(points: list[dict[str, float | int | str]], path: Path) -> None:
    """A panel per size, a line per protocol."""
    import matplotlib.pyplot as plt

    plot, panels = plt.subplots(1, len(SIZES), figsize=(13, 3.6), sharey=True, layout="constrained")
    looks = list(zip(protocols(), MARKERS, (*style.SERIES, style.ALARM, style.BLUE), LINES, strict=True))
    for axes, size in zip(panels, SIZES, strict=True):
        for protocol, marker, colour, line in looks:
            mine = [p for p in points if p["protocol"] == protocol and p["validators"] == size]
            axes.loglog(
                [p["throughput_tps"] for p in mine],
                [p["latency_s"] for p in mine],
                marker=marker,
                markersize=4,
                linewidth=1.2,
                linestyle=line,
                color=colour,
                label=protocol,
            )
        axes.set_title(f"n = {size}", fontsize=10)
        axes.set_xlabel("committed, transactions/s")
        axes.grid(visible=True, which="major", color="0.9")
    panels[0].set_ylabel("mean commit latency, s")
    panels[0].legend(fontsize=8, frameon=False)
    plot.savefig(path, dpi=130)
    plt.close(plot)


def main() -> None:
    """Every protocol, size and load until the chain is past its limit; nothing is written before all is done."""
    points = []
    for protocol, size in track([(p, n) for p in protocols() for n in SIZES], "curves"):
        for load in LOADS:
            points.append(point(protocol, size, load))
            if float(points[-1]["throughput_tps"]) < SATURATED * load:
                break
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "curves.json").write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    draw(points, TARGET / "curves.png")


if __name__ == "__main__":
    main()
