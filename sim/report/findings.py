"""What a search for capacity, a comparison and a screening say: in sentences, and as tables on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sim.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from sim.study.stats import Interval
    from sim.study.sweeps.capacity import Capacity, Probe
    from sim.study.sweeps.screening import Screening
    from sim.study.sweeps.versus import Versus

_JUDGED: Final = {"met": "met", "missed": "missed", "open": "not shown to be met"}
_NOTHING_MORE: Final = (
    "Doubling what it names does not help: something else binds, or the objective can't be met at such a load."
)


def of_capacity(found: Capacity) -> list[str]:
    """How much load is carried, and what binds there, in sentences."""
    if found.holds is None:
        return [f"The objectives are not shown to be met even at {_times(found.probes[-1])}."]
    rate = wording.three_digits(found.offered_per_s * found.holds.load)
    first = f"The objectives are met up to {_times(found.holds)} ({rate} records per second over all streams)"
    if found.breaks is None:
        return [f"{first}; no load was found at which they are not."]
    sentences = [f"{first} and not shown to be met at {_times(found.breaks)}."]
    if found.binding:
        names = " or ".join(f"the {one.resource} of {one.chain}" for one in found.binding)
        sentences.append(f"What binds is {names}: with twice as much of it the objectives are met there.")
    elif found.reliefs:
        sentences.append(_NOTHING_MORE)
    return sentences


def _times(probe: Probe) -> str:
    return f"{probe.load:.4g} times the scenario's load"


def show_capacity(found: Capacity, console: Console | None = None) -> None:
    """Print what was tried and what came out."""
    from rich.console import Console

    out = console or Console()
    table = _table("Loads tried", ("load", "runs", "objectives", "metric", "mean", "95 % interval"), right=(0, 1, 4, 5))
    slo = found.study.scenario.slo
    for probe in sorted(found.probes, key=lambda one: one.load):
        for number, (objective, told) in enumerate(zip(slo, probe.objectives, strict=True)):
            judgement, mean, low, high = told
            head = (f"{probe.load:.4g}", str(probe.replications)) if not number else ("", "")
            table.add_row(
                *head, _JUDGED[judgement], objective.metric, _digits(mean), f"{_digits(low)} to {_digits(high)}"
            )
    out.print(table)
    if found.reliefs and found.breaks:
        again = _table(f"Doubled at {found.breaks.load:.4g}", ("chain", "resource", "changed", "objectives"))
        for relief in found.reliefs:
            changed = ", ".join(f"{path}={value}" for path, value in relief.settings.items())
            again.add_row(relief.chain, relief.resource, changed, _JUDGED[relief.judgement])
        out.print("", again)
    out.print("", "\n".join(of_capacity(found)), soft_wrap=True)


def of_versus(found: Versus) -> list[str]:
    """What differs, in sentences: first what is decided, then how far latencies moved."""
    names = [point.settings["scenario"] for point in found.study.points]
    sentences = []
    for row in found.table().iter_rows(named=True):
        more = "more" if row["difference"] > 0 else "less"
        size = f"{_digits(abs(row['difference']))} {more} (95 %: {_digits(row['low'])} to {_digits(row['high'])})"
        if row["differs"]:
            sentences.append(f"{row['metric']}: {names[1]} has {size} than {names[0]}.")
        else:
            sentences.append(f"{row['metric']}: no difference is shown; {names[1]} has {size}.")
    for chain_id, area in found.areas.items():
        sentences.append(
            f"{chain_id}: latencies are {_with_error(area.slower)} s slower and {_with_error(area.faster)} s faster in "
            f"the mean (area between the distributions); {wording.share(max(0.0, area.lost.mean))} more records are "
            "lost."
        )
    return sentences


def show_versus(found: Versus, console: Console | None = None) -> None:
    """Print both scenarios' metrics, their differences and the area between their latencies."""
    from rich.console import Console

    out = console or Console()
    first, second = (str(point.settings["scenario"]) for point in found.study.points)
    headings = ("metric", first, second, "difference", "95 % interval", "p (Holm)", "CRN worth")
    table = _table(f"{found.study.points[0].scenario.question}", headings, right=(1, 2, 3, 4, 5, 6))
    for row in found.table().iter_rows(named=True):
        ratio = row["variance_ratio"]
        table.add_row(
            row["metric"],
            _digits(row["first"]),
            _digits(row["second"]),
            _digits(row["difference"]),
            f"{_digits(row['low'])} to {_digits(row['high'])}",
            f"{row['p']:.2g}",
            "-" if ratio is None else f"x {ratio:.1f}",
        )
    out.print(table, "")
    for sentence in of_versus(found):
        out.print(sentence, soft_wrap=True)


def of_screening(found: Screening) -> Iterator[str]:
    """What the uncertain inputs do to each metric, beside what seeds do."""
    for metric in found.study.metrics:
        spread, effects = found.spread(metric), found.effects(metric)
        moving = effects.filter(effects["moves"])["input"].to_list()
        what = f"moved by {', '.join(moving)}" if moving else "moved by none of the inputs for certain"
        yield (
            f"{metric}: {_digits(spread['seed_low'])} to {_digits(spread['seed_high'])} over seeds (95 % interval of "
            f"the mean), {_digits(spread['input_low'])} to {_digits(spread['input_high'])} over the inputs' ranges "
            f"(90 % of {len(found.study.points) - 1} samples); {what}."
        )
    flips = found.spread()["flips"]
    if flips:
        yield f"The verdict flips in {wording.share(flips)} of the samples."
    else:
        yield f"The verdict flips in none of {len(found.study.points) - 1} samples."


def show_screening(found: Screening, console: Console | None = None) -> None:
    """Print each metric's inputs, strongest first, and how seeds and inputs compare."""
    from rich.console import Console

    out = console or Console()
    for metric in found.study.metrics:
        headings = ("input", "from", "to", "correlation", "p (Holm)", "at low end", "at high end", "passes", "source")
        table = _table(metric, headings, right=(1, 2, 3, 4, 5, 6))
        for row in found.effects(metric).iter_rows(named=True):
            table.add_row(
                row["input"],
                row["low"],
                row["high"],
                f"{row['correlation']:+.2f}" + (" *" if row["moves"] else "  "),
                f"{row['p']:.2g}",
                _digits(row["at_low"]),
                _digits(row["at_high"]),
                f"{wording.share(row['passed_low'])} to {wording.share(row['passed_high'])}",
                row["source"],
            )
        out.print(table, "")
    for sentence in of_screening(found):
        out.print(sentence, soft_wrap=True)


def _with_error(interval: Interval) -> str:
    return f"{_digits(interval.mean)} ± {_digits(interval.half_width)}"


def _digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"


def _table(title: str, headings: Sequence[str], right: Sequence[int] = ()) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number in right else "left", overflow="fold")
    return table
