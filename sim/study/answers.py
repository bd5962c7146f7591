"""Questions and answers: runs the scenarios of a folder and writes what came out as one table in its `README.md`.

Each scenario asks one question. Its answer is a sentence of `answers.toml` filled in from the run's summary, or, where
there is none, what its objectives measured. A sentence's places are written ``{casework.w18-commutation.open:,.0f}``:
the path of a number of `summary.json`, then how Python formats it. Between paths and numbers may stand `` / ``,
`` * ``, `` + `` and `` - ``, which are worked off from left to right.

    python -m sim.study.answers                  all scenarios
    python -m sim.study.answers bankruptcy ...   these; the other rows stay as they are
"""

from __future__ import annotations

import operator
import re
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.scenario import load
from sim.scenario.articles import is_articles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sim.scenario import Scenario

FOLDERS: Final = (".", "casework", "crosschain", "attacks")
"""Where questions are, below the folder of scenarios."""
SENTENCES: Final = "answers.toml"
_PLACE: Final = re.compile(r"\{([^{}:]+)(?::([^{}]*))?\}")
_OPERATIONS: Final = {"/": operator.truediv, "*": operator.mul, "+": operator.add, "-": operator.sub}
_ROW: Final = re.compile(r"^\| \[([^\]]+)\]\(([^)]+)\) \|")
_HEAD: Final = (
    "# Questions and answers",
    "",
    (
        "One row a scenario: what it asks, what its run with its own seed says, and the verdict (with `expected` where "
        "another verdict than `pass` is what the scenario is about). Made by `make answers`; one of them alone by "
        "`python -m sim.study.answers NAME`."
    ),
    "",
    "| scenario | question | answer | verdict |",
    "|---|---|---|---|",
)


class NoSuchNumber(LookupError):
    """A sentence asks for what the summary does not have."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A scenario file that asks a question.

    Attributes:
        file: where it is.
        place: the same, from the folder of scenarios.
    """

    file: Path
    place: str


def questions(folder: Path) -> Iterator[Asked]:
    """Yield the scenario files that ask questions, of a folder and of those below it, in the order of the table."""
    for below in FOLDERS:
        for file in sorted((folder / below).glob("*.yaml")):
            if not is_articles(file):
                yield Asked(file, file.relative_to(folder).as_posix())


def filled(sentence: str, summary: Mapping[str, Any]) -> str:
    """Return a sentence with the summary's numbers in its places.

    Raises:
        NoSuchNumber: the summary has no such number.
    """
    return _PLACE.sub(lambda found: format(_worked_out(found[1], summary), found[2] or ",.0f"), sentence)


def _worked_out(expression: str, summary: Mapping[str, Any]) -> float:
    first, *rest = expression.split()
    value = _number(first, summary)
    for sign, term in zip(rest[::2], rest[1::2], strict=True):
        other = _number(term, summary)
        value = 0.0 if sign == "/" and not other else _OPERATIONS[sign](value, other)
    return value


def _number(text: str, summary: Mapping[str, Any]) -> float:
    if text[:1].isdigit():
        return float(text)
    keys = text.split(".")
    found = _at(keys, summary)
    if found is None and keys[:2] == ["docket", "contracts"] and _at(keys[:3], summary) is not None:
        return 0.0  # a contract's summary leaves out what never happened
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise NoSuchNumber(f"the summary has no number '{text}'")
    return float(found)


def _at(keys: Sequence[str], place: object) -> object:
    """What stands at a path, or None; keys may have dots in them, as deadlines and losses of shared steps have."""
    if not keys:
        return place
    if not isinstance(place, dict):
        return None
    for count in range(1, len(keys) + 1):
        key = ".".join(keys[:count])
        if key in place:
            return _at(keys[count:], place[key])
    return None


def measured(summary: Mapping[str, Any]) -> str:
    """Return what the objectives of a scenario measured, as its answer where no sentence is written."""
    found = [f"{each['metric']} {_shown(each['actual'])}" for each in summary["slo"]]
    return "; ".join(found) or f"{summary['messages']:,} messages in {summary['simulated_s']:,.0f} s"


def _shown(value: float | None) -> str:
    if value is None:
        return "nothing"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"


def row(asked: Asked, scenario: Scenario, summary: Mapping[str, Any], sentence: str | None) -> str:
    """Return the row of a scenario that has run."""
    answer = measured(summary) if sentence is None else filled(sentence, summary)
    verdict = summary["verdict"]
    if verdict == scenario.expect != "pass":
        verdict += ", expected"
    elif verdict != scenario.expect:
        verdict = f"**{verdict}**, expected {scenario.expect}"
    cells = (scenario.question, answer, verdict)
    return f"| [{scenario.name}]({asked.place}) | {' | '.join(_in_a_cell(cell) for cell in cells)} |"


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page(rows: Sequence[str], rest: str = "") -> str:
    """Return the whole page: the table, and what was written below it by hand."""
    return "\n".join((*_HEAD, *rows)) + "\n" + rest


def below(text: str) -> str:
    """Return what stands below the table of a page, from its first heading on."""
    _, heading, rest = text.partition("\n## ")
    return f"{heading}{rest}"


def kept(text: str) -> dict[str, str]:
    """Return the rows of a page by the place of their scenario's file."""
    return {found[2]: line for line in text.splitlines() if (found := _ROW.match(line))}


def sentences(folder: Path) -> dict[str, str]:
    """Return the sentences of a folder by the name of their scenario."""
    return tomllib.loads((folder / SENTENCES).read_text(encoding="utf-8"))


def write(folder: Path, names: Sequence[str]) -> int:
    """Run these scenarios, or all if none is named, and write the page; returns 1 if a verdict is not the expected one.

    The page is written after each run, so that what is done stays if a later one is interrupted.
    """
    from sim.study.run import run
    from sim.study.store import write_text

    readme, texts, unexpected = folder / "README.md", sentences(folder), 0
    asked = list(questions(folder))
    before = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    rows, rest = kept(before), below(before)
    unknown = set(names) - {each.file.stem for each in asked}
    if unknown:
        sys.stderr.write(f"no such scenario: {', '.join(sorted(unknown))}\n")
        return 2
    for each in asked:
        if names and each.file.stem not in names:
            continue
        scenario, begun_s = load(each.file), time.monotonic()
        summary = run(scenario).summary
        rows[each.place] = row(each, scenario, summary, texts.get(scenario.name))
        unexpected |= summary["verdict"] != scenario.expect
        sys.stdout.write(f"{time.monotonic() - begun_s:6.1f} s  {rows[each.place]}\n")
        sys.stdout.flush()
        write_text(readme, page([rows[one.place] for one in asked if one.place in rows], rest))
    return int(unexpected)


if __name__ == "__main__":
    sys.exit(write(Path("scenarios"), sys.argv[1:]))
