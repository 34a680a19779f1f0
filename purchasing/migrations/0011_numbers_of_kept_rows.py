"""
Let what became of a document's file and of a payment order be written on, as 0010 meant to.

Before a row is written PostgreSQL has not made its generated columns yet, so that the number of
every kept row seemed to change.
"""

from django.db import migrations


def kept_but(function: str, columns: str) -> str:
    """The function of 0010, which lets change only these columns, and leaves the number alone."""
    return f"""
        CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[{columns}])
                    = (to_jsonb(OLD) - ARRAY[{columns}]) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% %: % refused, it stays as it came', TG_TABLE_NAME, OLD.id, TG_OP
                USING ERRCODE = 'integrity_constraint_violation';
        END
        $$;
    """


DOCUMENT = (
    "'status', 'syntax', 'profile', 'stated', 'findings', 'problem_code', 'problem',"
    " 'supplier_id', 'supplier_found_by', 'suggested_supplier_id', 'ended_at', 'ended_by_id',"
    " 'end_reason'"
)
BATCH = "'status', 'cancelled_at', 'cancelled_by_id', 'cancel_reason'"


class Migration(migrations.Migration):
    dependencies = [("purchasing", "0010_ledgers_of_bills")]

    operations = [
        migrations.RunSQL(
            kept_but(function, f"{columns}, 'number'"),
            kept_but(function, columns),
        )
        for function, columns in (
            ("purchasing_keep_document", DOCUMENT),
            ("purchasing_keep_batch", BATCH),
        )
    ]
