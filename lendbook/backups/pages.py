"""The page of backups: how old the newest is, a backup now, and archives for who owns every book that is in them."""

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from lendbook.backups import make, tasks
from shop import access
from shop.models import Book, Job, Role
from shop.pages import book_page, page
from shop.views.imports import is_busy, waiting


@book_page(access.MANAGE)
@require_GET
def backups(request, book):
    """The archives that are kept, and the last backup that was asked for in this book."""
    return _page(request, book, Job.objects.filter(book=book, kind=tasks.KIND).first())


@book_page(access.MANAGE)
@require_GET
def backup_job(request, book, pk):
    """The same page, while one backup is made."""
    job = access.get_visible(Job.objects.filter(kind=tasks.KIND), request.user, book, pk=pk)
    return _page(request, book, job, warnings=job.result.get("warnings", []))


def _page(request, book, job, warnings=()):
    kept, place, newest = make.archives(), make.second_folder(), make.newest()
    there = {one.name for one in make.archives(place)} if place else set()
    context = {
        "title": "Backups",
        "kept": [(one, one.name in there, _may_download(request.user, one)) for one in kept],
        "newest": newest,
        "is_old": newest is None or timezone.now() - newest.made_at > make.OLD,
        "size": sum(one.size for one in kept),
        "fault": make.fault(),
        "second": place,
        "second_is_there": bool(place) and place.is_dir(),
        "second_has_newest": newest is not None and newest.name in there,
        "job": job,
        "warnings": warnings,
        "busy": bool(job) and is_busy(job),
        "owns_all": _owns_all(request.user),
        **(waiting(job) if job else {}),
    }
    return page(request, "lendbook/backups.html", context)


@book_page(access.MANAGE)
@require_POST
def back_up_now(request, book):
    """Ask the worker for a backup."""
    return redirect("backup", book.slug, tasks.start(book, user=request.user).pk)


@book_page(access.MANAGE)
@require_GET
def download(request, book, name):
    """Hand an archive out. It holds every book, so who asks must own every one; the record tells who took which."""
    one = next((one for one in make.archives() if one.name == name), None)
    if one is None:
        raise Http404("There is no such page here.")
    if not _may_download(request.user, one):
        raise PermissionDenied("The archive holds other owners' books, or keys: fetch it from the machine itself.")
    return FileResponse(one.path.open("rb"), as_attachment=True, filename=one.name, content_type="application/zip")


def _may_download(user, one):
    return not one.has_keys and _owns_all(user)


def _owns_all(user):
    mine = access.roles(user)
    return mine is None or set(Book.objects.values_list("pk", flat=True)) <= {
        pk for pk, role in mine.items() if role == Role.OWNER
    }
