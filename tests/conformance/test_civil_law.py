"""Periods of law on days that everybody can look up."""

from datetime import date, datetime, timedelta

import chinese_calendar
import holidays
import pytest

from sim.kernel.civil import DAY_NS, HOUR_NS, Calendar, Unit, working_day

START = datetime.fromisoformat("2022-09-01T00:00+08:00")
CALENDAR = Calendar(START, days_before=300, days_after=900)


def at(text: str) -> int:
    moment = datetime.fromisoformat(f"{text}+08:00")
    return (moment - START) // timedelta(microseconds=1) * 1000


def end(text: str, count: int, unit: Unit) -> str:
    """The last moment of a period, as the day that ends with it."""
    due_ns = CALENDAR.due_ns(at(text), count, unit)
    return (START + timedelta(microseconds=(due_ns - 1) // 1000)).strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2022-10-07", False),  # the last day of National Day's week
        ("2022-10-08", True),  # a Saturday, worked instead
        ("2022-10-09", True),  # a Sunday, worked instead
        ("2023-01-02", False),  # for New Year's Day, which was a Sunday
        ("2023-01-27", False),  # Spring Festival
        ("2023-01-28", True),
        ("2022-12-30", True),
    ],
)
def test_days_are_those_that_the_state_council_announced(day: str, works: bool) -> None:
    assert working_day(date.fromisoformat(day)) == (works, False)


def test_the_day_on_which_a_period_begins_is_not_counted() -> None:
    assert end("2022-09-05T10:00", 7, Unit.DAYS) == "2022-09-13"  # the 12th was a day off for Mid-Autumn
    assert end("2022-09-14T23:59", 7, Unit.DAYS) == "2022-09-21"


def test_a_last_day_off_rolls_over_to_the_first_day_that_is_not() -> None:
    assert end("2022-09-24T09:00", 7, Unit.DAYS) == "2022-10-08"  # 1 October; the week is off, its Saturday is worked
    assert end("2022-12-17T09:00", 15, Unit.DAYS) == "2023-01-03"  # 1 January, and the day off for it


def test_working_days_count_alone() -> None:
    assert end("2022-09-29T09:00", 3, Unit.WORKING_DAYS) == "2022-10-09"


def test_months_and_years_end_on_the_day_of_the_same_number() -> None:
    assert end("2022-09-15T09:00", 1, Unit.MONTHS) == "2022-10-17"  # the 15th was a Saturday
    assert end("2022-10-31T09:00", 4, Unit.MONTHS) == "2023-02-28"
    assert end("2022-09-15T09:00", 2, Unit.YEARS) == "2024-09-18"  # the 15th to 17th were off


def test_hours_run_through_nights_and_days_off_from_the_next_full_hour() -> None:
    assert CALENDAR.due_ns(at("2022-10-01T10:20"), 48, Unit.HOURS) == at("2022-10-03T11:00")


def test_office_time_stands_still_out_of_office_hours() -> None:
    assert CALENDAR.after_office(at("2022-09-30T16:00"), 2 * HOUR_NS) == at("2022-10-08T10:00")
    assert CALENDAR.after_office(at("2022-09-30T16:00"), HOUR_NS) == at("2022-09-30T17:00")
    assert CALENDAR.after_office(at("2022-10-02T12:00"), 1) == at("2022-10-08T09:00") + 1


def test_a_wrong_table_of_holidays_moves_the_end_of_a_period() -> None:
    wrong = Calendar(START, 300, 900, {date(2022, 10, 8): False, date(2022, 10, 9): False})
    assert wrong.due_ns(at("2022-09-24T09:00"), 7, Unit.DAYS) == at("2022-10-11T00:00")


def test_years_without_an_announcement_are_assumed_to_have_no_make_up_days() -> None:
    works, assumed = working_day(date(2031, 10, 4))
    assert assumed
    assert not works
    assert working_day(date(2031, 1, 6)) == (True, True)


def test_both_packages_agree_on_every_day_but_one_since_2004() -> None:
    """On holidays and days off in lieu from Monday to Friday, and on weekend days worked instead."""
    public = holidays.country_holidays("CN", years=range(2004, 2027))
    days = [date(2004, 1, 1) + timedelta(days=number) for number in range(23 * 365 + 6)]
    assert days[-1] == date(2026, 12, 31)
    works = [day in public.weekend_workdays or (day.weekday() < 5 and day not in public) for day in days]
    differ = [day for day, worked in zip(days, works, strict=True) if chinese_calendar.is_workday(day) != worked]
    assert differ == [date(2005, 12, 31)]  # a Saturday, worked for New Year's Day of 2006 as `holidays` has it


def test_the_run_may_begin_within_a_day() -> None:
    begun = Calendar(datetime.fromisoformat("2022-09-05T10:30+08:00"), 10, 30)
    assert begun.due_ns(0, 1, Unit.DAYS) == DAY_NS + 13 * HOUR_NS + HOUR_NS // 2
