"""The admin's front: who may enter, navigation, home."""

from django.contrib import admin


class LendbookAdminSite(admin.AdminSite):
    """Django's admin for those who work in a book; a login without a book (a customer's) stays outside."""

    site_header = site_title = "Lendbook"
    index_title = "Home"

    def has_permission(self, request):
        from ledger import access  # the site is made before the apps' models are loaded

        return access.works_in_the_office(request.user)
