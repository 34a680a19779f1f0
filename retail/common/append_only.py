"""Ledgers that the database itself keeps from being changed."""

from __future__ import annotations

from django.db import migrations, models

CREATE_FUNCTION = """
CREATE OR REPLACE FUNCTION retail_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
DROP_FUNCTION = "DROP FUNCTION IF EXISTS retail_refuse_change();"


class AppendOnlyModel(models.Model):
    """
    A row that is written once: triggers refuse UPDATE, DELETE and TRUNCATE, from anywhere.

    Each concrete ledger installs its triggers with `append_only("<table>")` in a migration.
    """

    class Meta:
        abstract = True


def append_only(table: str) -> migrations.RunSQL:
    """
    Return the migration operation that makes a table append-only.

    ENABLE ALWAYS keeps the triggers firing under `session_replication_role = replica` too.
    """
    return migrations.RunSQL(
        sql=f"""
        CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION retail_refuse_change();
        CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION retail_refuse_change();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;
        """,
        reverse_sql=f"""
        DROP TRIGGER {table}_no_truncate ON {table};
        DROP TRIGGER {table}_no_change ON {table};
        """,
    )
