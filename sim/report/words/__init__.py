"""What reports say, in English and in Chinese: one catalogue of messages for each, and one of Chinese names.

`en.toml` and `zh.toml` hold the same messages under the same keys; a message is a format string, in which
``{blocks:#block|blocks}`` is a number with the noun that goes with it. `names.toml` has the Chinese of what simulations
and scenario files call something in English: resources, faults, periods of law, questions. An English page says these
as they are. Text that a scenario brings along and nobody has translated stays what it is.
"""

from __future__ import annotations

import re
import string
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

LANGUAGES: Final = ("en", "zh")
"""What reports are written in."""
_TAGS: Final = {"en": "en", "zh": "zh-Hans"}
_FOLDER: Final = Path(__file__).parent
_NUMBER: Final = re.compile(r"\d[\d-]*")


class NoSuchLanguage(ValueError):
    """There is no catalogue for a language."""


class _Formatter(string.Formatter):
    """Format strings with one more format: ``#one|many`` is a number and the noun that goes with it."""

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - as string.Formatter has it
        if not format_spec.startswith("#"):
            return format(value, format_spec)
        one, _, many = format_spec[1:].partition("|")
        return f"{value:,} {one if value == 1 else many}"


class _Escaping(_Formatter):
    """The same for HTML: the message is markup, what is put into it is text."""

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - as string.Formatter has it
        from markupsafe import escape

        # What is markup already stays so; everything else is text, whatever is in it.
        return str(escape(value if hasattr(value, "__html__") else super().format_field(value, format_spec)))


_PLAIN: Final = _Formatter()


class Words:
    """The messages of one language.

    Attributes:
        lang: ``en`` or ``zh``.
        tag: the same for the attribute ``lang`` of HTML (BCP 47): ``en`` or ``zh-Hans``.
    """

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise NoSuchLanguage(f"no language '{lang}'; needs one of {', '.join(LANGUAGES)}")
        self.lang, self.tag = lang, _TAGS[lang]
        self._messages = dict(_flat(_read(lang)))

    def __call__(self, key: str, /, **values: object) -> str:
        """A message as plain text.

        Raises:
            KeyError: there is no such message, or it needs a value that is not given.
        """
        return _PLAIN.vformat(self._messages[key], (), values)

    def html(self, key: str, /, **values: object) -> Markup:
        """A message as markup; values are escaped.

        Raises:
            KeyError: there is no such message, or it needs a value that is not given.
        """
        from markupsafe import Markup

        return Markup(_Escaping().vformat(self._messages[key], (), values))  # noqa: S704 - values are escaped

    def name(self, kind: str, text: str) -> str:
        """What something is called that simulations and scenario files call by an English name.

        Args:
            kind: a table of `names.toml`, such as ``resource``.
            text: the English name; it is returned where there is no other.
        """
        return text if self.lang == "en" else chinese(kind, text) or text

    def echo(self, text: str) -> str:
        """A sentence that the simulation itself has put together; the same text where no pattern fits it."""
        if self.lang == "en":
            return text
        for pattern, there in _patterns():
            found = pattern.fullmatch(text)
            if found:
                parts = {name: part if part is None else self.echo(part) for name, part in found.groupdict().items()}
                return there.format(**parts)
        return text


@cache
def words(lang: str = "en") -> Words:
    """The messages of a language, read once.

    Raises:
        NoSuchLanguage: it is neither ``en`` nor ``zh``.
    """
    return Words(lang)


def chinese(kind: str, text: str) -> str:
    """The Chinese of an English name, or an empty text where there is none in `names.toml`."""
    return str(_names()[kind].get(text, ""))


def law(text: str) -> str:
    """The Chinese of where a rule of law stands: ``CPL 103, 104`` is 民事诉讼法第103条、第104条; empty if not known."""
    parts: list[str] = []
    for part in text.split(", "):
        name, _, number = part.rpartition(" ") if _NUMBER.fullmatch(part.rpartition(" ")[2]) else (part, "", "")
        if name and not chinese("law", name):
            return ""
        parts.append(chinese("law", name) + (f"第{number}条" if number else ""))
    return "、".join(parts)


def keys(lang: str) -> dict[str, str]:
    """All messages of a language by key, as they stand in its catalogue."""
    return dict(_flat(_read(lang)))


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, below in tree.items():
        if isinstance(below, str):
            yield f"{prefix}{name}", below
        else:
            yield from _flat(below, f"{prefix}{name}.")


@cache
def _names() -> dict[str, dict[str, str]]:
    return _read("names")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), there) for pattern, there in _names()["sentence"].items())


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
