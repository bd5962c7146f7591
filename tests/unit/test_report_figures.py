"""The report room: a run as figures."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.image import imread
from report_kit import FIGURES, Outline, assert_fits
from scenario_kit import FREE, chain, crash, deposits, small

import sim
from sim.report import figures, style, timeline, wording
from sim.study.run import Run, run


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_written_as_svg_and_png_and_is_not_blank(told: tuple[Run, Path], name: str) -> None:
    pixels = imread(told[1] / "figures" / f"{name}.png")[:, :, :3]
    assert pixels.shape[1] == style.WIDTH_IN * style.PNG_DPI
    assert pixels.std() > 0.02
    assert (pixels[:5] == 1).all(), "nothing is cut off at the top"
    drawing = Outline(
        (told[1] / "figures" / f"{name}.svg").read_text(encoding="utf-8").partition("<svg")[2].join(["<svg", ""])
    )
    assert len(drawing.tags) > 50


def test_the_same_run_gives_the_same_svg_bytes(told: tuple[Run, Path]) -> None:
    again = {drawn.picture.name: drawn.svg for drawn in figures.draw(run(told[0].scenario))}
    for name in FIGURES:
        assert again[name] == (told[1] / "figures" / f"{name}.svg").read_text(encoding="utf-8")


def test_drawing_changes_no_setting_and_heeds_none(told: tuple[Run, Path]) -> None:
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        before = dict(mpl.rcParams)
        svg = style.to_svg(timeline.throughput_latency(told[0]))
        assert dict(mpl.rcParams) == before
    assert svg == (told[1] / "figures" / "throughput-latency.svg").read_text(encoding="utf-8")


EMPTY: dict[str, dict[str, Any]] = {
    "no workload": {"workload": {}},
    "nothing committed": {"faults": [crash("0s", [0, 1, 2, 3])]},
    "stalled": {"faults": [crash("500ms", [0, 1])], "horizon": "7s"},
    "one validator, all for free": {"chains": {"a": chain(1)}, "costs": FREE},
    "a chain without load, and names that no figure can write": {
        "chains": {"a": chain(), "b": chain(2, observers=9)},
        "members": {"court": {"name": "法院", "zh": "法院"}},
        "zones": {"net": {"name": "$专网", "zh": "专网"}},
    },
    "long names": {
        "chains": {"a-chain-whose-name-is-very-" + "long-" * 20: chain()},
        "workload": {"files": deposits(chain="a-chain-whose-name-is-very-" + "long-" * 20)},
        "members": {"court": {"name": "A court with " + "a long name " * 20, "zh": "法院" * 40}},
    },
}


@pytest.mark.parametrize("case", EMPTY)
def test_a_run_with_little_to_show_is_reported(case: str, tmp_path: Path) -> None:
    result = run(small(tmp_path, **EMPTY[case]))
    sim.report.add_to(result, tmp_path)
    for name in (name for name in FIGURES if name != "fault-timeline" or result.scenario.faults):
        pixels = imread(tmp_path / "figures" / f"{name}.png")[:, :, :3]
        assert pixels.std() > 0.005
        assert (pixels[:, -3:] == 1).all(), "nothing is cut off at the right"
    words = Outline((tmp_path / "report.html").read_text(encoding="utf-8")).words
    assert wording.finding(result.summary, result.scenario) in words
    assert wording.load_sentence(result.summary) in words
    assert_fits(result, 80)


def test_what_did_not_happen_is_said(tmp_path: Path) -> None:
    idle = run(small(tmp_path, workload={}))
    assert [drawn.title for drawn in figures.draw(idle)][:2] == [
        "No records were offered in this run",
        "a committed no record",
    ]
    assert wording.load_sentence(idle.summary) == "No records were offered to any chain."
    stalled = run(small(tmp_path, **EMPTY["stalled"]))
    assert stalled.summary["verdict"] == "no-progress"
    unfinished = stalled.summary["chains"]["a"]["unfinished"]
    assert wording.finding(stalled.summary, stalled.scenario).endswith(f"unfinished at the end: a {unfinished:,}.")
    assert " unfinished, p99 " in style.title(timeline.throughput_latency(stalled))


def test_thirty_chains_fit_on_a_map(tmp_path: Path) -> None:
    chains = {f"c{number}": chain(1 + number % 9, observers=number % 3) for number in range(29)}
    scenario = small(
        tmp_path,
        horizon="200ms",
        chains={**chains, "hub": chain(70, observers=90)},
        workload={"files": deposits("500/s", chain="hub")},
        faults=[crash(f"{10 + number}ms", [0], chain=f"c{number}") for number in range(29)],
    )
    titles = {drawn.picture.name: drawn.title for drawn in figures.draw(run(scenario))}
    assert titles["throughput-latency"].startswith("hub, the busiest chain: ")
    assert titles["fault-timeline"].endswith("29 chains committed meanwhile (20 of 29 rows are shown)")
    assert titles["alliance-map"].startswith("30 chains; nearest to its limit is hub: ")
