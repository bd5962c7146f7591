"""Cases on a timeline: a track for each that did something in the window, with the states that it was in."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from sim.network.transport import NEVER

if TYPE_CHECKING:
    from sim.report.perfetto import Timeline
    from sim.scenario import Scenario
    from sim.study.run import Run

MOST_CASES = 100
"""So many get a track; those that do the most in the window."""


def draw_cases(timeline: Timeline, run: Run, ahead_ns: int = 0) -> tuple[int, int]:
    """Draw the process of cases, if any run; returns how many are shown, and how many are left out.

    Args:
        timeline: to draw into.
        run: with its table `steps`.
        ahead_ns: how far the times of that table are ahead of the timeline's.
    """
    if not run.scenario.workflows:
        return 0, 0
    import polars as pl

    steps = run.scan("steps").with_columns(pl.col("fired_ns", "entered_ns") - ahead_ns)
    inside = (pl.col("fired_ns") < timeline.until_ns) & (pl.col("entered_ns") >= timeline.from_ns)
    active = (
        steps.filter(inside)
        .group_by("workflow", "case")
        .len()
        .sort(["len", "workflow", "case"], descending=[True, False, False])
        .collect()
    )
    chosen = active.head(MOST_CASES)
    left_out = len(active) - len(chosen)
    process = timeline.process("cases", *([f"{left_out:,} more are left out"] if left_out else []))
    rows = steps.join(chosen.lazy(), on=["workflow", "case"], how="semi").sort("workflow", "case", "step").collect()
    for (workflow, case), theirs in groupby(rows.rows(named=True), key=lambda row: (row["workflow"], row["case"])):
        track = timeline.track(process, f"{workflow} {case}")
        _draw_case(timeline, track, list(theirs), run.scenario)
    return len(chosen), left_out


def _draw_case(timeline: Timeline, track: int, steps: list[dict[str, Any]], scenario: Scenario) -> None:
    """A case's states one after the other, and the times for which it waits for the chains in between."""
    since_ns = timeline.from_ns
    for step in steps:
        source, target = (step[end].partition("/")[2] for end in ("source", "target"))
        timeline.slice(track, source, since_ns, step["fired_ns"])
        said = {"source": source, "target": target, "step": step["step"], "way": step["way"]}
        timeline.slice(track, f"to {target}", step["fired_ns"], step["entered_ns"], said)
        since_ns = step["entered_ns"]
    last = steps[-1]
    workflow, _, state = last["target"].partition("/")
    if scenario.workflows[workflow].states[state].then:
        timeline.slice(track, state, since_ns, NEVER)
