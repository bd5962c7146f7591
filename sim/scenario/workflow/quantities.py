"""The scalars that only workflows have: working days, periods of law, amounts, yes or no, names of states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from sim.scenario import units
from sim.scenario.quantities import ID_PATTERN, Reader

OFFICE_DAY_NS: Final = 8 * units.NANOSECONDS["h"]
"""What ``1wd`` is on the clock of office hours: a working day has eight hours (Labour Law 36); the courts' own figures
per minute divide by 480 minutes a day."""
STATE_PATTERN: Final = rf"{ID_PATTERN}(?:\.{ID_PATTERN})*"
_WORKING = re.compile(rf"({units.NUMBER}) ?wd")
_VARYING = re.compile(r"[0-9.]+ ?(?:months?|years?)")
_PERIOD = re.compile(r"([1-9][0-9]{0,4}) ?(months|month|years|year|wd|d|h)")
_LONGER: Final = {"month": "months", "year": "years"}


def is_working(text: str) -> bool:
    """Whether a duration is counted in working days."""
    return _WORKING.fullmatch(text) is not None


def _parse_span(text: str) -> int:
    match = _WORKING.fullmatch(text)
    if match is None and _VARYING.fullmatch(text):
        raise ValueError("counts months or years, whose length varies and which only deadlines have; write days")
    if match is None:
        return units.parse_duration(text)
    exact = units.parse_number(match[1]) * OFFICE_DAY_NS
    if exact != exact.to_integral_value():
        raise ValueError("is finer than a nanosecond")
    if exact > units.MAX_DURATION_NS:
        raise ValueError("is longer than 100 years")
    return int(exact)


@dataclass(frozen=True, slots=True)
class Period:
    """A period of law: how many of which unit (h, d, wd, months, years)."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


def _parse_period(text: str) -> Period:
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise ValueError("needs a period such as 48h, 7d, 3wd, 2months or 2years")
    return Period(int(match[1]), _LONGER.get(match[2], match[2]))


def _parse_flag(text: str) -> bool:
    if text not in {"true", "false", "yes", "no"}:
        raise ValueError("needs yes or no")
    return text in {"true", "yes"}


def _parse_amount(text: str) -> int:
    value = units.parse_integer(text)
    if not 0 <= value <= units.MAX_INT64:
        raise ValueError("must be a sum of money, 0 or more")
    return value


def _parse_state(text: str) -> str:
    if not re.fullmatch(STATE_PATTERN, text):
        raise ValueError("a state's name is made of lower-case letters, digits and hyphens, and starts with a letter")
    return text


def _parse_code(text: str) -> str:
    if not re.fullmatch(r"W[1-9][0-9]?", text):
        raise ValueError("needs a code such as W12")
    return text


def _text(pattern: str, *examples: str) -> dict[str, object]:
    return {"type": "string", "pattern": f"^(?:{pattern})$", "examples": list(examples)}


SPAN: Reader[int] = Reader(
    "span",
    "a duration with a unit, such as 10min, 3d or 5wd (working days)",
    _parse_span,
    units.show_duration,
    _text(rf"{units.NUMBER} ?(?:wd|{'|'.join(units.NANOSECONDS)})|P[0-9.]+[WD]|PT[0-9.HMS]+", "10min", "3d", "5wd"),
)
PERIOD: Reader[Period] = Reader(
    "period",
    "a period of law such as 48h, 7d, 3wd (working days), 2months or 2years",
    _parse_period,
    str,
    _text(r"[1-9][0-9]{0,4} ?(?:months?|years?|wd|d|h)", "48h", "7d", "3wd", "2months", "2years"),
)
AMOUNT: Reader[int] = Reader(
    "amount",
    "an amount in CNY such as 20000 or 2e6",
    _parse_amount,
    int,
    {"type": ["number", "string"], "minimum": 0, "pattern": f"^(?:{units.NUMBER})$", "examples": ["20000", "2e6"]},
)
FLAG: Reader[bool] = Reader("yes or no", "yes or no", _parse_flag, bool, {"enum": [True, False, "yes", "no"]})
STATE: Reader[str] = Reader("state", "the name of a state", _parse_state, str, _text(STATE_PATTERN, "filed"))
CODE: Reader[str] = Reader("code", "a code such as W12", _parse_code, str, _text("W[1-9][0-9]?", "W12"))


def _parse_call(text: str) -> str:
    if not re.fullmatch(rf"{ID_PATTERN}\.{ID_PATTERN}", text):
        raise ValueError("needs a contract and its method, such as agreement.arm")
    return text


CALL: Reader[str] = Reader(
    "call",
    "a contract and its method, such as agreement.arm",
    _parse_call,
    str,
    _text(rf"{ID_PATTERN}\.{ID_PATTERN}", "agreement.arm"),
)
Span = Annotated[int, SPAN]
LegalPeriod = Annotated[Period, PERIOD]
Amount = Annotated[int, AMOUNT]
Flag = Annotated[bool, FLAG]
StateName = Annotated[str, STATE]
Code = Annotated[str, CODE]
CallName = Annotated[str, CALL]
