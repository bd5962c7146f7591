"""Quantities: what text with a unit means, and what is said about text that means nothing or something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from sim.scenario import units
from sim.scenario.quantities import BANDWIDTH, DURATION, INSTANT, RATE, SHARE, SIZE, Reader, whole
from sim.scenario.units import Hours

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
BEIJING = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("20ms", 20_000_000),
        ("1.5s", 1_500_000_000),
        ("1.1s", 1_100_000_000),
        ("10min", 600 * SECOND),
        ("2h", 7_200 * SECOND),
        ("3d", 259_200 * SECOND),
        ("5us", 5_000),
        ("7ns", 7),
        ("0ns", 0),
        ("1e3ms", SECOND),
        ("20 ms", 20_000_000),
        ("P3D", 259_200 * SECOND),
        ("P2W", 14 * 86_400 * SECOND),
        ("PT1H30M", 5_400 * SECOND),
        ("P1DT0.5S", 86_400 * SECOND + SECOND // 2),
        ("P36525D", 36_525 * 86_400 * SECOND),
    ],
)
def test_a_duration_is_read_exactly(text: str, duration_ns: int) -> None:
    assert units.parse_duration(text) == duration_ns


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("600B", 600), ("2kB", 2_000), ("1.5MB", 1_500_000), ("1GB", 10**9), ("4MiB", 4 * 2**20), ("0.5KiB", 512)],
)
def test_kilo_counts_thousands_and_kibi_counts_1024(text: str, size_bytes: int) -> None:
    assert units.parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "bits_per_s"), [("100Mbit/s", 10**8), ("1Gbit/s", 10**9), ("10kbit/s", 10_000), ("0.5Tbit/s", 5 * 10**11)]
)
def test_a_bandwidth_is_in_bits_per_second(text: str, bits_per_s: int) -> None:
    assert units.parse_bandwidth(text) == bits_per_s


@pytest.mark.parametrize(
    ("text", "rate_per_s"),
    [
        ("200/s", 200.0),
        ("5/min", 5 / 60),
        ("3/h", 3 / 3600),
        ("4/day", 4 / 86_400),
        ("1.005e9/year", 1.005e9 / 31_536_000),
        ("0/s", 0.0),
    ],
)
def test_a_rate_is_per_second_and_a_year_has_365_days(text: str, rate_per_s: float) -> None:
    assert units.parse_rate(text) == rate_per_s


@pytest.mark.parametrize(
    ("text", "fraction"), [("5%", 0.05), ("0%", 0.0), ("100%", 1.0), ("0.1%", 0.001), ("33.3%", 0.333)]
)
def test_a_share_is_written_in_percent(text: str, fraction: float) -> None:
    assert units.parse_share(text) == fraction


def test_an_instant_keeps_its_offset() -> None:
    instant = units.parse_instant("2022-12-26T09:00+08:00")
    assert instant == datetime(2022, 12, 26, 9, tzinfo=BEIJING)
    assert instant.utcoffset() == timedelta(hours=8)
    assert units.parse_instant("2022-12-26 01:00:00Z") == datetime(2022, 12, 26, 1, tzinfo=UTC)


def test_hours_of_the_day_may_end_at_midnight() -> None:
    assert units.parse_hours("09:00-17:00") == Hours(540, 1020)
    assert units.parse_hours("22:30-24:00") == Hours(1350, 1440)


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (units.parse_duration, "20", "needs a duration with a unit, such as 20ms, 1.5s, 10min or P3D"),
        (units.parse_duration, "-5ms", "a duration must be ≥ 0"),
        (units.parse_duration, "0.1ns", "is finer than a nanosecond"),
        (units.parse_duration, "101e3d", "is longer than 100 years"),
        (units.parse_duration, "1e999999999s", "is out of range"),
        (units.parse_duration, "P1Y", "counts years or months"),
        (units.parse_duration, "P1M", "counts years or months"),
        (units.parse_duration, "P", "needs a duration"),
        (units.parse_duration, "P1DT", "needs a duration"),
        (units.parse_duration, "017ms", "has a leading zero"),
        (units.parse_duration, "1_000ms", "has a digit separator"),
        (units.parse_duration, "5MS", "did you mean 5ms?"),
        (units.parse_duration, "1h30min", "needs a duration"),
        (units.parse_duration, "٣s", "needs a duration"),
        (units.parse_size, "0.5B", "is not a whole number of bytes"),
        (units.parse_size, "2KB", "did you mean 2kB?"),
        (units.parse_size, "1e20B", "is out of range"),
        (units.parse_bandwidth, "0Mbit/s", "must be more than 0"),
        (units.parse_bandwidth, "100Mbps", "needs a bandwidth"),
        (units.parse_rate, "-1/s", "a rate must be ≥ 0"),
        (units.parse_rate, "5", "needs a rate"),
        (units.parse_rate, "5/fortnight", "needs a rate"),
        (units.parse_share, "0.05", "write 5%"),
        (units.parse_share, "101%", "must be ≤ 100%"),
        (units.parse_share, "-1%", "must be ≥ 0"),
        (units.parse_instant, "2022-12-26T09:00", "has no offset from UTC"),
        (units.parse_instant, "2022-12-26", "needs a date, time and offset"),
        (units.parse_instant, "2022-02-30T09:00+08:00", "no date and time of the calendar"),
        (units.parse_hours, "17:00-09:00", "needs a start before its end"),
        (units.parse_hours, "09:00-24:30", "needs a start before its end"),
        (units.parse_number, "017", "has a leading zero"),
        (units.parse_number, "12:30", "base 60"),
        (units.parse_number, "1_000", "has a digit separator"),
        (units.parse_number, ".inf", "is not finite"),
        (units.parse_number, ".nan", "is not finite"),
        (units.parse_number, "0x1f", "needs a plain decimal number"),
        (units.parse_number, "", "needs a plain decimal number"),
        (units.parse_integer, "1.5", "needs a whole number"),
    ],
)
def test_text_that_means_nothing_is_refused_with_what_would_be_right(
    parse: Callable[[str], object], text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason.replace("?", r"\?")):
        parse(text)


def test_an_exponent_makes_a_whole_number() -> None:
    assert units.parse_integer("1e3") == 1000
    assert units.parse_integer("-2.50e1") == -25


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (RATE, "20ms", "is a duration (20ms); needs a rate such as 200/s"),
        (DURATION, "200/s", "is a rate (200/s); needs a duration with a unit, such as 20ms, 1.5s, 10min or P3D"),
        (SIZE, "100Mbit/s", "is a bandwidth (100Mbit/s); needs a size with a unit, such as 600B, 2kB or 1.5MB"),
        (BANDWIDTH, "2MB", "is a size (2MB); needs a bandwidth such as 100Mbit/s"),
        (SHARE, "P3D", "is a duration (P3D); needs a share such as 5%"),
        (INSTANT, "09:00-17:00", "is hours of the day (09:00-17:00); needs a date, time and offset such as "),
        (whole(1), "2022-12-26T09:00Z", "is an instant (2022-12-26T09:00Z); needs a whole number ≥ 1"),
    ],
)
def test_a_unit_of_the_wrong_kind_is_called_what_it_is(reader: Reader[Any], text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^is ") as caught:
        reader.read(text)
    assert str(caught.value).startswith(message)


def test_a_python_number_is_no_quantity() -> None:
    with pytest.raises(ValueError, match=r"is the Python value 0\.05; needs the text of a share"):
        SHARE.read(0.05)


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (units.show_duration, 0, "0s"),
        (units.show_duration, 600 * SECOND, "10min"),
        (units.show_duration, 90 * SECOND, "90s"),
        (units.show_duration, 11_200_000, "11.2ms"),
        (units.show_duration, 1_500_000_000, "1.5s"),
        (units.show_duration, 100_001 * SECOND, "100001s"),
        (units.show_size, 0, "0B"),
        (units.show_size, 999, "999B"),
        (units.show_size, 4096, "4.096kB"),
        (units.show_bandwidth, 10**8, "100Mbit/s"),
        (units.show_rate, 200.0, "200/s"),
        (units.show_share, 0.05, "5%"),
        (units.show_share, 0.001, "0.1%"),
        (units.show_hours, Hours(540, 1440), "09:00-24:00"),
        (units.show_instant, datetime(2022, 12, 26, 9, tzinfo=BEIJING), "2022-12-26T09:00+08:00"),
        (units.show_instant, datetime(2022, 12, 26, 9, 0, 1, tzinfo=BEIJING), "2022-12-26T09:00:01+08:00"),
    ],
)
def test_a_quantity_is_shown_as_people_write_it(show: Callable[[Any], str], value: object, text: str) -> None:
    assert show(value) == text
