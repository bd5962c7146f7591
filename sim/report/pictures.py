"""Figures as runs and studies have them: a name, who draws it, and whether there is anything to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sim.report import inline, style
from sim.study.store import write_bytes, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from matplotlib.figure import Figure

    from sim.report.words import Words

ToldT = TypeVar("ToldT")
"""What is drawn: a run, or a study."""


@dataclass(frozen=True, slots=True)
class Picture(Generic[ToldT]):
    """One figure of a page. What is to be seen and how it was counted are messages of `sim.report.words`.

    Attributes:
        name: file name without its ending.
        draw: makes the figure; its title says the finding.
        shows: whether there is anything that it could show.
    """

    name: str
    draw: Callable[[ToldT], Figure]
    shows: Callable[[ToldT], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure: what was drawn, its title, and the SVG that both the page and the file take."""

    picture: Picture[Any]
    figure: Figure
    title: str
    svg: str


def draw(pictures: Iterable[Picture[ToldT]], told: ToldT) -> list[Drawn]:
    """All figures that have something to show, in their order."""
    figures = [(picture, picture.draw(told)) for picture in pictures if picture.shows(told)]
    return [Drawn(picture, figure, style.title(figure), style.to_svg(figure)) for picture, figure in figures]


def save(pictures: Iterable[Picture[ToldT]], figures: Iterable[Drawn], directory: Path) -> None:
    """Write each figure into an existing directory, as ``.svg`` and as ``.png``; what is not drawn any more goes.

    Raises:
        OSError: a file cannot be written.
    """
    for picture in pictures:
        for ending in ("svg", "png"):
            (directory / f"{picture.name}.{ending}").unlink(missing_ok=True)
    for drawn in figures:
        write_text(directory / f"{drawn.picture.name}.svg", drawn.svg)
        write_bytes(directory / f"{drawn.picture.name}.png", style.to_png(drawn.figure))


def on_page(drawn: Drawn, say: Words, messages: str) -> dict[str, Any]:
    """What a page needs of a figure; what is said of it stands under ``messages``.

    A finding is drawn in English; whoever hears the page in another language is told what the figure is instead.
    """
    from markupsafe import Markup

    name = drawn.picture.name
    title, caption = say(f"{messages}.{name}.title"), say(f"{messages}.{name}.caption")
    finding = f"{drawn.title}. " if say.lang == "en" else f"{title}{say('stop')}"
    # Whatever a scenario says is drawn as outlines in the figure, and escaped in the label.
    svg = Markup(inline.svg(drawn.svg, name, f"{finding}{caption}"))  # noqa: S704
    return {"name": name, "title": title, "caption": caption, "svg": svg}
