"""Every address of Lendbook."""

from django.contrib import admin
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import include, path, reverse_lazy

from lendbook import (
    audit_views,
    book_settings,
    broken,
    faults_page,
    front,
    health,
    home,
    receipt_proof,
    search,
    second_factor,
    setup,
)
from lendbook.backups import pages as backups
from shop.tokens import staff_tokens
from trackers.portal.views.app import manifest
from trackers.portal.views.password import PasswordLink

urlpatterns = [
    path("", front.front, name="front"),
    path("login/", front.log_in, name="login"),
    path("login/forgotten/", front.forgotten, name="forgotten"),
    path("password/<uidb64>/<token>/", PasswordLink.as_view(), name="password_link"),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("passbook/", include("trackers.portal.urls")),
    path("second-factor/", second_factor.ask, name="second_factor"),
    path("second-factor/set-up/", second_factor.set_up, name="second_factor_set_up"),
    path("second-factor/codes.txt", second_factor.codes_file, name="second_factor_codes"),
    path("r/<str:token>/", receipt_proof.genuine, name="genuine"),
    path("set-up/", setup.set_up, name="set_up"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("open-book/", book_settings.open_book, name="open_book"),
    path("books/<slug:slug>/", home.home, name="home"),
    path("books/<slug:slug>/search/", search.search, name="search"),
    path("books/<slug:slug>/record/", audit_views.record, name="record"),
    path("books/<slug:slug>/faults/", faults_page.found, name="faults"),
    path("books/<slug:slug>/faults/check/", faults_page.check, name="check_book"),
    path("books/<slug:slug>/faults/check/<int:pk>/", faults_page.checked, name="checked"),
    path("books/<slug:slug>/faults/<int:pk>/lift/", faults_page.lift, name="lift_fault"),
    path("books/<slug:slug>/settings/", book_settings.settings, name="settings"),
    path("books/<slug:slug>/backups/", backups.backups, name="backups"),
    path("books/<slug:slug>/backups/now/", backups.back_up_now, name="back_up_now"),
    path("books/<slug:slug>/backups/<int:pk>/", backups.backup_job, name="backup"),
    path("books/<slug:slug>/backups/<str:name>", backups.download, name="download_backup"),
    path("books/<slug:slug>/", include("shop.urls")),
    path("books/<slug:slug>/", include("ledger.urls")),
    path("books/<slug:slug>/", include("trackers.urls")),
    path("books/<slug:slug>/expenses/", include("expenses.urls")),
    path(
        "set-password/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(
            template_name="registration/set_password.html",
            success_url=reverse_lazy("admin:login"),
            token_generator=staff_tokens,
        ),
        name="set_password",
    ),
    path("admin/", admin.site.urls),
]

handler404 = front.no_such_page
handler500 = broken.something_broke
