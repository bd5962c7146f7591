"""What a study's metrics and points are called, in English and in Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.report.wording import ENGLISH
from sim.report.words import chinese

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.report.words import Words

AS_IT_STANDS: Final = "as it stands"
"""What a point without parameters is called (`sim.study.sweeps.plan.said`)."""
_CALLED: Final = {
    "commit_latency_s": "commit latency",
    "latency_s": "one-way latency",
    "throughput_tps": "throughput",
    "goodput_tps": "goodput",
    "storage_bytes": "storage",
}


def called(path: str, say: Words = ENGLISH) -> str:
    """A metric in words: ``commit latency of jc (p99)``; the path of one that has no better ones."""
    section, *words = path.split(".")
    if section == "proofs":
        return say("study.name.proofs", what=_word(words[0], say))
    if section == "docket":
        what, *rest = (_word(word, say) for word in words)
        return say(
            "study.name.docket-statistic" if rest else "study.name.docket", what=what, statistic=say("gap").join(rest)
        )
    if section not in {"chains", "crosschain", "casework"} or len(words) < 2:  # noqa: PLR2004 - whose, and what
        return path
    whose, what, *rest = words
    if section == "casework" and rest:
        return say("study.name.cases", what=_of_cases(rest, say), whose=whose)
    if what == "stages_s":
        told = say("study.name.stage", stage=say.name("stage", rest.pop(0)))
    else:
        told = _word(what, say, _CALLED.get(what, ""))
    statistic = say("gap").join(_word(word, say) for word in rest)
    return say("study.name.of-statistic" if rest else "study.name.of", what=told, whose=whose, statistic=statistic)


def _word(word: str, say: Words, english: str = "") -> str:
    """A word of a path for people."""
    return (say.lang == "zh" and chinese("metric", word)) or english or word.removesuffix("_s").replace("_", " ")


def _of_cases(words: Sequence[str], say: Words) -> str:
    """A period of law and what became of it, or a loss."""
    if say.lang == "en":
        return " ".join(words).replace("-", " ")
    tables = ("period", "loss", "metric")
    told = (next(filter(None, (chinese(table, word) for table in tables)), f" {word} ") for word in words)
    return "".join(told).rstrip()


def labelled(label: str, say: Words) -> str:
    """A point's label, which is made of ids but for that of the scenario as it stands."""
    return say("study.as-it-stands") if label == AS_IT_STANDS else label


def capital(text: str, say: Words = ENGLISH) -> str:
    """The text with a capital at its beginning; the same text in Chinese, which may begin with an id and has none."""
    return text[:1].upper() + text[1:] if say.lang == "en" else text
