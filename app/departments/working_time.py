"""Working time (QĐ 1207/QĐ-UBND counts working hours and days): pure, no I/O.

A calendar knows the hours of each weekday, the public holidays and the Saturdays worked instead. Days are laid out once, as
spans of UTC seconds with the working seconds before each, so that a deadline is two binary searches.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

WEEKDAYS_VI = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class CalendarEnds(LookupError):
    """The calendar does not reach so far; the city has to load the coming years."""


class Hours(Struct, frozen=True):
    """One stretch of work on a weekday (0 = Monday), in the city's clock."""

    weekday: int
    starts: time
    ends: time


class SpecialDay(Struct, frozen=True):
    """A day that is not as its weekday says."""

    day: date
    working: bool
    name: str


class Span(Struct, frozen=True):
    start: float
    end: float
    before: float
    """Working seconds of the calendar before this span."""
    day: int


class Calendar:
    """Covers the days from `first` to `last`, both included."""

    def __init__(
        self, hours: Sequence[Hours], exceptions: Mapping[date, SpecialDay], first: date, last: date, timezone: str
    ) -> None:
        self._zone = ZoneInfo(timezone)
        self._by_weekday = {
            weekday: sorted((h.starts, h.ends) for h in hours if h.weekday == weekday) for weekday in range(7)
        }
        self._exceptions = exceptions
        self._spans = self._lay_out(first, last)
        self._starts = [span.start for span in self._spans]
        self._befores = [span.before for span in self._spans]
        self._days = sorted({span.day for span in self._spans})

    def add_hours(self, start: datetime, amount: float) -> datetime:
        """The moment at which `amount` working hours have passed since `start`. Raises CalendarEnds."""
        target = self._worked_until(start.timestamp()) + amount * 3600
        place = bisect_left(self._befores, target) - 1  # the span in which the last second falls
        place = max(place, 0)
        span = self._spans[place]
        if target > span.before + (span.end - span.start):
            raise CalendarEnds(str(start))
        return datetime.fromtimestamp(span.start + target - span.before, UTC)

    def add_days(self, start: datetime, amount: int) -> datetime:
        """The end of the `amount`-th working day after the day of `start`. Raises CalendarEnds."""
        today = start.astimezone(self._zone).date().toordinal()
        place = bisect_right(self._days, today) + amount - 1
        if place >= len(self._days):
            raise CalendarEnds(str(start))
        return self._closing(date.fromordinal(self._days[place]))

    def working_seconds(self, start: datetime, end: datetime) -> float:
        """How much working time lies between."""
        return self._worked_until(end.timestamp()) - self._worked_until(start.timestamp())

    def is_working_day(self, day: date) -> bool:
        exception = self._exceptions.get(day)
        return exception.working if exception else bool(self._by_weekday[day.weekday()])

    def skipped(self, start: datetime, end: datetime) -> list[SpecialDay]:
        """The days off between two moments that are not ordinary days of rest."""
        first, last = start.astimezone(self._zone).date(), end.astimezone(self._zone).date()
        return [one for day, one in sorted(self._exceptions.items()) if first <= day <= last]

    def explain_hours(self, start: datetime, amount: int, language: str) -> str:
        end = self.add_hours(start, amount)
        said = f"{amount} giờ làm việc" if language == "vi" else f"{amount} working hours"
        return self._explain(start, end, said, language)

    def explain_days(self, start: datetime, amount: int, language: str) -> str:
        end = self.add_days(start, amount)
        said = f"{amount} ngày làm việc" if language == "vi" else f"{amount} working days"
        return self._explain(start, end, said, language)

    def _explain(self, start: datetime, end: datetime, said: str, language: str) -> str:
        names = WEEKDAYS_VI if language == "vi" else WEEKDAYS_EN
        moments = [self._spoken(moment, names, language) for moment in (start, end)]
        off = "; ".join(f"{one.day:%d/%m} {one.name}" for one in self.skipped(start, end) if not one.working)
        if language == "vi":
            return f"{said} kể từ {moments[0]} là {moments[1]}" + (f" (nghỉ {off})." if off else ".")
        return f"{said} from {moments[0]} is {moments[1]}" + (f" (off: {off})." if off else ".")

    def _spoken(self, moment: datetime, names: Sequence[str], language: str) -> str:
        local = moment.astimezone(self._zone)
        joined = " ngày " if language == "vi" else " "
        return f"{local:%H:%M} {names[local.weekday()]}{joined}{local:%d/%m/%Y}"

    def _worked_until(self, at: float) -> float:
        place = bisect_right(self._starts, at) - 1
        if place < 0:
            if self._spans:
                return 0.0
            raise CalendarEnds("the calendar is empty")
        span = self._spans[place]
        return span.before + min(at, span.end) - span.start

    def _closing(self, day: date) -> datetime:
        spans = self._spans[bisect_left(self._starts, self._stamp(day, time.min)) :][:8]
        return datetime.fromtimestamp(max(span.end for span in spans if span.day == day.toordinal()), UTC)

    def _lay_out(self, first: date, last: date) -> list[Span]:
        spans: list[Span] = []
        before = 0.0
        day = first
        while day <= last:
            for starts, ends in self._hours_of(day):
                start, end = self._stamp(day, starts), self._stamp(day, ends)
                spans.append(Span(start, end, before, day.toordinal()))
                before += end - start
            day += timedelta(days=1)
        return spans

    def _hours_of(self, day: date) -> Sequence[tuple[time, time]]:
        if not self.is_working_day(day):
            return []
        return self._by_weekday[day.weekday()] or self._by_weekday[0]  # a Saturday worked instead has Monday's hours

    def _stamp(self, day: date, at: time) -> float:
        return datetime.combine(day, at, self._zone).timestamp()
