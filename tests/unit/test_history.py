"""The history of the benchmarks: no line is lost or half-written; two commits are compared as far as they can be."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from history_kit import EPYC, XEON, commit, entry, rate
from matplotlib.backends.backend_agg import FigureCanvasAgg

from sim.report import bench_comparison, style
from sim.report.bench_history import bench_history
from sim.study import store
from sim.study.comparison import ALIKE, FASTER, SLOWER, UnknownCommit, commit_of, compare
from sim.study.history import HistoryError, append, for_github_action, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim.study.comparison import Comparison

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from history_kit import entry
from sim.study.history import append
for number in range(int(sys.argv[3]), int(sys.argv[4])):
    append(Path(sys.argv[2]), entry(number, {"build": 1.0 + number}))
    print(number, flush=True)
"""


def writer(path: Path, first: int, end: int) -> subprocess.Popen[str]:
    """A process that appends entries first to end, and tells each that stands."""
    arguments = [str(Path(__file__).parents[1]), str(path), str(first), str(end)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)


def test_what_is_appended_is_read_by_the_order_of_commits(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bench.jsonl"
    later, earlier, again = entry(2, {"build": 3.0}), entry(1, {"build": 2.0}), entry(1, {"build": 2.5}, XEON)
    again = again.model_copy(update={"measured": again.measured + timedelta(days=9)})
    for one in (again, later, earlier):
        append(path, one)
    assert read(path) == [earlier, again, later]
    assert path.read_text(encoding="utf-8").count("\n") == 3
    assert [file.name for file in path.parent.iterdir()] == ["bench.jsonl"]


@pytest.mark.parametrize("call", ["fsync", "chmod", "rename"])
def test_an_interruption_leaves_the_history_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "bench.jsonl"
    append(path, entry(1, {"build": 2.0}))
    before = path.read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.os if call == "fsync" else store.Path, call, interrupted)
        with pytest.raises(KeyboardInterrupt):
            append(path, entry(2, {"build": 3.0}))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["bench.jsonl"]
    append(path, entry(2, {"build": 3.0}))
    assert len(read(path)) == 2


def test_a_killed_writer_loses_no_line_that_it_told_and_breaks_none(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    chance = random.Random(5)  # noqa: S311 - when to kill is no secret
    told = 0
    for _ in range(3):
        process = writer(path, told, told + 10_000)
        assert process.stdout is not None
        process.stdout.readline()  # it is at work
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        told += 1 + process.stdout.read().count("\n")
        process.wait()
        process.stdout.close()
        numbers = [one.rates[0].rate_per_s - 1 for one in read(path)]
        assert numbers == list(range(len(numbers)))
        assert told <= len(numbers) <= told + 1
        told = len(numbers)


def test_several_writers_lose_nothing_to_each_other(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    writers = [writer(path, 100 * number, 100 * number + 25) for number in range(3)]
    for process in writers:
        assert len(process.communicate(timeout=60)[0].splitlines()) == 25
    expected = [100.0 * number + step for number in range(3) for step in range(25)]
    assert [one.rates[0].rate_per_s - 1 for one in read(path)] == expected


@pytest.mark.parametrize("content", [None, "", "\n\n"])
def test_an_empty_history_says_how_to_fill_it(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "bench.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(HistoryError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: holds no run of the benchmarks; `make bench` adds one"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line[:-20], "Invalid JSON: EOF while parsing"),
        (lambda _: "[]", "Input should be an object"),
        (lambda line: line.replace('"rate_per_s":3.0', '"rate_per_s":-3.0'), "rates.0.rate_per_s: Input should be gre"),
        (lambda line: line.replace('"schema":1', '"schema":2'), "schema: Input should be 1"),
        (lambda line: line.replace('"dirty":', '"dusty":'), "code.dirty: Field required"),
        (lambda line: line.replace(commit(2), "HEAD"), "code.commit: String should match pattern"),
        (lambda line: line.replace("T12:00:00Z", "T12:00:00"), "code.committed: Value error, has no offset from UTC"),
    ],
)
def test_a_bad_line_is_told_by_its_number_and_key(tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "bench.jsonl"
    good, bad = entry(1, {"build": 2.0}).to_line(), entry(2, {"build": 3.0}).to_line().rstrip("\n")
    assert callable(change)
    changed = change(bad)
    assert changed != bad
    path.write_text(good + changed + "\n", encoding="utf-8")
    with pytest.raises(HistoryError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:2: {message}")
    assert "\n" not in str(caught.value)


def test_the_file_for_a_hosted_ci_has_the_fields_that_it_takes() -> None:
    one = entry(1, [rate("proof: build", 2.5e6, share=0.75, limit="kernel"), rate("state: grow", 12.0)])
    plotted = json.loads(json.dumps(for_github_action(one), allow_nan=False))
    assert [(item["name"], item["unit"], item["value"]) for item in plotted] == [
        ("proof: build", "leaves/s", 2.5e6),
        ("state: grow", "leaves/s", 12.0),
    ]
    for item in plotted:
        assert set(item) == {"name", "unit", "value", "range", "extra"}
        assert isinstance(item["range"], str)
    assert plotted[0]["range"] == "median of 5 rounds 2.375e+06"
    assert "0.75 of kernel" in plotted[0]["extra"]
    assert "AMD EPYC (znver5), 2 CPUs, Linux; load 0.2 before, 1.5 after" in plotted[0]["extra"]


def test_commits_are_found_by_their_first_digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no git knows anything here
    entries = [entry(number, {"build": 1.0}) for number in range(1, 9)]
    assert commit_of(entries, commit(3)[:7].upper()) == commit(3)
    with pytest.raises(UnknownCommit) as caught:
        commit_of(entries, "v1.0")
    assert str(caught.value) == (
        f"v1.0 is no commit; measured, the last first: {', '.join(commit(n)[:9] for n in (8, 7, 6, 5, 4))}, "
        "and 3 before these"
    )
    twin = commit(1)[:6] + commit(2)[6:]
    alike = [*entries, entry(1, {"build": 1.0}, code={**entries[0].code.model_dump(), "commit": twin})]
    with pytest.raises(UnknownCommit, match=f"{twin[:5]} may be any of {commit(1)}, {twin}; give more digits"):
        commit_of(alike, twin[:5])


def test_commits_are_found_by_what_git_calls_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        command = ["git", *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--initial-branch=trunk")
    for text in ("one", "two"):
        git("commit", "--allow-empty", "--message", text)
    old, new = git("rev-parse", "HEAD~1"), git("rev-parse", "HEAD")
    code = entry(1, {"build": 1.0}).code.model_dump()
    entries = [entry(1, {"build": 1.0}, code={**code, "commit": old})]
    assert commit_of(entries, "trunk~1") == old
    with pytest.raises(UnknownCommit, match=rf"commit {new[:9]} \(HEAD\) was not measured; measured, the last first: "):
        commit_of(entries, "HEAD")
    with pytest.raises(UnknownCommit, match="--all is no commit"):
        commit_of(entries, "--all")


def said(comparison: Comparison) -> str:
    return " ".join(bench_comparison.sentences(comparison))


def test_a_change_is_one_that_exceeds_the_rounds_spread() -> None:
    calm = {"a": 100.0, "b": 100.0, "c": 100.0}
    old = entry(1, [*(rate(*pair) for pair in calm.items()), rate("d", 1.0, rounds=1), rate("gone", 1.0)])
    changed = {"a": 70.0, "b": 104.0, "c": 106.0}
    new = entry(2, [*(rate(*pair) for pair in changed.items()), rate("d", 2.0, rounds=1), rate("new", 1.0)])
    found = compare([old, new], commit(1), commit(2))
    assert [(row.new.name, row.change) for row in found.rows] == [
        ("a", SLOWER),
        ("b", ALIKE),
        ("c", FASTER),
        ("d", None),
    ]
    assert [row.ratio for row in found.rows] == pytest.approx([0.70, 1.04, 1.06, 2.0])
    assert (found.gone, found.added) == (("gone",), ("new",))
    assert said(found) == (
        "Of 4 benchmarks on one machine 1 is slower and 1 is faster by more than its rounds differ among themselves; "
        "the median ratio is 1.050. Most slower: a (0.70). Most faster: c (1.06). 1 with a question mark had a single "
        "round: nothing tells change from noise. Only the old one has gone. Only the new one has new."
    )


def test_the_run_without_uncommitted_changes_is_taken_then_the_last_on_a_machine_that_saw_both() -> None:
    entries = [
        entry(1, {"a": 10.0}),
        entry(1, {"a": 11.0}, measured=entry(1, {"a": 1.0}).measured + timedelta(hours=5)),
        entry(1, {"a": 99.0}, dirty=True, measured=entry(1, {"a": 1.0}).measured + timedelta(hours=9)),
        entry(1, {"a": 50.0}, XEON, measured=entry(1, {"a": 1.0}).measured + timedelta(hours=10)),
        entry(2, {"a": 22.0}),
    ]
    (row,) = compare(entries, commit(1), commit(2)).rows
    assert (row.old.rate_per_s, row.new.rate_per_s) == (11.0, 22.0)
    dirty_only = compare([entries[2], entries[4]], commit(1), commit(2))
    assert "A plus sign means that the working tree had changes that are in no commit." in said(dirty_only)


def test_of_different_machines_only_shares_compare() -> None:
    old = entry(1, [rate("a", 100.0, share=0.8, limit="kernel"), rate("b", 5.0)])
    fast = [rate("a", 900.0, share=0.4, limit="kernel"), rate("b", 50.0)]
    found = compare([old, entry(2, fast, XEON)], commit(1), commit(2))
    assert not found.same_machine
    assert [row.change for row in found.rows] == [None, None]
    assert said(found) == (
        f"The two were measured on different machines ({EPYC}; {XEON}): rates do not compare, only shares of a limit "
        "that was measured in the same run do. Of 1 benchmark with a share the median ratio of shares is 0.500, the "
        "lowest 0.50 (a)."
    )
    other = [rate("a", 900.0, share=0.4, limit="another kernel"), rate("b", 50.0)]
    nothing = compare([old, entry(2, other, XEON)], commit(1), commit(2))
    assert said(nothing).endswith("No benchmark has one in both runs.")


def test_what_else_differs_is_told() -> None:
    old = entry(1, {"a": 1.0}, python="3.11.7", packages={"numpy": "2.3.0", "simpy": "4.1"})
    new = entry(2, {"a": 1.0}, python="3.12.1", packages={"numpy": "2.4.6", "simpy": "4.1"})
    assert "Beside the code there differ: Python 3.11.7 then, 3.12.1 now; numpy 2.3.0 then, 2.4.6 now." in said(
        compare([old, new], commit(1), commit(2))
    )


def panels(entries: list) -> dict[str, Axes]:
    """The figure's panels by the benchmark that they name."""
    figure = bench_history(entries)
    return {" ".join(axes.texts[0].get_text().split()): axes for axes in figure.axes}


def test_each_panel_shows_a_benchmark_relative_to_its_median_on_each_machine() -> None:
    rates = [(1, 100.0, EPYC), (2, 100.0, EPYC), (3, 60.0, EPYC), (1, 900.0, XEON), (3, 540.0, XEON)]
    entries = [entry(n, {"proof: build": value, "other": 1.0}, machine, dirty=n == 2) for n, value, machine in rates]
    entries.sort(key=lambda one: (one.code.committed, one.measured))
    drawn = panels(entries)
    assert set(drawn) == {"proof: build", "other"}
    points = [line for line in drawn["proof: build"].lines if line.get_marker() in {"o", "s"}]
    found = sorted((point.get_xdata()[0], round(float(point.get_ydata()[0]), 4)) for point in points)
    assert found == [(0, 1.0), (0, 1.25), (1, 1.0), (2, 0.6), (2, 0.75)]
    hollow = [point for point in points if point.get_markerfacecolor() == style.PAPER]
    assert [point.get_xdata()[0] for point in hollow] == [1]
    limits = {axes.get_ylim() for axes in drawn.values()}
    assert len(limits) == 1  # one scale for all
    low, high = limits.pop()
    assert low < 0.6
    assert high == pytest.approx(1 / low)
    assert style.title(bench_history(entries)) == (
        f"2 benchmarks over 3 commits: at {commit(3)[:9]} lowest is proof: build, 0.75 times its median"
    )


@pytest.mark.parametrize("benchmarks", [1, 6, 40])
def test_nothing_in_the_figure_overlaps_or_is_cut_off(benchmarks: int) -> None:
    names = [f"message: computed where everything is calm and quiet, tendermint, n = {n}" for n in range(benchmarks)]
    entries = [entry(n, dict.fromkeys(names, 1.0 + n), machine) for n in range(12) for machine in (EPYC, XEON)]
    figure = bench_history(entries)
    canvas = FigureCanvasAgg(figure)
    with style.house_style():
        canvas.draw()
    renderer = canvas.get_renderer()
    page = figure.bbox
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    boxes += [text.get_window_extent(renderer) for text in figure.texts]
    for box in boxes:
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
    for number, box in enumerate(boxes):
        assert not any(box.shrunk(0.99, 0.99).overlaps(other) for other in boxes[number + 1 :])
