"""The page in a real browser: Chromium, headless, as `.ci/run` installs it if it can.

Every page is looked at in three widths, by day and by night and on paper, in both languages.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import pytest
from report_runs import claims, lively
from scenario_kit import chain, deposits, small

import sim
from sim.report import figures, page, studies, study_figures
from sim.report.study_numbers import Told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from sim.study.sweeps.study import Study

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
WIDTHS = (360, 800, 1400)
A4 = 718
"""Its width without margins, at 96 dots an inch."""
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
LANGUAGES = ("en", "zh")
FIGURES = {
    "lively": {"alliance-map", "latency-cdf", "links", "fault-timeline", "throughput-latency"},
    "claims": {"alliance-map", "latency-cdf", "periods", "desks", "cases", "throughput-latency"},
    "study": {"by-parameter", "heat-map"},
}
FIRST = {"lively": "alliance-map", "claims": "alliance-map", "study": "by-parameter"}
"""A figure that is wider than a telephone."""
PAGES = [(run, lang) for run in FIGURES for lang in LANGUAGES]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no chromium on the PATH: the page was not looked at in a browser (apt-get install chromium)",
)


@dataclass
class Seen:
    """A page that is open, and what it did that it should not."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def look(self, width: int = 1400, scheme: Literal["light", "dark"] = "light", *, paper: bool = False) -> Page:
        """The page in a window of this width, by day or by night, or on paper; at its top, with nothing focused."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(media="print" if paper else "screen", color_scheme=scheme)
        self.page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        return self.page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name, make in (("lively", lively), ("claims", claims)):
        (folder / name).mkdir()
        result = make(folder / name)
        drawn = figures.draw(result)
        for lang in LANGUAGES:
            made[name, lang] = folder / f"{name}-{lang}.html"
            made[name, lang].write_text(page.render(result, drawn, lang), encoding="utf-8")
    (folder / "study").mkdir()
    told = Told.of(swept(folder / "study"))
    pictures = study_figures.draw(told)
    for lang in LANGUAGES:
        made["study", lang] = folder / f"study-{lang}.html"
        made["study", lang].write_text(studies.render(told, pictures, lang=lang), encoding="utf-8")
    return made


def swept(folder: Path) -> Study:
    """Four points, of which some miss an objective, and a scenario that says long things of itself."""
    scenario = small(
        folder,
        horizon="400ms",
        chains={"a": chain()},
        workload={"files": deposits("100/s")},
        slo=[{"metric": "chains.a.commit_latency_s.p99", "at_most": "60ms"}],
        assumptions={
            "made-up": "Every number of this scenario is made up, and none of them was ever measured by anybody."
        },
    )
    over = {"chains.a.validators": [1, 4], "chains.a.block.interval": ["10ms", "100ms"]}
    return sim.sweep(scenario, over, 2, executor="serial")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def seen(browser: Browser, files: dict[tuple[str, str], Path]) -> dict[tuple[str, str], Seen]:
    return {each: opened(browser, file) for each, file in files.items()}


def opened(browser: Browser, file: Path) -> Seen:
    """Open a file, offline; whatever is asked of a network, or complained of, is noted."""
    shown = Seen(browser.new_context(offline=True).new_page())
    note, address = shown.complaints.append, file.as_uri()
    shown.page.on("console", lambda message: note(f"{message.type}: {message.text}"))
    shown.page.on("pageerror", lambda error: note(str(error)))
    shown.page.on("request", lambda request: None if request.url == address else note(f"asked for {request.url}"))
    shown.page.goto(address)
    return shown


def overflowing(page: Page) -> list[str]:
    """What stands out of the page to the right, but for what is inside of something that scrolls."""
    found: list[str] = page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            const inside = element => element.closest('.scroll, pre') !== null;
            const out = [...document.body.querySelectorAll('*')]
                .filter(element => !inside(element.parentElement) && element.getBoundingClientRect().right > width + 1)
                .map(element => `${element.tagName} ${element.className} ${element.textContent.slice(0, 40)}`);
            const all = document.documentElement.scrollWidth;
            return all > width ? [`the document is ${all} wide, not ${width}`, ...out] : out;
        }"""
    )
    return found


@pytest.mark.parametrize(("run", "lang"), PAGES)
def test_a_page_fits_three_widths_by_day_and_by_night_and_asks_nobody(
    seen: dict[tuple[str, str], Seen], run: str, lang: str
) -> None:
    grounds = {}
    for scheme in SCHEMES:
        for width in WIDTHS:
            shown = seen[run, lang].look(width, scheme)
            assert overflowing(shown) == [], f"{width} wide"
        grounds[scheme] = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds["light"] != grounds["dark"]
    shown = seen[run, lang].look(WIDTHS[0])
    for details in shown.locator("summary").all():
        details.click()
    assert overflowing(shown) == [], "with all details open"
    shown.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    assert seen[run, lang].complaints == []


@pytest.mark.parametrize(("run", "lang"), PAGES)
def test_a_printed_page_loses_nothing_at_its_edge(seen: dict[tuple[str, str], Seen], run: str, lang: str) -> None:
    shown = seen[run, lang].look(A4, "dark", paper=True)
    cut = shown.evaluate(
        """() => [...document.querySelectorAll('.scroll, pre, section')]
            .filter(box => box.scrollWidth > box.clientWidth + 1 && box.checkVisibility())
            .map(box => `${box.getAttribute('aria-label') || box.id} ${box.scrollWidth - box.clientWidth}`)"""
    )
    assert cut == []
    assert overflowing(shown) == []
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize(("run", "lang"), PAGES)
def test_every_figure_is_there_with_a_name_and_a_size(seen: dict[tuple[str, str], Seen], run: str, lang: str) -> None:
    found = seen[run, lang].look().locator("figure").all()
    assert {figure.get_attribute("id") for figure in found} == FIGURES[run]
    for figure in found:
        drawing = figure.get_by_role("img")
        box = drawing.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 80
        assert len(drawing.get_attribute("aria-label") or "") > 30
        assert len(figure.locator("figcaption").inner_text()) > 30
        inner = drawing.evaluate("svg => { const box = svg.getBBox(); return [box.width, box.height]; }")
        assert min(inner) > 50, "something is drawn"


@pytest.mark.parametrize(("run", "lang"), PAGES)
def test_a_page_can_be_read_aloud(seen: dict[tuple[str, str], Seen], run: str, lang: str) -> None:
    shown = seen[run, lang].look()
    assert shown.locator("html").get_attribute("lang") == {"en": "en", "zh": "zh-Hans"}[lang]
    assert shown.locator("main").count() == shown.locator("h1").count() == 1
    levels = shown.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), "no level is skipped"
    headless = shown.evaluate(
        """() => [...document.querySelectorAll('table')]
            .filter(t => !t.querySelector('thead th[scope=col]') || [...t.querySelectorAll('th')].some(h => !h.scope))
            .map(t => t.textContent.slice(0, 40))"""
    )
    assert headless == []
    lost = shown.evaluate(
        """() => [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))
            .filter(href => !href.startsWith('#') || !document.getElementById(href.slice(1)))"""
    )
    assert lost == []
    assert shown.evaluate("[...document.querySelectorAll('.scroll')].every(s => s.getAttribute('aria-label'))")


@pytest.mark.parametrize("run", FIGURES)
def test_keys_reach_everything_that_scrolls_and_scroll_it(seen: dict[tuple[str, str], Seen], run: str) -> None:
    shown = seen[run, "en"].look(WIDTHS[0])
    wanted = shown.evaluate("[...document.querySelectorAll('.scroll')].filter(s => s.checkVisibility()).length")
    shown.evaluate("window.reached = new Set()")
    shown.evaluate(
        "addEventListener('focusin', event => event.target.matches('.scroll') && window.reached.add(event.target))"
    )
    for _ in range(wanted + shown.locator("a, summary, pre").count()):
        shown.keyboard.press("Tab")
    assert shown.evaluate("window.reached.size") == wanted
    shown.locator(f"#{FIRST[run]} .scroll").focus()
    shown.keyboard.press("ArrowRight")
    scrolled = (shown.evaluate("document.activeElement.scrollLeft") or shown.wait_for_timeout(20) for _ in range(100))
    assert any(scrolled)
    assert shown.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", (
        "and one sees where one is"
    )


@pytest.mark.parametrize("run", ["claims", "study"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_text_stands_out_from_its_ground(
    seen: dict[tuple[str, str], Seen], scheme: Literal["light", "dark"], run: str
) -> None:
    """WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    shown = seen[run, "en"].look(scheme=scheme)
    faint = shown.evaluate(
        """() => {
            const light = colour => {
                const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
                    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const ground = element => {
                for (let each = element; each; each = each.parentElement) {
                    const colour = getComputedStyle(each).backgroundColor;
                    if (!/^rgba.*, 0\\)$/.test(colour)) return colour;
                }
                return 'rgb(255, 255, 255)';
            };
            return [...document.body.querySelectorAll('*')]
                .filter(each => !each.closest('svg'))
                .filter(each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
                .map(each => [light(getComputedStyle(each).color), light(ground(each)), each])
                .filter(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5)
                .map(([a, b, each]) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 30)}`);
        }"""
    )
    assert faint == []
