"""Figures of cases: which periods of law were kept, how busy desks were, and the way of a few cases through time."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sim.report import cases, style, wording
from sim.report.story import dated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.study.follow import Event, Story
    from sim.study.run import Run

_ROW_IN: Final = 0.32
_MOST: Final = 24
"""So many periods are drawn, those with most missed or, of equals, most met."""
_MOST_EVENTS: Final = 14
"""So many of a case's last steps are drawn."""
_LETTERS: Final = 46
_MINUTE_S: Final = 60
_HOUR_S: Final = 60 * _MINUTE_S
_DAY_S: Final = 24 * _HOUR_S
_STEPS_S: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(count * _MINUTE_S for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR_S for count in (1, 2, 3, 6, 12)),
    *(count * _DAY_S for count in (1, 2, 5, 10, 30, 90, 365)),
)
_TICKS: Final = 7
"""So many times of the day are written below a case at most."""
_BUSY: Final = 0.9
"""From this share of office time on, desks are said to be full."""


def periods_figure(run: Run) -> Figure:
    """One bar a period of law: the shares of those that ended in time and late."""
    with style.house_style():
        ended = [period for period in cases.periods(run.summary, run.scenario) if period.met + period.missed]
        shown = ended[:_MOST]
        figure = style.new_figure(height_in=1.4 + _ROW_IN * max(len(shown), 1))
        axes = figure.subplots()
        for row, period in enumerate(shown):
            total = period.met + period.missed
            missed = period.missed / total
            axes.barh(row, 1 - missed, height=0.62, color=style.GREEN)
            axes.barh(row, missed, left=1 - missed, height=0.62, color=style.ALARM)
            said = f"{period.missed:,} of {total:,} missed" if period.missed else f"all {total:,} met"
            axes.text(1.01, row, said, va="center", fontsize=8, color=style.ALARM if period.missed else style.MUTED)
        names = [wording.shorten(f"{period.code} {period.name} ({period.law})", _LETTERS) for period in shown]
        axes.set_yticks(range(len(shown)), names, color=style.INK)
        axes.set(xlim=(0, 1.2), ylim=(len(shown) - 0.4, -0.6))
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("periods of law that ended: in time, green; late or not at all, red")
        style.set_title(figure, _finding(ended, len(shown)))
        return figure


def _finding(ended: Sequence[cases.Periods], shown: int) -> str:
    missed, total = sum(period.missed for period in ended), sum(period.met + period.missed for period in ended)
    more = f" ({shown} of {len(ended)} kinds are shown)" if len(ended) > shown else ""
    if not missed:
        return f"All {total:,} periods of law that ended were kept{more}"
    worst = max(ended, key=lambda period: period.missed)
    return f"{missed:,} of {total:,} periods of law were missed, most of them {worst.code} {worst.name}{more}"


def desks_figure(run: Run) -> Figure:
    """One bar a role: the share of office time in which its people worked, and how long work waited for them."""
    with style.house_style():
        roles = cases.desks(run.summary)
        figure = style.new_figure(height_in=1.5 + 0.45 * len(roles))
        axes = figure.subplots()
        for row, (_, desk) in enumerate(roles):
            busy = desk["utilisation"]
            axes.barh(row, busy, height=0.6, color=style.ALARM if busy > _BUSY else style.BLUE)
            waits = f"waits {wording.long_duration(desk['wait_s']['mean'])} on average"
            said = f"{wording.share(busy)} busy; {desk['done']:,} done, {desk['waiting']:,} waiting; {waits}"
            axes.text(busy + 0.01, row, said, va="center", fontsize=8, color=style.MUTED)
        axes.set_yticks(range(len(roles)), [f"{desk['people']:,} {role}s" for role, desk in roles], color=style.INK)
        axes.set(xlim=(0, 1.5), ylim=(len(roles) - 0.4, -0.6))
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("share of office time spent on the cases of this run")
        role, busiest = roles[0]
        style.set_title(
            figure, f"The busiest are the {role}s, at work for {wording.share(busiest['utilisation'])} of office time"
        )
        return figure


def timeline_figure(run: Run) -> Figure:
    """One panel a case: a bar for each state that it was in, from entering to leaving."""
    with style.house_style():
        stories = [story for story in run.stories if story.events]
        rows = [len(_shown(story)) for story in stories]
        figure = style.new_figure(height_in=0.7 + sum(1.0 + _ROW_IN * count for count in rows))
        panels = figure.subplots(
            len(stories), 1, squeeze=False, height_ratios=[1.0 + _ROW_IN * count for count in rows]
        )
        for axes, story in zip(panels[:, 0], stories, strict=True):
            _draw_story(axes, story, run.summary["simulated_s"])
        records = sum(len(event.records) for story in stories for event in story.events)
        proved = sum(record.proved for story in stories for event in story.events for record in event.records)
        said = f"{proved:,} of {wording.counted(records, 'record')} proved"
        style.set_title(figure, f"The way of {wording.counted(len(stories), 'case')}: {said}")
        return figure


def _shown(story: Story) -> tuple[Event, ...]:
    return story.events[-_MOST_EVENTS:]


def _draw_story(axes: Axes, story: Story, end_s: float) -> None:
    events = _shown(story)
    starts_s = [event.entered_ns / 1e9 for event in events]
    leaves_s = [*(event.time_ns / 1e9 for event in events[1:]), end_s if not story.ended else starts_s[-1]]
    first_s, last_s = events[0].time_ns / 1e9, max(leaves_s[-1], starts_s[-1])
    span_s = max(last_s - first_s, 1e-3)
    for row, (event, start_s, leave_s) in enumerate(zip(events, starts_s, leaves_s, strict=True)):
        waited_s = start_s - event.time_ns / 1e9
        if waited_s > 0:
            axes.barh(row, waited_s, left=start_s - waited_s, height=0.25, color=style.MUTED)
        over = story.ended and row == len(events) - 1
        length_s = max(leave_s - start_s, span_s / 400)
        axes.barh(row, length_s, left=start_s, height=0.55, color=style.GREEN if over else style.BLUE)
        _annotate(axes, row, event, (leave_s, start_s), (first_s, span_s))
    names = [wording.shorten(f"{event.at:%m-%d %H:%M:%S}  {event.title}", _LETTERS) for event in events]
    axes.set_yticks(range(len(events)), names, color=style.INK, fontsize=8)
    axes.set(xlim=(first_s - span_s * 0.01, first_s + span_s * 1.3), ylim=(len(events) - 0.4, -0.6))
    axes.grid(visible=False, axis="y")
    places_s, names = _ticks(events[0], first_s, first_s + span_s)
    axes.set_xticks(places_s, names)
    axes.set_xlabel("time in China; thin and grey: waiting for chains")
    before = f", the last {len(events)} of {len(story.events)} steps" if len(events) < len(story.events) else ""
    axes.set_title(
        f"{story.code} {story.title}: case {story.case}, began {dated(story.began)}{before}", loc="left", fontsize=9
    )


def _ticks(first: Event, first_s: float, last_s: float) -> tuple[list[float], list[str]]:
    """Round times of the day between two times since the start of the run, and what they are called."""
    step_s = next((step for step in _STEPS_S if (last_s - first_s) / step <= _TICKS), _STEPS_S[-1])
    midnight = first.at.replace(hour=0, minute=0, second=0, microsecond=0)
    midnight_s = first.time_ns / 1e9 - (first.at - midnight).total_seconds()
    numbers = range(math.ceil((first_s - midnight_s) / step_s), math.floor((last_s - midnight_s) / step_s) + 1)
    at = [midnight + timedelta(seconds=number * step_s) for number in numbers]
    form = "%m-%d" if step_s >= _DAY_S else "%m-%d %H:%M" if last_s - first_s > _DAY_S else "%H:%M"
    names = [f"{each:%H:%M:%S}" if step_s < _MINUTE_S else f"{each:{form}}" for each in at]
    return [midnight_s + number * step_s for number in numbers], names


def _annotate(axes: Axes, row: int, event: Event, stay_s: tuple[float, float], view_s: tuple[float, float]) -> None:
    """Say how long the case stayed, and what was put on chains, behind the bar."""
    leave_s, start_s = stay_s
    first_s, span_s = view_s
    said = wording.long_duration(leave_s - start_s) if leave_s - start_s >= 1 else ""
    chains = dict.fromkeys(record.chain for record in event.records)
    proved = sum(record.proved for record in event.records)
    if event.records:
        said += f"{', ' if said else ''}{proved} of {len(event.records)} proved on {', '.join(chains)}"
    place_s = max(leave_s, start_s) + span_s * 0.01
    axes.text(min(place_s, first_s + span_s * 1.02), row, said, va="center", fontsize=7, color=style.MUTED)
