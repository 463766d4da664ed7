"""Who may see which customer and tracker: shop.access's one rule, told about this app's rows."""

from django.db.models import Q

from shop.access import register
from trackers.models import (
    Approval,
    CollectionSave,
    Customer,
    Dispute,
    Draft,
    Holiday,
    PostingColumn,
    Receipt,
    Tracker,
    TrackerSettings,
)

register(TrackerSettings)
register(Holiday, agents_own=lambda user: Q())
register(PostingColumn)
register(Customer, agents_own=lambda user: Q(agent=user))
register(Tracker, agents_own=lambda user: Q(customer__agent=user))
register(Draft, book="tracker__book", agents_own=lambda user: Q(saved_by=user))
register(Approval, book="tracker__book", agents_own=lambda user: Q(asked_by=user))
register(CollectionSave, agents_own=lambda user: Q(saved_by=user))
register(Receipt, agents_own=lambda user: Q(tracker__customer__agent=user))
register(Dispute, book="tracker__book")  # not the agent's: it may be about him
