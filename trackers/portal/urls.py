"""The customer's side. Ids are read by access.number, so that every wrong one answers alike."""

from django.urls import path

from trackers.portal.views import account, app, disputes, papers, passbooks, receipts

app_name = "portal"
urlpatterns = [
    path("", passbooks.home, name="home"),
    path("me/", account.account, name="account"),
    path("language/", account.language, name="language"),
    path("worker.js", app.worker, name="worker"),
    path("log-out/", account.log_out, name="log_out"),
    path("<str:pk>/", passbooks.passbook, name="passbook"),
    path("<str:pk>/workbook/", papers.workbook, name="workbook"),
    path("<str:pk>/statement/", papers.statement, name="statement"),
    path("<str:pk>/day/<str:day>/", passbooks.day, name="day"),
    path("<str:pk>/receipts/<str:receipt>/", receipts.receipt, name="receipt"),
    path("<str:pk>/receipts/<str:receipt>/paper/", receipts.on_paper, name="receipt_paper"),
    path("<str:pk>/say/", disputes.say, name="say"),
]
