"""Deadlines in working time, held against a slow reference that walks minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.departments.working_time import Calendar, CalendarEnds, Hours, SpecialDay

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOURS = [Hours(day, *span) for day in range(5) for span in ((time(8), time(12)), (time(13), time(17)))]
SPECIAL = {
    date(2026, 11, 24): SpecialDay(date(2026, 11, 24), False, "Ngày Văn hóa Việt Nam"),
    date(2026, 11, 28): SpecialDay(date(2026, 11, 28), True, "Làm bù"),
    date(2027, 1, 1): SpecialDay(date(2027, 1, 1), False, "Tết Dương lịch"),
}
CALENDAR = Calendar(HOURS, SPECIAL, date(2026, 10, 1), date(2027, 3, 31), "Asia/Ho_Chi_Minh")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def works(moment: datetime) -> bool:
    """Whether the minute that starts here is worked."""
    local = moment.astimezone(ZONE)
    special = SPECIAL.get(local.date())
    working = special.working if special else local.weekday() < 5
    return working and (8 <= local.hour < 12 or 13 <= local.hour < 17)


@given(st.integers(0, 60 * 24 * 60), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_hours_agree_with_a_walk_minute_by_minute(minute: int, hours: int) -> None:
    start = at("2026-11-01T00:00") + timedelta(minutes=minute)
    moment, left = start, hours * 60
    while left:
        left -= works(moment)
        moment += timedelta(minutes=1)
    assert CALENDAR.add_hours(start, hours) == moment


@given(st.integers(0, 60 * 24 * 60), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_hours_add_up(minute: int, first: int, second: int) -> None:
    start = at("2026-11-01T00:00") + timedelta(minutes=minute)
    whole = CALENDAR.add_hours(start, first + second)
    assert CALENDAR.working_seconds(start, whole) == (first + second) * 3600
    if first and second:
        assert CALENDAR.add_hours(CALENDAR.add_hours(start, first), second) == whole


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-23T09:00", 2, "2026-11-23T11:00"),
        ("2026-11-23T11:00", 2, "2026-11-23T14:00"),
        ("2026-11-23T16:00", 8, "2026-11-25T16:00"),
        ("2026-11-24T11:34", 8, "2026-11-25T17:00"),
        ("2026-11-27T16:00", 4, "2026-11-28T11:00"),
        ("2026-12-05T03:00", 1, "2026-12-07T09:00"),
        ("2026-11-23T12:30", 4, "2026-11-23T17:00"),
    ],
)
def test_hours_by_hand(start: str, hours: int, end: str) -> None:
    assert CALENDAR.add_hours(at(start), hours) == at(end)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-23T09:00", 1, "2026-11-25T17:00"),
        ("2026-11-23T23:59", 1, "2026-11-25T17:00"),
        ("2026-11-24T11:34", 5, "2026-11-30T17:00"),
        ("2026-11-27T09:00", 1, "2026-11-28T17:00"),
        ("2026-12-31T09:00", 1, "2027-01-04T17:00"),
    ],
)
def test_days_end_with_the_working_day(start: str, days: int, end: str) -> None:
    assert CALENDAR.add_days(at(start), days) == at(end)


def test_the_explanation_names_the_holiday() -> None:
    said = CALENDAR.explain_hours(at("2026-11-24T11:34").astimezone(UTC), 8, "vi")
    assert said == (
        "8 giờ làm việc kể từ 11:34 thứ Ba ngày 24/11/2026 là 17:00 thứ Tư ngày 25/11/2026"
        " (nghỉ 24/11 Ngày Văn hóa Việt Nam)."
    )
    assert CALENDAR.explain_days(at("2026-12-07T08:00"), 2, "en") == (
        "2 working days from 08:00 Monday 07/12/2026 is 17:00 Wednesday 09/12/2026."
    )


def test_a_calendar_that_ends_says_so_instead_of_guessing() -> None:
    with pytest.raises(CalendarEnds):
        CALENDAR.add_hours(at("2027-03-31T16:00"), 9)
    with pytest.raises(CalendarEnds):
        CALENDAR.add_days(at("2027-03-31T16:00"), 1)
