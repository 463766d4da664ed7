"""Which archives stay: all of the last day, then one a day, one a week and one a month. Pure."""

from datetime import timedelta

DAILY, WEEKLY, MONTHLY = 7, 4, 12
ALL_OF = timedelta(days=1)
CLOCKS_DIFFER = timedelta(minutes=2)


def kept(moments, now):
    """The moments (datetimes in the shop's time) whose archives stay, as a set; the newest is always among them.

    The newest of each of the last 7 days, 4 weeks (Monday to Sunday) and 12 months that have one stays, and all of the
    last 24 hours. What lies in the future, by a clock that was wrong, stays and takes no other's place.
    """
    ahead = {moment for moment in moments if moment > now + CLOCKS_DIFFER}
    newest_first = sorted(set(moments) - ahead, reverse=True)
    stay = ahead | set(newest_first[:1]) | {moment for moment in newest_first if moment > now - ALL_OF}
    for count, period in (
        (DAILY, lambda moment: moment.date()),
        (WEEKLY, lambda moment: moment.isocalendar()[:2]),
        (MONTHLY, lambda moment: (moment.year, moment.month)),
    ):
        newest_of = {}
        for moment in newest_first:
            newest_of.setdefault(period(moment), moment)
        stay |= set(list(newest_of.values())[:count])
    return stay
