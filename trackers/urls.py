"""The staff pages of trackers; mounted at books/<slug>/."""

from django.urls import path

from trackers.collect import views
from trackers.views import (
    adopting,
    approvals,
    bringing,
    customers,
    disputes,
    receipts,
    settings,
    tracker,
    tracker_day,
    tracker_life,
    trackers,
)

app_name = "trackers"
urlpatterns = [
    path("collect/", views.collect, name="collect"),
    path("collect/draft/", views.draft, name="draft"),
    path("collect/save/", views.save, name="save"),
    path("collect/saving/<int:pk>/", views.saving, name="saving"),
    path("collect/undo/<str:token>/", views.undo, name="undo"),
    path("collect/paper/", views.on_paper, name="collect_paper"),
    path("collect/file/<str:kind>/", views.as_file, name="collect_file"),
    path("collect/mine/", views.mine, name="mine"),
    path("collect/approvals/", approvals.approvals, name="approvals"),
    path("receipts/", receipts.of_day, name="receipts"),
    path("receipts/<int:number>/", receipts.receipt, name="receipt"),
    path("receipts/<int:number>/paper/", receipts.on_paper, name="receipt_paper"),
    path("disputes/", disputes.disputes, name="disputes"),
    path("disputes/<int:pk>/", disputes.answer, name="dispute"),
    path("trackers/", trackers.trackers, name="list"),
    path("customers/<int:pk>/password/", customers.password_link, name="password_link"),
    path("trackers/open/", tracker_life.open_tracker, name="open"),
    path("trackers/settings/", settings.settings, name="settings"),
    path("trackers/settings/apply/", settings.apply_skipping, name="apply_skipping"),
    path("trackers/template/", adopting.template, name="template"),
    path("trackers/template/<slug:which>.xlsx", adopting.template_file, name="template_file"),
    path("trackers/bring-over/", bringing.bring_over, name="bring_over"),
    path("trackers/bring-over/<int:pk>/", bringing.brought_over, name="brought_over"),
    path("trackers/comparison/<int:pk>/", adopting.comparison, name="comparison"),
    path("trackers/<int:pk>/compare/", adopting.compare, name="compare"),
    path("trackers/<int:pk>/", tracker.tracker, name="tracker"),
    path("trackers/<int:pk>/workbook/", tracker.download, name="download"),
    path("trackers/<int:pk>/workbook/<int:version>/", tracker.download, name="download_version"),
    path("trackers/<int:pk>/day/", tracker.to_day, name="to_day"),
    path("trackers/<int:pk>/day/<int:number>/", tracker_day.day, name="day"),
    path("trackers/<int:pk>/day/<int:number>/move/", tracker_day.move, name="move"),
    path("trackers/<int:pk>/terms/", tracker_life.terms, name="terms"),
    path("trackers/<int:pk>/post-disbursement/", tracker_life.post_disbursement, name="post_disbursement"),
    path("trackers/<int:pk>/close/", tracker_life.close, name="close"),
    path("trackers/<int:pk>/reopen/", tracker_life.reopen, name="reopen"),
    path("trackers/<int:pk>/renew/", tracker_life.renew, name="renew"),
]
