"""A workflow in words and as a figure: nothing covers anything, and the same file gives the same bytes."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest
from workflow_text import changed, write

from sim.kernel.distributions import Constant, Exponential, Lognormal, Normal, Uniform
from sim.report import style
from sim.report.layered import Arrow, lay_out
from sim.report.workflow_figure import chinese_font, kind_of, workflow_figure
from sim.report.workflow_words import description, drawn, length
from sim.scenario import load_workflow

if TYPE_CHECKING:
    from pathlib import Path

HOUR_NS = 3_600 * 10**9
IN_WORDS = """\
W12 agreement: Agreement not performed
调解协议不履行
article 14; lives on med
1,000,000 cases a year, evenly, quarters 0.8 1.2 1.2 0.8
at stake: 141,894 CNY on average

facts
  consents: 80%
  confirmed: 30%
  will-pay: 95%, a truth that no rule sees
  unseen: 1% of will-pay, a truth that no rule sees

states
  agreed
    → armed: after 1 h, by mediator: deposits agreement on med; calls agreement.arm; waits for the block
  armed
    → paid: after 30 d, if will-pay, not unseen, by debtor
    → serving: after 5 wd, if not will-pay, by debtor
    → serving: after 5 wd, if unseen, by nature
  serving
    → serving.read: after 1 d, if consents: tells parent 'sent'
    → due: when serving.reply ends, if not consents
  serving.read 已读
    → due: after 1 min
  due
    → filed: clerk works 20 min: cannot be undone, repaired by withdrawn
    → returned: clerk works about 10 min (1%)
    → paid: on paid
  filed
    → withdrawn: on refused, usually 3 d
  withdrawn 撤回  (end)
  returned  (end)
  paid  (end)

deadlines
  filing: 7 days, from due to filed or returned (CPL 126)
  serving.reply: 3 days, from serving to serving.read

losses
  wrongful: cases, counted at filed if unseen

contracts
  agreement.arm, called by mediator in agreed, answers armed, refused
"""


def test_a_workflow_in_words(tmp_path: Path) -> None:
    assert description(load_workflow(write(tmp_path))) == IN_WORDS


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (Constant(0), "at once"),
        (Constant(90 * 10**9), "1.5 min"),
        (Constant(36 * HOUR_NS), "36 h"),
        (Uniform(24 * HOUR_NS * 20, 24 * HOUR_NS * 90), "20 d to 90 d"),
        (Exponential(HOUR_NS), "about 1 h"),
        (Lognormal(HOUR_NS, 10 * HOUR_NS), "1 h, at worst 10 h"),
        (Normal(HOUR_NS, HOUR_NS / 6), "about 1 h"),
    ],
)
def test_durations_in_words(distribution: Constant, words: str) -> None:
    assert drawn(distribution) == words


def test_nothing_is_longer_than_a_page_of_numbers() -> None:
    assert length(1_800 * 24 * HOUR_NS) == "1,800 d"


def test_the_figure_says_all_states_and_is_the_same_again(tmp_path: Path) -> None:
    workflow = load_workflow(write(tmp_path))
    figure = workflow_figure(workflow)
    said = {text.get_text() for text in figure.axes[0].texts}
    assert {"agreed", "serving › read", "withdrawn", "▶ filing: 7 days", "■ filing", "✖ wrongful if unseen"} <= said
    assert {"mediator: after 1\xa0h", "+ agreement", "ƒ agreement.arm", "if will-pay, not unseen"} <= said
    assert ("撤回" in said) == (chinese_font() is not None)
    assert style.to_svg(figure) == style.to_svg(workflow_figure(workflow))


def test_arrows_have_the_colour_of_who_acts(tmp_path: Path) -> None:
    ways = load_workflow(write(tmp_path)).states
    kinds = [kind_of(way) for name in ("agreed", "armed", "due", "serving") for way in ways[name].transitions]
    assert kinds == ["court", "party", "party", "party", "court", "court", "time", "time", "time"]


def test_what_lies_outside_of_the_page_is_nothing(tmp_path: Path) -> None:
    figure = workflow_figure(load_workflow(write(tmp_path, changed("Agreement not", f"{'Long ' * 40}agreement not"))))
    style.to_svg(figure)
    low, high = figure.axes[0].get_xlim()
    for text in figure.axes[0].texts:
        box = text.get_window_extent().transformed(figure.axes[0].transData.inverted())
        assert low < box.x0
        assert box.x1 < high


def graphs() -> list[tuple[dict[str, tuple[float, float]], list[Arrow]]]:
    """Graphs with cycles, loops and boxes of many sizes, of the size of workflows."""
    found = []
    for seed in range(12):
        chance = random.Random(seed)  # noqa: S311 - only a shape
        names = [f"s{number}" for number in range(chance.randint(1, 30))]
        sizes = {name: (chance.uniform(0.5, 2), chance.uniform(0.2, 1)) for name in names}
        arrows = [
            Arrow(chance.choice(names), chance.choice(names), chance.uniform(0.3, 2), chance.uniform(0.1, 0.6))
            for _ in range(chance.randint(0, 50))
        ]
        found.append((sizes, arrows))
    return found


@pytest.mark.parametrize(("sizes", "arrows"), graphs())
def test_no_box_or_label_covers_another(sizes: dict[str, tuple[float, float]], arrows: list[Arrow]) -> None:
    layout = lay_out(sizes, arrows, (0.2, 0.15))
    things = [(*layout.boxes[name], *size) for name, size in sizes.items()]
    labels = zip(layout.labels, arrows, strict=True)
    things += [(x, y, arrow.width, arrow.height) for (x, y), arrow in labels]
    for (x, y, width, height), (x2, y2, width2, height2) in itertools.combinations(things, 2):
        apart_x = abs(x - x2) - (width + width2) / 2
        apart_y = abs(y - y2) - (height + height2) / 2
        assert max(apart_x, apart_y) > -1e-9
    for x, y, width, height in things:
        assert x - width / 2 >= -1e-9
        assert x + width / 2 <= layout.width + 1e-9
        assert y - height / 2 >= -1e-9
        assert y + height / 2 <= layout.height + 1e-9


@pytest.mark.parametrize(("sizes", "arrows"), graphs())
def test_every_arrow_goes_from_its_source_to_its_target(
    sizes: dict[str, tuple[float, float]], arrows: list[Arrow]
) -> None:
    layout = lay_out(sizes, arrows, (0.2, 0.15))
    for arrow, path in zip(arrows, layout.paths, strict=True):
        for name, (x, y) in ((arrow.source, path[0]), (arrow.target, path[-1])):
            middle, size = layout.boxes[name], sizes[name]
            assert abs(x - middle[0]) <= size[0] / 2 + 1e-9
            assert abs(abs(y - middle[1]) - size[1] / 2) < 1e-9 or arrow.source == arrow.target


def test_a_way_to_a_state_far_away_ends_at_its_name(tmp_path: Path) -> None:
    text = changed("      - {to: paid, on: paid}\n", "")
    text = changed("  filed:\n    then:\n", "  filed:\n    then:\n      - {to: paid, after: 1d}\n", text)
    said = [text.get_text() for text in workflow_figure(load_workflow(write(tmp_path, text))).axes[0].texts]
    assert said.count("→ paid") == 1
    assert said.count("paid") == 1


def test_a_plain_story_reads_downwards() -> None:
    sizes = dict.fromkeys("abcd", (1.0, 0.5))
    arrows = [Arrow(a, b, 0.5, 0.2) for a, b in ("ab", "bc", "cd", "ca")]
    layout = lay_out(sizes, arrows, (0.2, 0.15))
    heights = [layout.boxes[name][1] for name in "abcd"]
    assert heights == sorted(heights, reverse=True)
    assert layout.paths[3][0][1] < layout.paths[3][-1][1]
