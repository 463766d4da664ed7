"""Whether every row and its history agree: the newest history row is the row as it stands, no version is missing, and
what is gone was deleted by somebody.

A service writes both in one transaction, so a difference means that somebody wrote past the services, or that a disk
forgot. Each model is compared by the database itself, in statements that read the rows of one moment.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone
from simple_history.utils import get_history_manager_for_model

from shop import access
from shop.faults import Found
from shop.models import Book

NONE, DIFFERS, GONE, GAP = "no history", "history differs", "row is gone", "history has a gap"
KINDS = (NONE, DIFFERS, GONE, GAP)
_NAMED = 200  # rows of one model and kind told one by one; the rest is told as a count

# model -> what a fault of one of its rows freezes: row (or its last history row) -> {freezes, ref, …} of Found
_FREEZES = {}
# model -> what has to be done after a row was put back: (rows as they stood before and after)
_PUT_BACK = {}


def freezes(model, what: Callable):
    """Say what a row of `model` whose history differs makes read-only."""
    _FREEZES[model] = what


def after_putting_back(model, act: Callable):
    """Have `act(rows)` called, in its transaction, when a row of `model` was put back: as it stood before (where it was
    there), and as it stands now."""
    _PUT_BACK[model] = act


def tracked():
    """The models whose every change is kept, and that lie in a book."""
    return [
        model
        for model in apps.get_models()
        if hasattr(model, "history") and not hasattr(model, "history_id") and access.path_of(model)
    ]


def kept_fields(model):
    """The fields of a tracked model that its history keeps; a counter that nobody types may be left out."""
    kept = {field.name for field in get_history_manager_for_model(model).model._meta.concrete_fields}
    return [field for field in model._meta.concrete_fields if field.name in kept]


@dataclass(frozen=True)
class Disagreement:
    """A row and its history that differ; `row` is None where the row is gone, `newest` where there is no history."""

    model: type
    pk: int
    kind: str
    row: object
    newest: object

    @property
    def can_be_put_back(self):
        """Whether history says what the row was; without any, or of a row deleted on purpose, what stands is recorded."""
        return self.kind in (DIFFERS, GONE) and self.newest.history_type != "-"

    @property
    def name(self):
        return f"{self.model._meta.verbose_name} {self.pk}"

    @property
    def text(self):
        if self.kind == NONE:
            return f"There is no record of how the {self.name} ({self.row}) came to be."
        if self.kind == GONE:
            return f"The {self.name} is gone, and nobody deleted it; it was: {self.newest.instance}."
        if self.kind == GAP:
            return f"The {self.name} ({self.row}) is version {self.row.version}, and its history lacks one of these."
        was, now = (
            {field.name: getattr(of, field.attname) for field in kept_fields(self.model)}
            for of in (self.newest, self.row)
        )
        changes = [
            f"{name.replace('_', ' ')} was {was[name]}, is {now[name]}" for name in now if now[name] != was[name]
        ]
        return (
            f"The {self.name} was changed and nobody recorded it: {'; '.join(changes) or 'it was deleted and stands'}."
        )


def faults(books, search):
    """The Found of every tracked model of the books."""
    for model in tracked():
        for one in disagreements(model, books):
            lies_in = _book_of(one)
            of = _FREEZES.get(model, lambda row: {})
            yield Found(
                book=lies_in,
                kind=one.kind,
                of=f"{model._meta.label_lower} {one.pk}",
                text=one.text,
                remedy=f"mend_history --book {lies_in.slug} {'--restore' if one.can_be_put_back else '--accept'}",
                order=1,
                **of(one.row or one.newest.instance),
            )


def _book_of(one):
    if one.model is Book:
        return one.row or one.newest.instance
    return access.book_of(one.row or one.newest.instance)


def disagreements(model, books=None):
    """Every Disagreement of a model's rows in the books (None: all), oldest row first."""
    History = get_history_manager_for_model(model).model
    for kind, statement in _statements(model, History, books):
        with connection.cursor() as cursor:
            cursor.execute(*statement)
            pks = [row[0] for row in cursor.fetchmany(100_000)]
        rows = model._base_manager.in_bulk(pks[:_NAMED])
        for pk in pks[:_NAMED]:
            newest = History.objects.filter(**{model._meta.pk.name: pk}).order_by("-history_id").first()
            if not (pk in rows or newest):
                continue  # deleted between the two looks
            yield Disagreement(model, pk, kind, rows.get(pk), newest)


def _statements(model, History, books):
    """[(kind, (SQL, parameters))] that give the ids of rows that disagree with their history."""
    quote = connection.ops.quote_name
    row, history, pk = (quote(name) for name in (model._meta.db_table, History._meta.db_table, model._meta.pk.column))
    newest = f"(SELECT {pk} AS pk, MAX(history_id) AS newest FROM {history} GROUP BY {pk})"
    here, parameters = _in_books(model, f"r.{pk}", books)
    joined = f"FROM {row} r LEFT JOIN {newest} n ON n.pk = r.{pk} LEFT JOIN {history} h ON h.history_id = n.newest"
    differs = " OR ".join(_differs(field) for field in kept_fields(model))
    yield NONE, (f"SELECT r.{pk} {joined} WHERE n.pk IS NULL {here} ORDER BY 1", parameters)
    yield (
        DIFFERS,
        (
            f"SELECT r.{pk} {joined} WHERE n.pk IS NOT NULL AND (h.history_type = '-' OR {differs}) {here} ORDER BY 1",
            parameters,
        ),
    )
    there, parameters_there = _in_books_then(model, books)
    yield (
        GONE,
        (
            f"""SELECT h.{pk} FROM {history} h JOIN {newest} n ON n.newest = h.history_id
                LEFT JOIN {row} r ON r.{pk} = h.{pk}
                WHERE r.{pk} IS NULL AND h.history_type <> '-' {there} ORDER BY 1""",
            parameters_there,
        ),
    )
    if any(field.name == "version" for field in model._meta.concrete_fields):
        yield (
            GAP,
            (
                f"""SELECT r.{pk} FROM {row} r JOIN (SELECT {pk} AS pk, COUNT(DISTINCT version) AS versions
                    FROM {history} GROUP BY {pk}) v ON v.pk = r.{pk} WHERE v.versions <> r.version {here} ORDER BY 1""",
                parameters,
            ),
        )


def _differs(field):
    """SQL that is true where a column says something else in the row than in its history, absent values included."""
    column = connection.ops.quote_name(field.column)
    if connection.vendor == "postgresql":
        return f"r.{column} IS DISTINCT FROM h.{column}"
    if isinstance(field, models.JSONField):  # text there: {"a":1} and {"a": 1} are the same
        return f"json(r.{column}) IS NOT json(h.{column})"
    return f"r.{column} IS NOT h.{column}"


def _in_books(model, pk, books):
    if books is None:
        return "", []
    path = access.path_of(model)
    wanted = model._base_manager.filter(**{f"{path}__in": [book.pk for book in books]}).order_by().values("pk")
    statement, parameters = wanted.query.sql_with_params()
    return f"AND {pk} IN ({statement})", list(parameters)


def _in_books_then(model, books):
    """As _in_books, for rows that are gone: by the book that their history names, straight or by way of another row."""
    if books is None:
        return "", []
    path, pks = access.path_of(model), [book.pk for book in books]
    if path == "pk":
        return f"AND h.{connection.ops.quote_name(model._meta.pk.column)} IN ({_marks(pks)})", pks
    first, _, rest = path.partition("__")
    column = connection.ops.quote_name(model._meta.get_field(first).column)
    if not rest:
        return f"AND h.{column} IN ({_marks(pks)})", pks
    parent = model._meta.get_field(first).related_model
    statement, parameters = parent._base_manager.filter(**{f"{rest}__in": pks}).values("pk").query.sql_with_params()
    return f"AND h.{column} IN ({statement})", list(parameters)


def _marks(values):
    return ", ".join(["%s"] * len(values))


# ------------------------------------------------------------------------------------------------ mending


def mend(books, *, restore, user=None):
    """Make rows and history agree again, and return the sentences of what was done.

    `restore` puts rows back as they were last recorded; otherwise what stands is recorded as found so. Days that change
    are computed again. A row without any history, and a version that is missing, can only be recorded.
    """
    done = []
    with transaction.atomic():
        for model in tracked():
            for one in disagreements(model, books):
                if restore and one.can_be_put_back:
                    _put_back(one)
                    done.append(f"Put back as it was last saved. {one.text}")
                else:
                    _record(one, user)
                    done.append(f"Recorded as it stands. {one.text}")
    return done


def _put_back(one):
    """Write the row as its newest history row says; past the services, as that is what was saved and acknowledged."""
    was = one.newest.instance
    was._state.adding, was._state.db = one.row is None, connection.alias
    was.save_base(raw=True, force_insert=one.row is None)
    if one.model in _PUT_BACK:
        _PUT_BACK[one.model]([row for row in (one.row, was) if row is not None])


def _record(one, user):
    History = get_history_manager_for_model(one.model).model
    of = one.row or one.newest.instance
    values = {field.attname: getattr(of, field.attname) for field in kept_fields(one.model)}
    note = {"history_user": user, "history_date": timezone.now(), "history_change_reason": "Found so by verify"}
    kind = "-" if one.kind == GONE else "+" if one.kind == NONE else "~"
    if one.kind == GAP:
        present = set(History.objects.filter(**{one.model._meta.pk.name: one.pk}).values_list("version", flat=True))
        for version in sorted(set(range(1, one.row.version)) - present):
            History.objects.create(**values | {"version": version}, history_type=kind, **note)
    History.objects.create(**values, history_type=kind, **note)
