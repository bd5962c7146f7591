"""The report room: a run as figures, as a page, and on a terminal."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread
from rich.cells import cell_len
from rich.console import Console
from scenario_kit import FREE, chain, checks, crash, deposits, small

import sim
from sim.metrics.tables import TABLES
from sim.report import console, figures, inline, page, series, style, timeline, wording
from sim.study.run import Run, run
from sim.study.summary import STAGES

QUESTION = "Is <script>alert('1')</script> & [bold]1 < 2[/bold] a question?"
FIGURES = ("throughput-latency", "latency-cdf", "alliance-map")
OFFICIAL = ("核验通过", "尚未在司法区块链存证", "与链上存证数据比对结果不一致")
VOID = {"meta", "br", "link", "img", "hr", "input"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """Two chains, one of which loses its leader for a while; requests of every kind; a missed objective."""
    folder = tmp_path_factory.mktemp("report")
    scenario = small(
        folder,
        question=QUESTION,
        horizon="6s",
        members={"court": {"name": "Court of $x$ & <b>", "zh": "法院"}, "bank": {"name": "Banks", "zh": "银行"}},
        zones={"net": {"name": "Network", "zh": "专网"}, "fin": {"name": "Finance", "zh": "金融专网"}},
        chains={"a": chain(observers=3), "b": chain(7, member="bank", zone="fin")},
        workload={
            "files": deposits("150/s"),
            "replies": deposits("20/s", chain="b"),
            "look": checks("files", absent="20%", altered="20%"),
        },
        faults=[crash("2s", [0], "1s")],
        slo=[
            {"metric": "chains.a.commit_latency_s.p99", "at_most": "1us"},
            {"metric": "chains.a.storage_bytes", "at_most": "1234567B"},
            {"metric": "chains.b.goodput_tps", "at_least": "1/s"},
            {"metric": "proofs.refused", "equals": 0},
        ],
        assumptions={"made-up": "All of it is <made> up."},
    )
    result = run(scenario)
    out = folder / "out"
    out.mkdir()
    sim.report.add_to(result, out)
    return result, out


@pytest.fixture(scope="module")
def html(told: tuple[Run, Path]) -> str:
    return (told[1] / "report.html").read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Elements, attributes and visible text of a page; refuses tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in {"td", "th", "dt", "dd"}:
            self.text += " "

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def test_the_room_is_called_and_entered(told: tuple[Run, Path], html: str, tmp_path: Path) -> None:
    written = sim.report(told[0], tmp_path / "new" / "folder" / "report.html")
    assert written == tmp_path / "new" / "folder" / "report.html"
    assert written.read_text(encoding="utf-8") == html
    assert [path.name for path in written.parent.iterdir()] == ["report.html"]


def test_entering_the_room_loads_no_heavy_library() -> None:
    code = (
        "import sys, sim.report, sim.report.console\n"
        "heavy = {'matplotlib', 'polars', 'jinja2', 'networkx', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_drawing_is_silent_where_matplotlib_has_no_place_for_its_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = (
        "from sim.report import style\n"
        "with style.house_style():\n"
        "    figure = style.new_figure(2)\n"
        "    style.set_title(figure, 'a')\n"
        "print(len(style.to_svg(figure)))\n"
    )
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path / "file" / "below")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1000


def test_a_page_that_cannot_be_written_leaves_nothing_behind(told: tuple[Run, Path], tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        sim.report(told[0], tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_page_is_well_formed_and_every_id_in_it_is_unique(html: str) -> None:
    outline = Outline(html)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for _, attributes in outline.tags if "href" in attributes}
    targets |= set(re.findall(r"url\((#[^)]*)\)", html))
    assert targets
    assert targets <= {f"#{name}" for name in ids}


def test_a_page_needs_nothing_from_anywhere(html: str) -> None:
    assert "http://" not in html
    assert "https://" not in html
    for tag, attributes in Outline(html).tags:
        assert tag not in {"script", "link", "img", "iframe", "object"}
        assert "src" not in attributes
        assert str(attributes.get("href", "#")).startswith("#")


def test_a_page_holds_every_figure_with_words_for_those_who_do_not_see_it(html: str) -> None:
    tags = Outline(html).tags
    labels = [str(attributes["aria-label"]) for tag, attributes in tags if tag == "svg"]
    assert len(labels) == len(FIGURES)
    assert all(len(label) > 80 for label in labels)
    assert [attributes.get("id") for tag, attributes in tags if tag == "figure"] == list(FIGURES)


def test_a_figure_in_a_page_takes_its_colours_from_the_page(html: str) -> None:
    assert set(re.findall(r"#[0-9a-f]{6}\b", html.partition("<body>")[2])) <= {"#000000"}
    used = set(re.findall(r"var\(--([a-z]+)\)", html))
    assert set(inline.VARIABLES.values()) - {"alarm"} <= used
    defined = re.findall(r"--([a-z]+):", html)
    assert all(defined.count(name) == 3 for name in used), "each in light, in dark and on paper"


def test_what_a_scenario_says_is_text_and_never_markup(html: str) -> None:
    outline = Outline(html)
    assert QUESTION in outline.text
    assert "made-up: All of it is <made> up." in outline.words
    assert "Court of $x$ & <b>" in outline.text
    assert not {"script", "b", "made"} & {tag for tag, _ in outline.tags}


def test_a_page_says_the_verdict_and_each_objective(html: str) -> None:
    words = Outline(html).words
    assert "a question? slo-missed 1 of 4 objectives missed: chains.a.commit_latency_s.p99 is" in words
    assert "The scenario expects pass." in words
    assert re.search(r"missed chains\.a\.commit_latency_s\.p99 at most 1 µs [\d.]+ ms", words)
    assert re.search(r"met chains\.a\.storage_bytes at most 1\.234567 MB \d+ kB", words)
    assert re.search(r"met chains\.b\.goodput_tps at least 1/s [\d.]+/s", words)
    assert "met proofs.refused exactly 0 0" in words


def test_a_page_gives_the_official_answers_by_what_was_presented(told: tuple[Run, Path], html: str) -> None:
    summary, words = told[0].summary, Outline(html).words
    assert summary["proofs"]["mismatch"] > 0
    assert "genuine absent altered all" in words
    mismatch, passed = summary["proofs"]["mismatch"], summary["proofs"]["passed"]
    assert f"{OFFICIAL[2]} not what was deposited 0 0 {mismatch} {mismatch}" in words
    assert f"{OFFICIAL[0]} verified: it is what was deposited {passed} 0 0 {passed} " in words
    assert f"{OFFICIAL[1]} not deposited on the judicial chain" in words


def test_a_page_accounts_for_every_record_of_every_chain(told: tuple[Run, Path], html: str) -> None:
    words = Outline(html).words
    for name, result in told[0].summary["chains"].items():
        counts = [result[key] for key in ("offered", "records", "rejected", "unfinished")]
        assert f"{name} {' '.join(f'{number:,}' for number in counts)} " in words
    for stage in ("submit", "queue", "propose", "vote", "execute", "whole"):
        assert f" {stage} {wording.STAGE_MEANINGS.get(stage, 'from the intended send time')}" in words


def test_a_page_lists_crashes_restarts_and_view_changes(html: str) -> None:
    words = Outline(html).words
    assert "0:00:02.000 a node 0 crashes" in words
    assert re.search(r"0:00:02\.\d{3} a view 1, led by node 1; 4 nodes entered it, the last at 0:00:0[3-5]", words)
    assert "0:00:03.000 a node 0 restarts" in words


def test_a_page_says_how_far_to_trust_it_and_how_to_get_it_again(told: tuple[Run, Path], html: str) -> None:
    result, words = told[0], Outline(html).words
    heights = f"{result.summary['checked_heights']:,} heights"
    assert f"Agreement was checked at every commit of every node, over {heights}: no two nodes" in words
    assert "What was not modelled" in words
    assert "alliance run scenario.yaml --seed 1" in words
    assert result.trace_hash in words
    assert result.manifest["software"]["code_sha256"] in words
    assert " ".join(result.scenario.to_yaml().split()) in words


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("diverged", "Two nodes disagreed on a at height 7: node 2 has ab, another node cd. The run stopped there."),
        ("violated", "An invariant broke, agreement, on a at height 7: node 2 has ab, another node cd."),
    ],
)
def test_a_page_shows_the_invariant_that_broke(told: tuple[Run, Path], html: str, verdict: str, said: str) -> None:
    violation = {"invariant": "agreement", "chain": "a", "height": 7, "detail": "node 2 has ab, another node cd"}
    broken = replace(told[0], summary={**told[0].summary, "verdict": verdict, "violation": violation})
    words = Outline(page.render(broken, [])).words
    assert said in words
    assert "Invariant violated invariant agreement chain a height 7 what was seen node 2 has ab" in words
    assert ("no two nodes" in words) == (verdict != "diverged")
    assert "Invariant violated" not in Outline(html).words


def test_records_that_went_missing_are_told_without_an_invariant(told: tuple[Run, Path]) -> None:
    summary = {**told[0].summary, "verdict": "violated", "violation": None}
    assert "Records are unaccounted for" in wording.finding(summary, told[0].scenario)


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
    for name in FIGURES:
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
    titles = [drawn.title for drawn in figures.draw(run(scenario))]
    assert titles[0].startswith("hub, the busiest chain: ")
    assert titles[2].startswith("30 chains; nearest to its limit is hub: ")


def printed(result: Run, width: int) -> str:
    target = io.StringIO()
    console.show(result.summary, result.manifest, result.scenario, Console(file=target, width=width))
    return target.getvalue()


def assert_fits(result: Run, width: int) -> str:
    text = printed(result, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    return text


@pytest.mark.parametrize("width", [80, 100])
def test_the_console_fits_its_width_and_tells_everything(told: tuple[Run, Path], width: int) -> None:
    result = told[0]
    text = assert_fits(result, width)
    words = " ".join(text.split())
    assert f"slo-missed {QUESTION} 1 of 4 objectives missed" in words
    for term in (*OFFICIAL, "法院", "银行"):
        assert term in words
    assert "4+3" in words
    assert re.search(r"missed chains\.a\.commit_latency_s\.p99 at most 1 µs", words)
    for name, chain_result in result.summary["chains"].items():
        counts = [chain_result[key] for key in ("offered", "records", "rejected", "unfinished")]
        assert re.search(rf"^{name} +{' +'.join(f'{number:,}' for number in counts)} ", text, re.MULTILINE)
    assert f"{round(result.manifest['wall']['events_per_s']):,} events/s" in words


def test_the_console_tells_the_same_of_a_saved_run(told: tuple[Run, Path], tmp_path: Path) -> None:
    result = told[0]
    saved = result.save(tmp_path / "run")
    summary, manifest = (json.loads((saved / f"{name}.json").read_text()) for name in ("summary", "manifest"))
    target = io.StringIO()
    console.show(summary, manifest, sim.load(saved / "scenario.yaml"), Console(file=target, width=90))
    assert target.getvalue() == printed(result, 90)


def test_quantiles_by_window_count_the_unfinished_as_infinite() -> None:
    rng = np.random.default_rng(5)
    times = rng.uniform(0, 10, 400)
    values = np.where(rng.random(400) < 0.05, np.inf, rng.exponential(size=400))
    values[times < 1] = np.inf
    times[(times > 4) & (times < 5)] = 3.5
    edges = np.linspace(0, 10, 11)
    found = series.quantiles_by_window(times, values, edges, (0.5, 0.99))
    for window in range(10):
        inside = values[(times >= window) & (times < window + 1)]
        if window == 4:
            assert np.isnan(found[:, window]).all()
            continue
        for row, part in enumerate((0.5, 0.99)):
            at_most = np.count_nonzero(inside <= found[row, window]) / len(inside)
            below = np.count_nonzero(inside < found[row, window]) / len(inside)
            assert below < part <= at_most
    assert np.isinf(found[:, 0]).all()


@pytest.mark.parametrize(
    ("simulated_s", "blocks", "width_s"),
    [(600, 1200, 5), (20, 38, 2), (2, 0, 0.2), (1e-3, 5, 1e-4), (31_536_000, 10**8, 200_000)],
)
def test_windows_are_round_and_hold_several_blocks(simulated_s: float, blocks: int, width_s: float) -> None:
    edges = series.window_edges(simulated_s, blocks)
    assert edges[0] == 0
    assert edges[-1] == simulated_s
    assert np.diff(edges) == pytest.approx(width_s, rel=0.01)


def test_rates_times_window_widths_are_the_records(told: tuple[Run, Path]) -> None:
    result = told[0]
    edges = series.window_edges(6, 100)
    for name, summary in result.summary["chains"].items():
        records = series.records(result, [name])
        assert len(records.intended_s) == summary["offered"]
        offered = (series.rate_by_window(records.intended_s, edges) * np.diff(edges)).sum()
        committed = (series.rate_by_window(records.committed_s, edges) * np.diff(edges)).sum()
        assert (round(offered), round(committed)) == (summary["offered"], summary["records"])


def test_stages_add_up_to_the_whole(told: tuple[Run, Path]) -> None:
    samples = {stage: series.stage_sample(told[0], "a", stage) for stage in STAGES}
    whole = series.stage_sample(told[0], "a", series.WHOLE)
    assert sum(samples.values()) == pytest.approx(whole)
    assert whole.mean() == pytest.approx(told[0].summary["chains"]["a"]["commit_latency_s"]["mean"])
    assert set(samples) == set(wording.STAGE_MEANINGS)


def test_every_answer_is_told_in_the_summarys_words(told: tuple[Run, Path]) -> None:
    keys = {answer.key for answer in wording.ANSWERS}
    assert keys == set(told[0].summary["proofs"]) - {"deposited", "verified_real", "verified_charged"}
    assert [answer.zh for answer in wording.ANSWERS if answer.official] == list(OFFICIAL)
    assert "outcome" in TABLES["verifications"]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0, "0 %"),
        (0.00001, "< 0.01 %"),
        (0.0012, "0.12 %"),
        (0.013, "1.3 %"),
        (0.2, "20 %"),
        (0.99933, "99.93 %"),
        (0.999_999, "> 99.99 %"),
        (1, "100 %"),
        (1.5, "150 %"),
    ],
)
def test_a_share_is_all_or_nothing_only_when_it_is(part: float, text: str) -> None:
    assert wording.share(part) == text


@pytest.mark.parametrize(
    ("seconds", "measured", "given"),
    [
        (0, "0 s", "0 s"),
        (5e-9, "5.00 ns", "5 ns"),
        (0.00339, "3.39 ms", "3.39 ms"),
        (0.5, "500 ms", "500 ms"),
        (0.9999, "1,000 ms", "999.9 ms"),
        (1234.56, "1,235 s", "1,234.56 s"),
        (600.0, "600 s", "600 s"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, measured: str, given: str) -> None:
    assert (wording.duration(seconds), wording.given_duration(seconds)) == (measured, given)


def test_an_objective_missed_by_a_hair_shows_the_hair(told: tuple[Run, Path]) -> None:
    scenario = told[0].scenario
    slo = scenario.slo[0].model_copy(update={"at_most": 3.0})
    entry = {"metric": slo.metric, "target": "at most 3", "actual": 3.0004, "met": False}
    near = wording.objectives({"slo": [entry]}, scenario.model_copy(update={"slo": (slo,)}))
    assert (near[0].target, near[0].actual) == ("at most 3 s", "3.0004 s")
