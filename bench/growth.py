"""What a run costs as the alliance grows: fitted exponents over validators, chains, records and cases.

    python bench/growth.py            # about half an hour on two idle cores; goes on where it was interrupted
    python bench/growth.py --draw     # only the figure and the page, from the numbers that are there

Each point is a run in a process of its own, so that its memory is its own: CPU seconds (`time.process_time`, so that a
busy neighbour costs little), the highest resident memory over that of a process that has run a second of a
small chain, and what was done. The smallest size runs before in the same process, so that no point pays for loading
code. Every point is measured `ROUNDS` times and the cheapest counts. Costs are fitted as ``cost = a + c · x^k``, a
fixed part and one that grows, by least squares over logarithms of all points; the interval of ``k`` is Student's, of
these few points.

It writes results/reference/growth.json, growth.png and growth.md. The page says what splits over several machines, and
what a run of ten and a hundred times the national volume would take, from these fits.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.progress import track

import sim
from sim.kernel.engine import SECOND
from sim.report import style
from sim.study.store import as_json, write_bytes, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from sim.scenario import Scenario

ROOT: Final = Path(__file__).parent.parent
TARGET: Final = ROOT / "results" / "reference"
ROUNDS: Final = 2
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
_CASES_SCENARIO: Final = "scenarios/national-day.yaml"


@dataclass(frozen=True, slots=True)
class Axis:
    """One way in which the alliance grows.

    Attributes:
        name: of it.
        label: what is counted.
        points: the sizes that are run.
        national: the size that stands for the nation in 2022, as far as there is one.
        run: runs a size; returns what was done, by name.
    """

    name: str
    label: str
    points: tuple[float, ...]
    national: float | None
    run: Callable[[float], dict[str, float]]


def _hub(fidelity: str) -> Callable[[float], dict[str, float]]:
    def run(size: float) -> dict[str, float]:
        settings = {
            "chains.jc.validators": int(size),
            "chains.jc.fidelity": fidelity,
            "chains.jc.block.interval": "2s",
            "horizon": "60s",
        }
        return _done(sim.load(ROOT / "scenarios" / "hub-validators.yaml", set=settings))

    return run


def _chains(size: float) -> dict[str, float]:
    """So many chains like the mediation chain, each with the records of its busiest hour, for ten minutes."""
    base = sim.load(
        ROOT / "scenarios" / "national-streams.yaml", set={"horizon": "10min", "start": "2022-12-26T10:00+08:00"}
    )
    chain, stream = base.chains["med"], base.workload["mediation-records"]
    ids = [f"med-{number}" for number in range(int(size))]
    workload = {f"records-{one}": stream.model_copy(update={"chain": one}) for one in ids}
    update = {"chains": dict.fromkeys(ids, chain), "workload": workload, "slo": ()}
    return _done(base.model_copy(update=update))


def _records(size: float) -> dict[str, float]:
    """All streams of a working day's busiest hour, at so many times their rates; lines, pools and CPUs grow with them.

    Leaders are given a minute: this is about what records cost, not about whom they overload.
    """
    base = sim.load(
        ROOT / "scenarios" / "national-streams.yaml", set={"horizon": "1h", "start": "2022-12-26T10:00+08:00"}
    )
    workload = {
        name: stream.model_copy(update={"rate": (stream.rate or 0.0) * size}) for name, stream in base.workload.items()
    }
    times = max(1.0, size)
    wider = base.network.model_copy(update={"bandwidth": round(base.network.bandwidth * times)})
    signing = {operation: round(getattr(base.costs, operation) / times) for operation in ("sign", "verify")}
    faster = base.costs.model_copy(update=signing)
    limits = {"max_transactions": 100_000, "max_bytes": 200_000_000}
    chains = {
        name: chain.model_copy(
            update={
                "block": chain.block.model_copy(update=limits),
                "mempool": chain.mempool.model_copy(update={"capacity": 1_000_000}),
                "consensus": chain.consensus.model_copy(update={"timeout": 60 * SECOND}),
            }
        )
        for name, chain in base.chains.items()
    }
    grown = {"workload": workload, "chains": chains, "network": wider, "costs": faster, "slo": ()}
    return _done(base.model_copy(update=grown))


def _cases(size: float) -> dict[str, float]:
    """One pass of the docket over a working day with this share of the country's cases; over as many days beyond 1."""
    from sim.build.docket import docket
    from sim.casework.known import nothing_known

    scenario = sim.load(
        ROOT / _CASES_SCENARIO, set={"casework.share": f"{100 * min(1, size):g}%", "horizon": f"{24 * max(1, size):g}h"}
    )
    passed = docket(scenario, scenario.seed).go(nothing_known())
    return {"cases": float(passed.count), "steps": float(len(passed.fired.case))}


def _done(scenario: Scenario) -> dict[str, float]:
    summary = sim.run(scenario).summary
    chains = summary["chains"].values()
    return {
        "records": float(sum(chain["records"] for chain in chains)),
        "messages": float(summary["messages"]),
        "blocks": float(sum(chain["blocks"] for chain in chains)),
    }


AXES: Final = {
    axis.name: axis
    for axis in (
        Axis(
            "validators-auto",
            "validators of the hub, heights computed",
            (4, 7, 13, 27, 54, 100, 200, 300),
            27,
            _hub("auto"),
        ),
        Axis(
            "validators-message",
            "validators of the hub, message by message",
            (4, 7, 13, 27, 54, 100),
            27,
            _hub("message"),
        ),
        Axis("chains", "chains", (1, 2, 4, 8, 16, 32, 64), 10, _chains),
        Axis("records", "records, in national volumes", (0.01, 0.03, 0.1, 0.3, 1, 3, 10), 1, _records),
        Axis("cases", "cases, in national volumes", (0.01, 0.03, 0.1, 0.3, 1, 3, 10), 1, _cases),
    )
}


def measure(name: str, size: float) -> dict[str, float]:
    """One point, in this process."""
    sim.run(sim.load(ROOT / "scenarios" / "hub-validators.yaml", set={"horizon": "1s", "chains.jc.validators": 4}))
    idle_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    AXES[name].run(AXES[name].points[0])
    started_s = time.process_time()
    done = AXES[name].run(size)
    cpu_s = time.process_time() - started_s
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    return {"size": size, "cpu_s": cpu_s, "memory_bytes": float(peak_bytes - idle_bytes), **done}


def _apart(name: str, size: float) -> dict[str, float]:
    """The same in a process of its own, the cheapest of some rounds."""
    best: dict[str, float] | None = None
    for _ in range(ROUNDS):
        command = [sys.executable, __file__, "--point", name, repr(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this very file
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        if best is None or found["cpu_s"] < best["cpu_s"]:
            best = found
    assert best is not None
    return best


def fit(points: Sequence[dict[str, float]], cost: str) -> dict[str, float]:
    """``cost = a + c · size^k`` over all points: k, its 95 % half width, c and a."""
    from scipy.optimize import curve_fit
    from scipy.special import stdtrit

    size = np.array([point["size"] for point in points])
    known = np.array([max(point[cost], 1e-9) for point in points])

    def told(x: NDArray[np.float64], fixed: float, factor: float, exponent: float) -> NDArray[np.float64]:
        return np.log(known.min() * fixed + np.exp(factor) * x**exponent)

    start = (0.5, math.log(known[-1] / size[-1]), 1.0)
    bounds = ([0.0, -np.inf, 0.0], [1.0, np.inf, 4.0])
    (fixed, factor, k), covariance = curve_fit(told, size, np.log(known), p0=start, bounds=bounds)
    half_width = float(stdtrit(len(points) - 3, 0.975)) * math.sqrt(covariance[2, 2])
    fixed *= float(known.min())
    return {"exponent": float(k), "half_width": half_width, "factor": math.exp(factor), "fixed": float(fixed)}


def draw(found: dict[str, Any], path: Path) -> None:
    """A panel per axis: CPU seconds against size, with the fit."""
    with style.house_style():
        figure = style.new_figure(5.6)
        panels = figure.subplots(2, 3)
        for axes, axis in zip(panels.flat, AXES.values(), strict=False):
            _panel(axes, axis, found["axes"][axis.name])
        panels.flat[-1].set_axis_off()
        style.set_title(
            figure,
            "CPU seconds of a run as the alliance grows, fitted as a fixed part and a power of the size",
        )
        write_bytes(path, style.to_png(figure))


def _panel(axes: Axes, axis: Axis, told: dict[str, Any]) -> None:
    x = [point["size"] for point in told["points"]]
    axes.loglog(x, [point["cpu_s"] for point in told["points"]], "o", color=style.BLUE, markersize=4)
    line = told["cpu"]
    along = np.geomspace(x[0], x[-1], 100)
    axes.loglog(along, line["fixed"] + line["factor"] * along ** line["exponent"], "-", color=style.OCHRE, linewidth=1)
    for side in (axes.xaxis, axes.yaxis):
        side.set_major_formatter(lambda value, _: f"{value:g}")
        side.set_minor_formatter(lambda value, _: "")  # noqa: ARG005 - matplotlib hands both over
    axes.set_xlabel(axis.label)
    axes.set_ylabel("CPU s")
    axes.set_title(f"size to the power {line['exponent']:.2f} ± {line['half_width']:.2f}", fontsize=9, loc="left")
    if axis.national is not None:
        axes.axvline(axis.national, color=style.MUTED, linewidth=0.8, linestyle=":")


def page(found: dict[str, Any]) -> str:
    """The page: exponents, and what is expected of larger runs."""
    lines = [
        "# Growth: what a run costs, and what splits over several machines",
        "",
        f"Made by `python bench/growth.py` on {found['machine']}. CPU seconds of one process,",
        "memory above an idle one.",
        "",
        "![CPU seconds against size](growth.png)",
        "",
        "| grows | from | to | CPU s at both ends | fixed | exponent of CPU | exponent of memory | memory at the top |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for axis in AXES.values():
        told = found["axes"][axis.name]
        first, last = told["points"][0], told["points"][-1]
        cpu, memory = told["cpu"], told["memory"]
        lines.append(
            f"| {axis.label} | {first['size']:g} | {last['size']:g} | {first['cpu_s']:.2g}, {last['cpu_s']:.3g} | "
            f"{cpu['fixed']:.2g} | {cpu['exponent']:.2f} ± {cpu['half_width']:.2f} | "
            f"{memory['exponent']:.2f} ± {memory['half_width']:.2f} | {last['memory_bytes'] / 1e6:,.0f} MB |"
        )
    lines += ["", *_plan(found), ""]
    return "\n".join(lines)


def _plan(found: dict[str, Any]) -> list[str]:
    """What is expected at 10 and 100 times the national volume, and what splits."""
    records, cases = (found["axes"][name] for name in ("records", "cases"))

    def expected(axis: dict[str, Any], times: float, cost: str) -> float:
        value: float = axis["points"][-1]["cpu_s" if cost == "cpu" else "memory_bytes"]
        return value * (times / axis["points"][-1]["size"]) ** max(1.0, axis[cost]["exponent"])

    def told(axis: dict[str, Any], times: float) -> str:
        return f"{expected(axis, times, 'cpu') / 60:.1f} min, {expected(axis, times, 'memory') / 1e9:.1f} GB"

    rows = [f"| {times:g} × | {told(records, times)} | {told(cases, times)} |" for times in (1, 10, 100)]
    return [*_BEYOND[:4], *rows, *_BEYOND[4:]]


_BEYOND: Final = """\
## Beyond one machine

| volume | records: the busiest hour, all chains | cases: a pass over a working day |
|---|---|---|

What is beyond the last measured size is drawn on in proportion, or by the fitted power where that is steeper; it is
no measurement.

**Splits over a Dask cluster** (`--executor dask`): replications and points of a study, storms of `torture`, subtrees
of the billions build. Each is a task of its own that has nothing to say to the others, so the time is the number of
tasks times one run's, divided by the number of workers, plus the last run's.

**Does not split**: one run. Its chains meet in links, and cases in contracts and desks at every bucket's end, so
processes would wait for each other at every bucket. Chains without links between them could run apart; the hub alone
is most of the work, so that would bring less than a factor of two here. What a larger run needs is memory, which
grows with records: a year therefore runs by tables (`ARCHITECTURE.md`), whose cost does not grow with records.
""".splitlines()


def main() -> None:
    """Measure what is missing, fit, draw and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--point", nargs=2, metavar=("AXIS", "SIZE"), help="measure one point and print it as JSON")
    parser.add_argument("--draw", action="store_true", help="make figure and page from the numbers that are there")
    parser.add_argument("--axis", action="append", choices=sorted(AXES), help="only these")
    options = parser.parse_args()
    if options.point:
        name, size = options.point
        print(json.dumps(measure(name, float(size))))
        return
    path = TARGET / "growth.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"axes": {}}
    if not options.draw:
        found = _measured(found, options.axis or list(AXES), path)
    for told in found["axes"].values():
        told["cpu"], told["memory"] = fit(told["points"], "cpu_s"), fit(told["points"], "memory_bytes")
    write_text(path, as_json(found))
    draw(found, TARGET / "growth.png")
    write_text(TARGET / "growth.md", page(found))


def _measured(found: dict[str, Any], names: Sequence[str], path: Path) -> dict[str, Any]:
    import os
    import platform

    found["machine"] = f"{os.cpu_count()} processors, {platform.machine()}, CPython {platform.python_version()}"
    todo = [
        (name, size)
        for name in names
        for size in AXES[name].points
        if size not in {point["size"] for point in found["axes"].get(name, {}).get("points", [])}
    ]
    for name, size in track(todo, "growing"):
        told = found["axes"].setdefault(name, {"points": []})
        told["points"] = sorted([*told["points"], _apart(name, size)], key=lambda point: point["size"])
        write_text(path, as_json(found))
    return found


if __name__ == "__main__":
    main()
