"""What tables of many rows have otherwise: one foreign key of several columns, and history with one index."""

from django.db.models import BaseConstraint
from simple_history.models import HistoricalRecords


class ForeignKeyOfColumns(BaseConstraint):
    """What Django has no word for: a row's `columns` stand together in `to_columns`, the key of one row of table `to`.

    One look-up for each row says what a key of each column would say in as many, and that they belong together. Like
    Django's own it is checked when the transaction ends. The columns' fields have `db_constraint=False`.
    """

    def __init__(self, *, columns, to, to_columns, name, **kwargs):
        super().__init__(name=name, **kwargs)
        self.columns, self.to, self.to_columns = list(columns), to, list(to_columns)

    def constraint_sql(self, model, schema_editor):
        quote = schema_editor.quote_name
        columns, to_columns = (", ".join(map(quote, names)) for names in (self.columns, self.to_columns))
        return (
            f"CONSTRAINT {quote(self.name)} FOREIGN KEY ({columns}) REFERENCES {quote(self.to)} ({to_columns})"
            " DEFERRABLE INITIALLY DEFERRED"
        )

    def create_sql(self, model, schema_editor):
        table = schema_editor.quote_name(model._meta.db_table)
        return f"ALTER TABLE {table} ADD {self.constraint_sql(model, schema_editor)}"

    def remove_sql(self, model, schema_editor):
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"

    def validate(self, model, instance, exclude=None, using="default"):
        """Forms look their foreign keys up themselves."""

    def deconstruct(self):
        path, arguments, keywords = super().deconstruct()
        return path, arguments, {**keywords, "columns": self.columns, "to": self.to, "to_columns": self.to_columns}

    def __eq__(self, other):
        return self.deconstruct() == other.deconstruct() if isinstance(other, ForeignKeyOfColumns) else NotImplemented

    __hash__ = BaseConstraint.__hash__


class HistoryOfOne(HistoricalRecords):
    """History that is asked for by the row's id alone: no other index is kept of the many rows that an import writes."""

    def get_extra_fields(self, model, fields):
        found = super().get_extra_fields(model, fields)
        found["history_date"].db_index = found["history_user"].db_index = False
        return found
