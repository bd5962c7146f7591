"""What tests of reports share: the words they look for, a page's outline, a run as the console prints it."""

import io
import re
from html.parser import HTMLParser

from rich.cells import cell_len
from rich.console import Console

from sim.report import console
from sim.study.run import Run

QUESTION = "Is <script>alert('1')</script> & [bold]1 < 2[/bold] a question?"
FIGURES = ("throughput-latency", "fault-timeline", "latency-cdf", "alliance-map")
"""Of a run with a fault, in the order in which they are drawn."""
OFFICIAL = ("核验通过", "尚未在司法区块链存证", "与链上存证数据比对结果不一致")
LATIN = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[ ,;]+[A-Za-z][A-Za-z'’-]*){2,}")
"""Three words of Latin letters in a row: in a Chinese text, somebody forgot to translate."""
VOID = {"meta", "br", "link", "img", "hr", "input", "wbr"}


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


class Foreign(Outline):
    """A page's visible text without code, drawings, and what it says is English."""

    def __init__(self, text: str) -> None:
        self.around: list[dict[str, str | None]] = []
        super().__init__(text)

    def handle_data(self, data: str) -> None:
        if not {"code", "svg", "title"} & set(self.open) and not self.english:
            super().handle_data(data)

    @property
    def english(self) -> bool:
        return any(attributes.get("lang") == "en" for attributes in self.around)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        self.around = [*self.around, dict(attrs)][: len(self.open)]

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        self.around = self.around[: len(self.open)]


def printed(result: Run, width: int) -> str:
    target = io.StringIO()
    console.show(result.summary, result.manifest, result.scenario, Console(file=target, width=width))
    return target.getvalue()


def assert_fits(result: Run, width: int) -> str:
    text = printed(result, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    return text


def assert_whole(html: str) -> None:
    """A page is well-formed, its ids are unique, and what it refers to is in it."""
    outline = Outline(html)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for _, attributes in outline.tags if "href" in attributes}
    targets |= set(re.findall(r"url\((#[^)]*)\)", html))
    assert targets
    assert targets <= {f"#{name}" for name in ids}


def assert_alone(html: str) -> None:
    """A page needs nothing from anywhere."""
    assert "http://" not in html
    assert "https://" not in html
    for tag, attributes in Outline(html).tags:
        assert tag not in {"script", "link", "img", "image", "iframe", "object"}
        assert "src" not in attributes
        assert str(attributes.get("href", "#")).startswith("#")
