"""Imports and long work of a book; mounted at books/<slug>/."""

from django.urls import path

from shop.views import imports

app_name = "shop"
urlpatterns = [
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
