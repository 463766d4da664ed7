"""The staff pages of a book; mounted at books/<slug>/."""

from django.urls import path

from ledger.views import closing, day_book, imports, reports

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
    path("imports/", imports.imports, name="imports"),
    path("imports/new/<slug:kind>/", imports.new_import, name="new_import"),
    path("imports/template/<slug:kind>.<slug:file_type>", imports.import_template, name="import_template"),
    path("imports/<int:pk>/", imports.import_page, name="import"),
    path("imports/<int:pk>/columns/", imports.choose_columns, name="choose_columns"),
    path("imports/<int:pk>/columns/take/", imports.import_columns, name="import_columns"),
    path("imports/<int:pk>/check/", imports.check_again, name="check_again"),
    path("imports/<int:pk>/rejected.csv", imports.rejected_rows, name="rejected_rows"),
    path("imports/<int:pk>/confirm/", imports.confirm, name="confirm_import"),
    path("imports/<int:pk>/undo/", imports.undo, name="undo_import"),
    path("jobs/<int:pk>/", imports.job_page, name="job"),
    path("jobs/<int:pk>/progress/", imports.progress, name="job_progress"),
    path("jobs/<int:pk>/run/", imports.run_here, name="run_job"),
    path("jobs/<int:pk>/cancel/", imports.cancel, name="cancel_job"),
]
