"""What the worker runs. Every task may run twice (django-q2 delivers at least once); each docstring says what then."""

from django.utils import timezone

from ledger import daybook
from shop import jobs
from shop.models import Heartbeat


def refresh_book(book_id):
    """Do a book's pending days. A second run finds the outbox empty and changes nothing."""
    daybook.worker_begins(book_id)
    daybook.finish_pending(book_id)


def sweep():
    """Every minute: do what a lost task left behind, and show that the worker lives. A second run changes nothing."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"beat_at": timezone.now()})
    daybook.finish_all_pending()
    jobs.resume()
