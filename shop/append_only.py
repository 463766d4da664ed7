"""Tables that only grow: the database itself refuses to change or delete a row, whoever asks.

A migration puts the guard up (`put_up`), `missing` says where it is gone: SQLite drops a table's triggers when a later
migration makes the table anew, which then has to put it up again.
"""

_SQLITE = """
CREATE TRIGGER {table}_only_grows_{on} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, 'Rows of {table} are never changed or deleted.'); END
"""
_POSTGRESQL = """
CREATE OR REPLACE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    RAISE EXCEPTION 'Rows of {table} are never changed or deleted.' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER {table}_only_grows_{on} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_only_grows();
"""
_EVENTS = ("UPDATE", "DELETE")


def put_up(schema_editor, table):
    """Make `table` append-only."""
    form = _POSTGRESQL if schema_editor.connection.vendor == "postgresql" else _SQLITE
    for event in _EVENTS:
        schema_editor.execute(form.format(table=table, event=event, on=event.lower()), params=None)


def take_down(schema_editor, table):
    """Let `table` be changed again: for a migration that goes back, or makes the table anew."""
    on_table = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
    for event in _EVENTS:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_only_grows_{event.lower()}{on_table}", params=None)


def missing(connection, table):
    """Whether the guard of `table` is not whole."""
    if connection.vendor == "postgresql":
        known = "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
    else:
        known = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(known)
        names = {name for (name,) in cursor.fetchall()}
    return not {f"{table}_only_grows_{event.lower()}" for event in _EVENTS} <= names
