"""What a search for capacity, a comparison and a screening say: in sentences, and as tables on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.report import wording
from sim.report.grids import grid
from sim.report.wording import ENGLISH
from sim.report.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from sim.report.words import Words
    from sim.study.stats import Interval
    from sim.study.sweeps.capacity import Capacity, Judgement, Probe
    from sim.study.sweeps.screening import Screening
    from sim.study.sweeps.versus import Versus


def judgement(found: Judgement, say: Words) -> str:
    """Whether objectives are met, where a load is searched for at which they are."""
    return say(f"study.judged.{'unshown' if found == 'open' else found}")


def of_capacity(found: Capacity, say: Words = ENGLISH) -> list[str]:
    """How much load is carried, and what binds there, in sentences."""
    if found.holds is None:
        return [say("study.capacity.none-printed", times=_times(found.probes[-1], say))]
    rate = wording.three_digits(found.offered_per_s * found.holds.load)
    first = say("study.capacity.up-to", times=_times(found.holds, say), rate=rate)
    if found.breaks is None:
        return [say("study.capacity.no-end", first=first)]
    sentences = [say("study.capacity.ends", first=first, breaks=_times(found.breaks, say))]
    if found.binding:
        named = [
            say("study.capacity.resource", resource=say.name("resource", one.resource), chain=one.chain)
            for one in found.binding
        ]
        sentences.append(say("study.capacity.binding", names=say("study.capacity.or").join(named)))
    elif found.reliefs:
        sentences.append(say("study.capacity.nothing-more"))
    return sentences


def _times(probe: Probe, say: Words) -> str:
    return say("study.capacity.times", load=f"{probe.load:.4g}")


def show_capacity(found: Capacity, console: Console | None = None, lang: str = "en") -> None:
    """Print what was tried and what came out.

    Raises:
        NoSuchLanguage: ``lang`` is neither ``en`` nor ``zh``.
    """
    from rich.console import Console

    out, say = console or Console(), words(lang)
    headings = (
        say("study.capacity.tried-load"),
        say("study.points.runs"),
        say("study.capacity.objectives"),
        say("objectives.metric"),
        say("study.points.mean"),
        say("study.contrasts.interval"),
    )
    table = _table(say("study.capacity.tried"), headings, right=(0, 1, 4, 5))
    slo = found.study.scenario.slo
    for probe in sorted(found.probes, key=lambda one: one.load):
        for number, (objective, told) in enumerate(zip(slo, probe.objectives, strict=True)):
            judged, mean, low, high = told
            head = (f"{probe.load:.4g}", str(probe.replications)) if not number else ("", "")
            table.add_row(*head, judgement(judged, say), objective.metric, _digits(mean), _range(low, high, say))
    out.print(table)
    if found.reliefs and found.breaks:
        title = say("study.capacity.doubled-at", load=f"{found.breaks.load:.4g}")
        columns = (say(f"study.capacity.{name}") for name in ("chain", "doubled-resource", "changed", "objectives"))
        again = _table(title, tuple(columns))
        for relief in found.reliefs:
            changed = ", ".join(f"{path}={value}" for path, value in relief.settings.items())
            resource = say.name("resource", relief.resource)
            again.add_row(relief.chain, resource, changed, judgement(relief.judgement, say))
        out.print("", again)
    out.print()
    for sentence in of_capacity(found, say):
        out.print(sentence, soft_wrap=True)


def of_versus(found: Versus, say: Words = ENGLISH) -> list[str]:
    """What differs, in sentences: first what is decided, then how far latencies moved."""
    first, second = (str(point.settings["scenario"]) for point in found.study.points)
    sentences = []
    for row in found.table().iter_rows(named=True):
        low, high = _digits(row["low"]), _digits(row["high"])
        way = "more" if row["difference"] > 0 else "less"
        size = say(f"study.versus.{way}", size=_digits(abs(row["difference"])), low=low, high=high)
        if row["differs"]:
            sentences.append(say("study.versus.differs", metric=row["metric"], first=first, second=second, size=size))
        else:
            sentences.append(say("study.versus.not-shown", metric=row["metric"], second=second, size=size))
    for chain_id, area in found.areas.items():
        if area.slower.high == area.faster.high == area.lost.high == 0:
            continue  # nothing has moved there
        slower, faster = _with_error(area.slower), _with_error(area.faster)
        lost = wording.share(max(0.0, area.lost.mean))
        sentences.append(say("study.versus.area", chain=chain_id, slower=slower, faster=faster, lost=lost))
    return sentences


def show_versus(found: Versus, console: Console | None = None, lang: str = "en") -> None:
    """Print both scenarios' metrics, their differences and the area between their latencies.

    Raises:
        NoSuchLanguage: ``lang`` is neither ``en`` nor ``zh``.
    """
    from rich.console import Console

    out, say = console or Console(), words(lang)
    first, second = (str(point.settings["scenario"]) for point in found.study.points)
    contrasts = (say(f"study.contrasts.{name}") for name in ("difference", "interval", "p", "worth"))
    headings = (say("objectives.metric"), first, second, *contrasts)
    question = say.name("question", found.study.points[0].scenario.question)
    table = _table(question, headings, right=(1, 2, 3, 4, 5, 6))
    for row in found.table().iter_rows(named=True):
        ratio = row["variance_ratio"]
        table.add_row(
            row["metric"],
            _digits(row["first"]),
            _digits(row["second"]),
            _digits(row["difference"]),
            _range(row["low"], row["high"], say),
            f"{row['p']:.2g}",
            "-" if ratio is None else f"x {ratio:.1f}",
        )
    out.print(table, "")
    for sentence in of_versus(found, say):
        out.print(sentence, soft_wrap=True)


def of_screening(found: Screening, say: Words = ENGLISH) -> Iterator[str]:
    """What the uncertain inputs do to each metric, beside what seeds do."""
    samples = len(found.study.points) - 1
    for metric in found.study.metrics:
        spread, effects = found.spread(metric), found.effects(metric)
        moving = effects.filter(effects["moves"])["input"].to_list()
        moved = say("comma").join(moving)
        yield say(
            "study.screening.spread",
            metric=metric,
            seed_low=_digits(spread["seed_low"]),
            seed_high=_digits(spread["seed_high"]),
            input_low=_digits(spread["input_low"]),
            input_high=_digits(spread["input_high"]),
            samples=samples,
            moved=say("study.screening.moved" if moving else "study.screening.moved-none", inputs=moved),
        )
    flips = found.spread()["flips"]
    if flips:
        yield say("study.screening.flips", share=wording.share(flips))
    else:
        yield say("study.screening.flips-none", samples=samples)


def show_screening(found: Screening, console: Console | None = None, lang: str = "en") -> None:
    """Print each metric's inputs, strongest first, and how seeds and inputs compare.

    Raises:
        NoSuchLanguage: ``lang`` is neither ``en`` nor ``zh``.
    """
    from rich.console import Console

    out, say = console or Console(), words(lang)
    columns = (say(f"study.screening.{name}") for name in ("low-end", "high-end", "passes"))
    headings = (
        say("study.screening.input"),
        f"{say('study.points.from')} - {say('study.points.to')}",
        say("study.screening.correlation"),
        say("study.contrasts.p"),
        *columns,
    )
    for metric in found.study.metrics:
        table = _table(metric, headings, right=(1, 2, 3, 4, 5))
        for row in found.effects(metric).iter_rows(named=True):
            passed = (wording.share(row[name]) for name in ("passed_low", "passed_high"))
            table.add_row(
                row["input"],
                f"{row['low']} - {row['high']}",
                f"{row['correlation']:+.2f}" + (" *" if row["moves"] else "  "),
                f"{row['p']:.2g}",
                _digits(row["at_low"]),
                _digits(row["at_high"]),
                say("study.range", low=next(passed), high=next(passed)),
            )
        out.print(table, "")
    for sentence in of_screening(found, say):
        out.print(sentence, soft_wrap=True)


def _with_error(interval: Interval) -> str:
    return f"{_digits(interval.mean)} ± {_digits(interval.half_width)}"


def _range(low: float, high: float, say: Words) -> str:
    return say("study.range", low=_digits(low), high=_digits(high))


def _digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"


def _table(title: str, headings: Sequence[str], right: Sequence[int] = ()) -> Table:
    table = grid(title)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number in right else "left", overflow="fold")
    return table
