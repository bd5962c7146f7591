"""How the hub's capacity on the national day moves with the signature and the hash that the alliance uses.

    alliance calibrate suites --hash sm3 --hash sha256 --signature sm2 --signature ed25519    # measures the four suites
    python bench/suites.py                            # writes results/reference/suites.json and suites.png

Capacity is the highest load, in records per second, that the hub of `scenarios/national-streams.yaml` carries: 27
validators and all else as there, with `fidelity: auto`, but a minute of the busiest hour instead of the day, all of the
hub's deposits multiplied by one factor, and all chains on one hash.

A run's first third is its way into the steady state: blocks wait 2 s for company and validators 3 s for the first one,
so where agreement takes more than a second the run begins with a view change. The second and the last third are judged,
as far as records were sent early enough to miss the scenario's bound on latency before the run ends. A load is carried
if the scenario's objectives for the hub are met there, with unfinished records counted as late, and if the backlog does
not grow: in the last third the mean latency is at most a tenth longer than in the second.

The search doubles the load of the busiest hour until it is too much, then halves the interval, as ratios, until its
ends are a percent apart; the capacity is the lower end. Every probe has the same seed, so suites see the same records.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from rich.progress import Progress

import sim
from sim.build import curve_of
from sim.report import style, wording
from sim.study.store import write_bytes, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

ROOT: Final = Path(__file__).parent.parent
NATIONAL_DAY: Final = ROOT / "scenarios" / "national-streams.yaml"
HUB: Final = "jc"
BUSIEST: Final = "2022-12-26T10:00+08:00"
"""Where the busiest hour of the scenario's curve begins."""
HORIZON: Final = "60s"
RESOLUTION: Final = 0.01
LONGER: Final = 1.1
"""A backlog grows if records wait so many times longer than a third of the run before. With the two seconds that they
wait at capacity and 18 s between the middles of the thirds, a load that is 1 % too high shows."""
MOST_HALVED: Final = 1000
"""A chain that carries less than such a part of the first load is not searched further."""
QUANTILE: Final = 0.99
"""The objective bounds the 99th percentile."""
SUITES: Final = (("sm2", "sm3"), ("sm2", "sha256"), ("ed25519", "sm3"), ("ed25519", "sha256"))
BANDWIDTHS: Final = ("100Mbit/s", "1Gbit/s", "10Gbit/s")
"""The lines of the scenario, and ten and a hundred times as much."""
NAMES: Final = {"sm2": "SM2", "ed25519": "Ed25519", "sm3": "SM3", "sha256": "SHA-256"}


@dataclass(frozen=True)
class Probe:
    """One run.

    Attributes:
        load_per_s: records offered to the hub, as the streams' rates have it.
        carried: whether that was within capacity.
        in_time: of the records that are judged, the share that was committed within the objective's bound.
        rejected: of the same, the number that was turned away.
        growth: mean latency of the last third over that of the second; None where one has nothing committed.
        view_changes: of the hub, in the whole run.
        bound: what was nearest to its limit in the whole run, and how near.
    """

    load_per_s: float
    carried: bool
    in_time: float
    rejected: int
    growth: float | None
    view_changes: int
    bound: str


@dataclass(frozen=True)
class Capacity:
    """What the search found: the highest load that is carried and the lowest one that is not, and all its probes."""

    carried: Probe
    refused: Probe
    probes: tuple[Probe, ...]


def search(probe: Callable[[float], Probe], start: float, resolution: float = RESOLUTION) -> Capacity:
    """Find where ``probe`` turns from carried to not carried.

    Args:
        probe: runs at a load.
        start: the load to begin with; whether it is carried is found out.
        resolution: how far apart, as a share of the lower, the ends may be.

    Raises:
        ValueError: next to nothing is carried.
    """
    probes = [probe(start)]
    upwards = probes[0].carried
    while probes[-1].carried == upwards:
        if probes[-1].load_per_s < start / MOST_HALVED:
            raise ValueError(f"not even {probes[-1].load_per_s:g} records/s are carried")
        probes.append(probe(probes[-1].load_per_s * (2 if upwards else 0.5)))
    carried, refused = probes[-2:] if upwards else reversed(probes[-2:])
    while refused.load_per_s > carried.load_per_s * (1 + resolution):
        probes.append(probe(math.sqrt(carried.load_per_s * refused.load_per_s)))
        carried, refused = (probes[-1], refused) if probes[-1].carried else (carried, probes[-1])
    return Capacity(carried, refused, tuple(probes))


def settings(signature: str, suite: str, bandwidth: str, calibrations: Path, horizon: str = HORIZON) -> dict[str, Any]:
    """What is set in the national day for a suite and lines."""
    chains = sim.load(NATIONAL_DAY).chains
    return {
        "start": BUSIEST,
        "horizon": horizon,
        "network.bandwidth": bandwidth,
        "costs": str((calibrations / f"suites-{signature}-{suite}.yaml").resolve()),
        **{f"chains.{chain}.hash": suite for chain in chains},
    }


def busiest_load(chosen: dict[str, Any]) -> float:
    """Records per second that the scenario offers to the hub in its busiest hour."""
    scenario = sim.load(NATIONAL_DAY, set=chosen)
    streams = [stream for stream in scenario.workload.values() if stream.chain == HUB and stream.action == "deposit"]
    return sum(stream.rate * curve_of(scenario, stream).multiplier(scenario.start) for stream in streams)


def probe_at(load_per_s: float, chosen: dict[str, Any], busiest_per_s: float) -> Probe:
    """Run the hub at a load and say whether it is carried."""
    base = sim.load(NATIONAL_DAY, set=chosen)
    factor = load_per_s / busiest_per_s
    rates = {
        f"workload.{name}.rate": f"{stream.rate * factor:.9g}/s"
        for name, stream in base.workload.items()
        if stream.chain == HUB and stream.action == "deposit"
    }
    run = sim.run(sim.load(NATIONAL_DAY, set={**chosen, **rates}))
    hub = run.summary["chains"][HUB]
    bound_s = next(slo.at_most for slo in base.slo if slo.metric == f"chains.{HUB}.commit_latency_s.p99")
    assert any(slo.metric == f"chains.{HUB}.rejected" and slo.equals == 0 for slo in base.slo)
    third_ns = int((run.summary["simulated_s"] - bound_s) * 1e9) // 3
    latency_s = (pl.col("executed_ns") - pl.col("intended_ns")) / 1e9
    judged = (
        run.table("transactions")
        .filter((pl.col("chain") == HUB) & pl.col("intended_ns").is_between(third_ns, 3 * third_ns))
        .with_columns(latency_s=pl.when(pl.col("outcome") == "committed").then(latency_s))
    )
    in_time = judged.filter(pl.col("latency_s") <= bound_s).height / judged.height
    rejected = judged.filter(pl.col("outcome") == "rejected").height
    late = pl.col("intended_ns") > 2 * third_ns
    second, last = (judged.filter(third)["latency_s"].mean() for third in (~late, late))
    growth = last / second if isinstance(second, float) and isinstance(last, float) else None
    return Probe(
        load_per_s=load_per_s,
        carried=in_time >= QUANTILE and rejected == 0 and growth is not None and growth <= LONGER,
        in_time=in_time,
        rejected=rejected,
        growth=growth,
        view_changes=hub["view_changes"],
        bound=wording.used_most(hub),
    )


def measure(bandwidths: Sequence[str], calibrations: Path, horizon: str) -> list[dict[str, Any]]:
    """Every suite on every kind of line."""
    found = []
    with Progress() as bar:
        task = bar.add_task("searching", total=len(bandwidths) * len(SUITES))
        for bandwidth in bandwidths:
            for signature, suite in SUITES:
                chosen = settings(signature, suite, bandwidth, calibrations, horizon)
                busiest_per_s = busiest_load(chosen)
                capacity = search(lambda load, c=chosen, b=busiest_per_s: probe_at(load, c, b), busiest_per_s)
                found.append(
                    {
                        "signature": signature,
                        "hash": suite,
                        "bandwidth": bandwidth,
                        "capacity_per_s": capacity.carried.load_per_s,
                        "busiest_hours": capacity.carried.load_per_s / busiest_per_s,
                        "nearest_its_limit": capacity.carried.bound,
                        "costs": sim.load(NATIONAL_DAY, set=chosen).costs.source,
                        "probes": [asdict(probe) for probe in capacity.probes],
                    }
                )
                bar.update(task, advance=1)
    return found


def draw(found: Sequence[dict[str, Any]], path: Path) -> None:
    """A panel for each kind of line, a bar for each suite."""
    bandwidths = list(dict.fromkeys(point["bandwidth"] for point in found))
    with style.house_style():
        figure = style.new_figure(0.9 + 1.35 * len(bandwidths))
        panels = figure.subplots(len(bandwidths), 1, squeeze=False)[:, 0]
        for axes, bandwidth in zip(panels, bandwidths, strict=True):
            draw_panel(axes, bandwidth, [point for point in found if point["bandwidth"] == bandwidth])
        panels[-1].set_xlabel("highest load that the hub carries within its objectives, records/s")
        style.set_title(figure, title(found))
    write_bytes(path, style.to_png(figure))


def title(found: Sequence[dict[str, Any]]) -> str:
    """What the figure shows."""
    parts = []
    for bandwidth in dict.fromkeys(point["bandwidth"] for point in found):
        rates = {(p["signature"], p["hash"]): p["capacity_per_s"] for p in found if p["bandwidth"] == bandwidth}
        parts.append(f"{rates['ed25519', 'sha256'] / rates['sm2', 'sm3']:.2g}× on {spaced(bandwidth)}")
    return f"The national day's hub carries more with Ed25519 and SHA-256 than with SM2 and SM3: {', '.join(parts)}"


def draw_panel(axes: Axes, bandwidth: str, points: Sequence[dict[str, Any]]) -> None:
    """Bars from the first suite down, each with its number and what bounds it."""
    widest = max(point["capacity_per_s"] for point in points)
    for place, point in enumerate(points):
        colour = style.BLUE if point["signature"] == "sm2" else style.OCHRE
        alpha = 1.0 if point["hash"] == "sm3" else 0.6
        value = point["capacity_per_s"]
        axes.barh(place, value, color=colour, alpha=alpha, height=0.72)
        told = (
            f"{wording.three_digits(value)}/s, {point['busiest_hours']:.1f} busiest hours; {point['nearest_its_limit']}"
        )
        axes.text(value + widest * 0.01, place, told, va="center", fontsize=8)
    axes.set_yticks(range(len(points)), [f"{NAMES[p['signature']]}, {NAMES[p['hash']]}" for p in points])
    axes.invert_yaxis()
    axes.set_xlim(0, widest * 1.6)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: wording.exact(value))
    of_scenario = " (as in the scenario)" if bandwidth == BANDWIDTHS[0] else ""
    axes.set_title(f"lines of {spaced(bandwidth)}{of_scenario}", loc="left", fontsize=9.5)


def spaced(bandwidth: str) -> str:
    """A bandwidth as people write it: 100 Mbit/s."""
    digits = len(bandwidth) - len(bandwidth.lstrip("0123456789"))
    return f"{bandwidth[:digits]} {bandwidth[digits:]}"


def main() -> None:
    """Search, then write; nothing is written before all is done."""
    parser = argparse.ArgumentParser(description="Find the hub's capacity on the national day for each suite.")
    parser.add_argument("--bandwidth", action="append", help=f"of lines; repeatable; default {', '.join(BANDWIDTHS)}")
    parser.add_argument("--horizon", default=HORIZON, help="of a probe")
    parser.add_argument(
        "--calibrations", type=Path, default=ROOT / "results" / "calibration", help="where the costs are"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "reference", help="where the results go")
    arguments = parser.parse_args()
    found = measure(arguments.bandwidth or BANDWIDTHS, arguments.calibrations, arguments.horizon)
    document = {
        "command": "python bench/suites.py",
        "scenario": NATIONAL_DAY.relative_to(ROOT).as_posix(),
        "horizon": arguments.horizon,
        "resolution": RESOLUTION,
        "points": found,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "suites.json", json.dumps(document, indent=1) + "\n")
    draw(found, arguments.out / "suites.png")


if __name__ == "__main__":
    main()
