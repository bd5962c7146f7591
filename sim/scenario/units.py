"""Text with a unit to exact numbers and back: durations, sizes, bandwidths, rates, shares, instants, hours.

Each ``parse_*`` takes text and returns the value in the room's inner unit; it raises ValueError with the reason, worded
to follow "is '<text>': ". Each ``show_*`` writes the canonical text, which parses back to the same value. Arithmetic is
exact (decimal fractions) up to the last step, so ``1.1s`` is 1,100,000,000 ns on every machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

NUMBER: Final = r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
NANOSECONDS: Final = {
    "d": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "min": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
BYTES: Final = {
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "kB": 10**3,
    "B": 1,
    "TiB": 2**40,
    "GiB": 2**30,
    "MiB": 2**20,
    "KiB": 2**10,
}
BITS_PER_SECOND: Final = {"Tbit/s": 10**12, "Gbit/s": 10**9, "Mbit/s": 10**6, "kbit/s": 10**3, "bit/s": 1}
SECONDS_PER: Final = {"/s": 1, "/min": 60, "/h": 3_600, "/day": 86_400, "/year": 365 * 86_400}

MAX_DURATION_NS: Final = 36_525 * NANOSECONDS["d"]
MIN_RATE_PER_S: Final = 1e-30
"""The least rate above zero; its canonical text per second stays within what `parse_number` takes."""
MAX_INT64: Final = 2**63 - 1
_MAX_TEXT = 80
_MAX_EXPONENT = 40
_QUANTITY = re.compile(rf"(-?)({NUMBER}) ?([A-Za-zµ/%]+)")
_ISO_PART = rf"({NUMBER})"
_ISO_DURATION = re.compile(
    rf"P(?:{_ISO_PART}W)?(?:{_ISO_PART}D)?(?:T(?:{_ISO_PART}H)?(?:{_ISO_PART}M)?(?:{_ISO_PART}S)?)?"
)
_ISO_UNITS_NS = (7 * NANOSECONDS["d"], NANOSECONDS["d"], NANOSECONDS["h"], NANOSECONDS["min"], NANOSECONDS["s"])
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?")
_HOURS = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_MINUTES_PER_DAY = 24 * 60


def parse_number(text: str) -> Decimal:
    """Return a plain decimal number; what YAML 1.1 reads as another number than the one written is refused."""
    body = text.removeprefix("-")
    if re.fullmatch(NUMBER, body) and len(text) <= _MAX_TEXT:
        number = Decimal(text)
        if number and abs(number.adjusted()) > _MAX_EXPONENT:
            raise ValueError("is out of range")
        return number
    if re.match(r"0[0-9]", body):
        raise ValueError("has a leading zero, which YAML 1.1 reads as octal; write the decimal number without it")
    if re.fullmatch(r"[0-9][0-9_.,]*[_,][0-9_.,]*", body):
        raise ValueError("has a digit separator; write the digits together")
    if re.fullmatch(r"[0-9]+(?::[0-9]{1,2})+(?:\.[0-9]*)?", body):
        raise ValueError("looks like a time, which YAML 1.1 reads in base 60; write a plain decimal number")
    if re.fullmatch(r"[+-]?\.?(inf|nan|infinity)", text, re.IGNORECASE):
        raise ValueError("is not finite; write a plain decimal number")
    raise ValueError("needs a plain decimal number such as 3, 0.5 or 1e3")


def parse_integer(text: str) -> int:
    """Return a whole number; ``1e3`` is 1000."""
    number = parse_number(text)
    if number != number.to_integral_value():
        raise ValueError("needs a whole number")
    return int(number)


def _split(text: str, units: dict[str, int], noun: str) -> Fraction | None:
    """Return the value of ``text`` in the smallest of ``units``; None when it has no such shape at all."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        _refuse_number_traps(text)
        return None
    sign, digits, unit = match.groups()
    if unit not in units:
        close = [known for known in units if known.lower() == unit.lower()]
        if close:
            raise ValueError(f"has an unknown unit; did you mean {digits}{close[0]}?")
        return None
    if sign:
        raise ValueError(f"{noun} must be ≥ 0")
    return Fraction(parse_number(digits)) * units[unit]


def _refuse_number_traps(text: str) -> None:
    """Refuse ``017ms`` and ``1_000ms`` for what they are, not for a missing unit."""
    match = re.fullmatch(r"-?(0[0-9][0-9.]*|[0-9][0-9.,]*[_,][0-9_.,]*) ?[A-Za-z/%]+", text)
    if match:
        parse_number(match[1])


def parse_duration(text: str) -> int:
    """Return nanoseconds, 0 to 100 years; from ``20ms`` or ISO 8601 ``PT1H30M`` (days of 24 h, no months or years)."""
    if text.startswith("P"):
        exact = _parse_iso_duration(text)
    else:
        value = _split(text, NANOSECONDS, "a duration")
        if value is None:
            raise ValueError("needs a duration with a unit, such as 20ms, 1.5s, 10min or P3D")
        exact = value
    if exact.denominator != 1:
        raise ValueError("is finer than a nanosecond")
    if exact > MAX_DURATION_NS:
        raise ValueError("is longer than 100 years")
    return int(exact)


def _parse_iso_duration(text: str) -> Fraction:
    match = _ISO_DURATION.fullmatch(text)
    if match is None or text[-1] in "PT":
        if re.match(r"P[0-9.]+[YM]", text):
            raise ValueError("counts years or months, whose length varies; write days, such as P30D")
        raise ValueError("needs a duration with a unit, such as 20ms, 1.5s, 10min or P3D")
    parts = zip(match.groups(), _ISO_UNITS_NS, strict=True)
    return sum((Fraction(parse_number(digits)) * unit for digits, unit in parts if digits), start=Fraction())


def show_duration(duration_ns: int) -> str:
    """Return a duration such as ``10min`` or ``11.2ms``."""
    return _show(duration_ns, NANOSECONDS, ("ns", "us", "ms", "s")) if duration_ns else "0s"


def parse_size(text: str) -> int:
    """Return bytes; ``kB`` is 1000 of them and ``KiB`` 1024."""
    return _whole(text, BYTES, "a size", "a size with a unit, such as 600B, 2kB, 1.5MB or 4MiB", "a byte")


def show_size(size_bytes: int) -> str:
    """Return a size such as ``600B`` or ``1.5MB``."""
    return _show(size_bytes, BYTES, ("B", "kB", "MB", "GB", "TB"))


def parse_bandwidth(text: str) -> int:
    """Return bits per second, more than zero."""
    needs = "a bandwidth with a unit, such as 100Mbit/s or 1Gbit/s"
    value = _whole(text, BITS_PER_SECOND, "a bandwidth", needs, "a bit per second")
    if not value:
        raise ValueError("a bandwidth must be more than 0")
    return value


def show_bandwidth(bits_per_s: int) -> str:
    """Return a bandwidth such as ``100Mbit/s``."""
    return _show(bits_per_s, BITS_PER_SECOND, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"))


def _whole(text: str, units: dict[str, int], noun: str, needs: str, grain: str) -> int:
    value = _split(text, units, noun)
    if value is None:
        raise ValueError(f"needs {needs}")
    if value.denominator != 1:
        raise ValueError(f"is not a whole number of {grain.removeprefix('a ')}s")
    if value > MAX_INT64:
        raise ValueError("is out of range")
    return int(value)


def _show(value: int, units: dict[str, int], thousands: tuple[str, ...]) -> str:
    """Return a whole number of the largest unit that divides it; from 1000 on, a decimal number of a larger one."""
    unit = next(unit for unit, factor in units.items() if value % factor == 0) if value else thousands[0]
    larger = (step for step in thousands if unit in thousands and units[step] >= units[unit])
    for step in larger:
        unit = step
        if value < 1000 * units[unit]:
            break
    return f"{_plain(Decimal(value) / units[unit])}{unit}"


def parse_rate(text: str) -> float:
    """Return events per second, from ``200/s`` to ``1.005e9/year``; a year has 365 days of 24 h."""
    match = re.fullmatch(rf"(-?)({NUMBER}) ?(/[a-z]+)", text)
    if match is None or match[3] not in SECONDS_PER:
        _refuse_number_traps(text)
        raise ValueError("needs a rate such as 200/s, 5/min, 3/h, 4/day or 1.005e9/year")
    if match[1]:
        raise ValueError("a rate must be ≥ 0")
    rate_per_s = float(Fraction(parse_number(match[2])) / SECONDS_PER[match[3]])
    if 0 < rate_per_s < MIN_RATE_PER_S:
        raise ValueError("is out of range")
    return rate_per_s


def show_rate(rate_per_s: float) -> str:
    """Return a rate per second with as many digits as it needs."""
    return f"{show_number(rate_per_s)}/s"


def parse_share(text: str) -> float:
    """Return a fraction from 0 to 1, from a percentage; a bare fraction is refused."""
    value = _split(text, {"%": 1}, "a share")
    if value is None:
        raise ValueError(f"needs a share in percent{_percent_hint(text)}")
    if value > 100:  # noqa: PLR2004 - percent
        raise ValueError("a share must be ≤ 100%")
    return float(value / 100)


def _percent_hint(text: str) -> str:
    try:
        number = parse_number(text)
    except ValueError:
        number = Decimal(-1)
    return f"; write {_plain(number * 100)}%" if 0 <= number <= 1 else ", such as 5%"


def show_share(fraction: float) -> str:
    """Return a fraction as a percentage that parses back to the same float."""
    return f"{_plain(Decimal(repr(fraction)) * 100)}%"


def show_number(number: float) -> str:
    """Return the shortest plain text of a number: ``3`` rather than ``3.0``."""
    return repr(int(number)) if number.is_integer() and abs(number) < 10**15 else repr(number)


def _plain(number: Decimal) -> str:
    return format(number.normalize() if number else Decimal(0), "f")


def parse_instant(text: str) -> datetime:
    """Return an aware datetime; the offset from UTC must be written."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("needs a date, time and offset such as 2022-12-26T09:00+08:00")
    if match[1] is None:
        raise ValueError("has no offset from UTC; write it, such as 2022-12-26T09:00+08:00")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"is no date and time of the calendar ({error})") from error


def show_instant(instant: datetime) -> str:
    """Return an instant in ISO 8601 with its offset."""
    return instant.isoformat(timespec="auto" if instant.second or instant.microsecond else "minutes")


@dataclass(frozen=True, slots=True)
class Hours:
    """A daily span of wall-clock time in minutes after midnight, start included, end excluded."""

    start_min: int
    end_min: int


def parse_hours(text: str) -> Hours:
    """Return a span of the day such as ``09:00-17:00``; it may end at ``24:00`` but not pass midnight."""
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError("needs hours of the day such as 09:00-17:00")
    first_h, first_min, last_h, last_min = (int(part) for part in match.groups())
    span = Hours(first_h * 60 + first_min, last_h * 60 + last_min)
    if not span.start_min < span.end_min <= _MINUTES_PER_DAY:
        raise ValueError("needs a start before its end, within one day, such as 09:00-17:00")
    return span


def show_hours(span: Hours) -> str:
    """Return a span of the day as ``09:00-17:00``."""
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (span.start_min, span.end_min))
