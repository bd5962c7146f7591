"""The 32 articles of the Opinions (法发〔2022〕16号): what each asks for, and which workflows and scenarios run it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from sim.scenario.distributions import Model
from sim.scenario.files import read_map
from sim.scenario.messages import problems_of
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.quantities import Text, one_of
from sim.scenario.schema import Node
from sim.scenario.workflow.quantities import Code

ARTICLES: Final = 32
BOUND: Final = range(4, 27)
"""Articles of parts II to VI: what is built. The others say what for (I) and how it is supported (VII)."""
_PARTS: Final = ("I", "II", "III", "IV", "V", "VI", "VII")
_KNOWN: Final = ("text", "summary", "memory")
_STARTS: Final = (1, 4, 9, 13, 18, 21, 27)
"""The first article of each part [opinions]."""


class Article(Model):
    """An article of the Opinions."""

    title: Text = Field(description="In English.")
    zh: Text | None = Field(default=None, description="In Chinese, where it is known.")
    part: Annotated[Literal["I", "II", "III", "IV", "V", "VI", "VII"], one_of(*_PARTS)] = Field(
        description="Of the Opinions."
    )
    says: Text = Field(description="What it asks for, in our words.")
    known: Annotated[Literal["text", "summary", "memory"], one_of(*_KNOWN)] = Field(
        description="text: its text was read; summary: only an official summary; memory: neither."
    )
    workflows: tuple[Code, ...] = Field(default=(), description="Codes of the workflows that run it.")
    scenarios: tuple[Text, ...] = Field(
        default=(), description="Scenarios in which they run, as paths without ending below the folder of scenarios."
    )


class _File(Model):
    articles: Mapping[Text, Article] = Field(description="Articles by number.")


def is_articles(path: str | Path) -> bool:
    """Whether a file is a table of articles rather than a scenario; unreadable ones are not."""
    try:
        tree, _ = read_map(path)
    except ScenarioError:
        return False
    return list(tree) == ["articles"]


def load_articles(path: str | Path) -> Mapping[int, Article]:
    """Return the articles in a file, by number.

    Raises:
        ScenarioError: with everything that is wrong, by file, line and column.
    """
    root, problems = read_map(path)
    try:
        file = _File.model_validate(root)
    except ValidationError as error:
        raise ScenarioError([*problems, *problems_of(error, root, Node.root(_File))]) from error
    shown = root.position.source.name
    found = {int(key): article for key, article in file.articles.items() if key.isdecimal()}
    if list(file.articles) != [str(number) for number in range(1, ARTICLES + 1)]:
        problems.append(Problem(shown, 0, 0, "articles", f"needs the numbers 1 to {ARTICLES}, each once, in order"))
    for number, article in found.items():
        part = _PARTS[sum(number >= first for first in _STARTS) - 1]
        if article.part != part:
            message = f"is {article.part}; article {number} belongs to part {part}"
            problems.append(Problem(shown, 0, 0, f"articles.{number}.part", message))
    if problems:
        raise ScenarioError(problems)
    return found
