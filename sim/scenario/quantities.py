"""The scalar types of a model's fields: how text becomes the value, what is said when it cannot, how it is shown.

A `Reader` is metadata of an ``Annotated`` type; pydantic, the JSON Schema and the key reference all ask it. Inside, a
duration is an int in nanoseconds, a size in bytes, a bandwidth in bit/s; a rate is a float per second, a share a float
from 0 to 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

from pydantic_core import core_schema

from sim.scenario import units
from sim.scenario.problems import hint
from sim.scenario.yamltree import CONTROL, List, Map, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

T = TypeVar("T")
ID_PATTERN = "[a-z][a-z0-9-]*"
_MAX_SHOWN = 60
_NOT_IN_TEXT = re.compile(f"{CONTROL.pattern}|\x85")
"""Control characters, and the one that YAML 1.1 takes for a line break and so would not keep."""


@dataclass(frozen=True)
class Reader(Generic[T]):
    """Reads one kind of scalar.

    Attributes:
        name: the kind, as users call it ("duration"); also its name in the JSON Schema.
        needs: what would be right, after "needs".
        parse: text to value; raises ValueError with the reason.
        show: value to what a file would say.
        schema: the JSON Schema of the text.
    """

    name: str
    needs: str
    parse: Callable[[str], T]
    show: Callable[[T], object]
    schema: Mapping[str, object] = field(hash=False)

    def read(self, value: object) -> T:
        """Return the value of a scalar.

        Raises:
            ValueError: with what is wrong and what would be right.
        """
        text = scalar_text(value, self.needs)
        try:
            return self.parse(text)
        except ValueError as error:
            kind = _other_kind(text, self.name)
            if kind:
                raise ValueError(f"is {kind} ({text}); needs {self.needs}") from error
            raise ValueError(f"is '{_shorten(text)}': {error}") from error

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic to read and show with this reader alone."""
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.show)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of the text, marked with the kind's name."""
        return {"x-kind": self.name, **self.schema}


def scalar_text(value: object, needs: str) -> str:
    """Return the text of a scalar.

    Raises:
        ValueError: it is a map or a list, or no text at all.
    """
    if isinstance(value, Map):
        raise ValueError(f"is a map; needs {needs}")  # noqa: TRY004 - pydantic turns a ValueError into a problem
    if isinstance(value, List):
        raise ValueError(f"is a list; needs {needs}")  # noqa: TRY004 - as above
    if not isinstance(value, str):
        raise ValueError(f"is the Python value {value!r}; needs the text of {needs}")  # noqa: TRY004 - as above
    return str(value)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _other_kind(text: str, name: str) -> str | None:
    """Return which kind of quantity ``text`` is, with its article, if it is one of another kind than ``name``."""
    for other in (DURATION, SIZE, BANDWIDTH, RATE, SHARE, INSTANT, HOURS):
        try:
            other.parse(text)
        except ValueError:
            continue
        kind = other.name.removeprefix("positive ")
        if kind != name.removeprefix("positive "):
            return "hours of the day" if kind == "hours" else f"a{'n' if kind[0] in 'aeiou' else ''} {kind}"
    return None


def _pattern(body: str, *examples: str) -> dict[str, object]:
    return {"type": "string", "pattern": f"^(?:{body})$", "examples": list(examples)}


def _with_unit(unit_names: Mapping[str, int], *examples: str) -> dict[str, object]:
    return _pattern(f"{units.NUMBER} ?(?:{'|'.join(unit_names)})", *examples)


DURATION: Reader[int] = Reader(
    "duration",
    "a duration with a unit, such as 20ms, 1.5s, 10min or P3D",
    units.parse_duration,
    units.show_duration,
    _pattern(
        f"{units.NUMBER} ?(?:{'|'.join(units.NANOSECONDS)})|P[0-9.]+[WD](?:T[0-9.HMS]+)?|PT[0-9.HMS]+",
        "20ms",
        "1.5s",
        "10min",
        "P3D",
    ),
)
SIZE: Reader[int] = Reader(
    "size",
    "a size with a unit, such as 600B, 2kB or 1.5MB",
    units.parse_size,
    units.show_size,
    _with_unit(units.BYTES, "600B", "2kB", "1.5MB", "4MiB"),
)
BANDWIDTH: Reader[int] = Reader(
    "bandwidth",
    "a bandwidth such as 100Mbit/s",
    units.parse_bandwidth,
    units.show_bandwidth,
    _with_unit(units.BITS_PER_SECOND, "100Mbit/s", "1Gbit/s"),
)
RATE: Reader[float] = Reader(
    "rate",
    "a rate such as 200/s",
    units.parse_rate,
    units.show_rate,
    _with_unit(units.SECONDS_PER, "200/s", "5/min", "1.005e9/year"),
)
SHARE: Reader[float] = Reader(
    "share",
    "a share such as 5%",
    units.parse_share,
    units.show_share,
    _with_unit({"%": 1}, "5%", "0.1%"),
)
INSTANT: Reader[datetime] = Reader(
    "instant",
    "a date, time and offset such as 2022-12-26T09:00+08:00",
    units.parse_instant,
    units.show_instant,
    _pattern(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})",
        "2022-12-26T09:00+08:00",
    ),
)
HOURS: Reader[units.Hours] = Reader(
    "hours",
    "hours of the day such as 09:00-17:00",
    units.parse_hours,
    units.show_hours,
    _pattern(r"[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]", "09:00-17:00"),
)


def _positive(reader: Reader[int]) -> Reader[int]:
    """Return a reader of the same kind that refuses zero."""

    def parse(text: str) -> int:
        value = reader.parse(text)
        if not value:
            raise ValueError(f"this {reader.name} must be more than 0")
        return value

    return replace(reader, name=f"positive {reader.name}", parse=parse)


Duration = Annotated[int, DURATION]
PositiveDuration = Annotated[int, _positive(DURATION)]
Size = Annotated[int, SIZE]
PositiveSize = Annotated[int, _positive(SIZE)]
Bandwidth = Annotated[int, BANDWIDTH]
Rate = Annotated[float, RATE]
Share = Annotated[float, SHARE]
Instant = Annotated[datetime, INSTANT]
HoursOfDay = Annotated[units.Hours, HOURS]


@dataclass(frozen=True)
class _UnquotedReader(Reader[T]):
    """Reads a plain number, which must not be quoted: quoted digits are text."""

    def read(self, value: object) -> T:
        if isinstance(value, Scalar) and value.quoted:
            raise ValueError(f"is the quoted text '{_shorten(value)}'; needs {self.needs}, without quotes")
        return super().read(value)


def whole(minimum: int, maximum: int = units.MAX_INT64, *, too_small: str | None = None) -> Reader[int]:
    """Return a reader of whole numbers from ``minimum`` to ``maximum``; ``too_small`` says why less is refused."""

    def parse(text: str) -> int:
        number = units.parse_integer(text)
        if number < minimum:
            raise ValueError(too_small or f"must be ≥ {minimum}")
        if number > maximum:
            raise ValueError(f"must be ≤ {maximum}")
        return number

    limits = {"type": "integer", "minimum": minimum, "maximum": maximum}
    text = f"from {minimum} to {maximum}" if maximum < units.MAX_INT64 else f"≥ {minimum}"
    return _UnquotedReader(f"whole number {text}", f"a whole number {text}", parse, int, limits)


def _parse_positive_number(text: str) -> float:
    number = float(units.parse_number(text))
    if number <= 0:
        raise ValueError("must be more than 0")
    return number


PositiveNumber = Annotated[
    float,
    _UnquotedReader(
        "positive number",
        "a number above 0",
        _parse_positive_number,
        lambda number: int(number) if number.is_integer() else number,
        {"type": "number", "exclusiveMinimum": 0},
    ),
]


def latitude_or_longitude(limit: int) -> Reader[float]:
    """Return a reader of degrees from ``-limit`` to ``limit``."""

    def parse(text: str) -> float:
        number = float(units.parse_number(text))
        if abs(number) > limit:
            raise ValueError(f"must be from -{limit} to {limit} degrees")
        return number

    limits = {"type": "number", "minimum": -limit, "maximum": limit}
    text = f"degrees from -{limit} to {limit}"
    return _UnquotedReader(text, f"a number of {text}", parse, float, limits)


def _parse_text(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank; needs text")
    control = _NOT_IN_TEXT.search(text)
    if control:
        raise ValueError(f"holds the control character U+{ord(control[0]):04X}")
    return text


def _parse_id(text: str) -> str:
    if not re.fullmatch(ID_PATTERN, text):
        raise ValueError("an id is made of lower-case letters, digits and hyphens, and starts with a letter")
    return text


@dataclass(frozen=True)
class _PlainReader(Reader[T]):
    """Reads text, which may look like a quantity without being one."""

    def read(self, value: object) -> T:
        text = scalar_text(value, self.needs)
        try:
            return self.parse(text)
        except ValueError as error:
            raise ValueError(f"is '{_shorten(text)}': {error}") from error


TEXT: Reader[str] = _PlainReader("text", "text", _parse_text, str, {"type": "string", "minLength": 1})
ID: Reader[str] = _PlainReader("id", "an id such as exe-bank", _parse_id, str, _pattern(ID_PATTERN, "exe-bank"))
Text = Annotated[str, TEXT]
Id = Annotated[str, ID]


def one_of(*choices: str, later: str = "") -> Reader[str]:
    """Return a reader of one of ``choices``; ``later`` explains to whoever writes another what this version has."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"needs {needs}" + (f" ({later})" if later else hint(text, choices, "choices")))
        return text

    needs = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    return _PlainReader(", ".join(choices), needs, parse, str, {"enum": list(choices)})
