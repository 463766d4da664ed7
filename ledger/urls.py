"""The staff pages of a book; mounted at books/<slug>/."""

from django.urls import path

from ledger.views import closing, day_book, reports

app_name = "ledger"
urlpatterns = [
    path("day-book/", day_book.today, name="day_book"),
    path("day-book/range/", day_book.days, name="days"),
    path("day-book/month/<str:text>/", day_book.month, name="month"),
    path("day-book/year/<str:text>/", day_book.year, name="year"),
    path("day-book/<str:text>/", day_book.day, name="day_book"),
    path("day-book/<str:text>/rebuild/", day_book.rebuild, name="rebuild"),
    path("close/", closing.close_today, name="close_day"),
    path("close/<str:text>/", closing.close_day, name="close_day"),
    path("close/<str:text>/sign/", closing.sign, name="sign"),
    path("close/<str:text>/reopen/", closing.reopen, name="reopen"),
    path("close/<str:text>/withdraw/", closing.withdraw, name="withdraw_differences"),
    path("closes/", closing.closes, name="closes"),
    path("reports/", reports.month_end, name="reports"),
    path("reports/account/<int:pk>/", reports.account, name="account_book"),
    path("reports/journal/<str:kind>/", reports.journal, name="journal"),
    path("reports/tally/", reports.tally_names, name="tally_names"),
]
