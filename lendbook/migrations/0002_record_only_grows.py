"""The record's rows are never changed, and deleted only after a year: the database itself refuses anything else."""

from django.db import migrations

TABLES = ("lendbook_auditrow", "lendbook_auditseal")
SQLITE = """
CREATE TRIGGER {table}_only_grows_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'Rows of {table} are never changed.'); END;
CREATE TRIGGER {table}_only_grows_delete BEFORE DELETE ON {table} WHEN OLD.at > datetime('now', '-365 days')
BEGIN SELECT RAISE(ABORT, 'Rows of {table} are kept for a year.'); END;
"""
POSTGRESQL = """
CREATE OR REPLACE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' AND OLD.at <= now() - interval '365 days' THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'Rows of {table} are kept for a year and never changed.'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_only_grows();
"""


def put_up(apps, schema_editor):
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(POSTGRESQL.format(table=table), params=None)
        else:
            for statement in SQLITE.format(table=table).strip().split("END;"):
                if statement.strip():
                    schema_editor.execute(f"{statement} END", params=None)


def take_down(apps, schema_editor):
    """For a test that goes back to an earlier state."""
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {table}_only_grows ON {table}")
        else:
            for event in ("update", "delete"):
                schema_editor.execute(f"DROP TRIGGER {table}_only_grows_{event}")


class Migration(migrations.Migration):
    dependencies = [("lendbook", "0001_second_factor_and_record")]
    operations = [migrations.RunPython(put_up, take_down)]
