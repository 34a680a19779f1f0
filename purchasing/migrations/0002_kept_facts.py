"""
What the database itself keeps: decisions, printed lines, matches of payable invoices, exports.

ENABLE ALWAYS keeps the triggers firing under `session_replication_role = replica` too.
"""

from django.db import migrations

from retail.common.append_only import append_only


def kept(table: str, function: str, body: str) -> migrations.RunSQL:
    """A trigger that lets a change pass or refuses it, and one that refuses to empty the table."""
    return migrations.RunSQL(
        sql=f"""
        CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
        {body}
        $$;
        CREATE TRIGGER {table}_keep BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION {function}();
        CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION retail_refuse_change();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_keep;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;
        """,
        reverse_sql=f"""
        DROP TRIGGER {table}_no_truncate ON {table};
        DROP TRIGGER {table}_keep ON {table};
        DROP FUNCTION {function}();
        """,
    )


# No exception is ever deleted, and one that is not open any more is never changed.
DECISIONS = """
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'OPEN' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'purchasing_matchexception %: % refused, its decision stands', OLD.id, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
"""

# A line stays as it was printed; only what we book for it changes.
PRINTED_LINES = """
BEGIN
    IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - 'variance_posted')
            = (to_jsonb(OLD) - 'variance_posted') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'purchasing_supplierinvoiceline %: % refused, it stays as printed',
        OLD.id, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END
"""

# Units of a payable invoice that still wait for goods may find them; what was found stays.
MATCHES = """
BEGIN
    IF OLD.receipt_line_id IS NOT NULL AND EXISTS (
        SELECT FROM purchasing_supplierinvoiceline line
        JOIN purchasing_supplierinvoice invoice ON invoice.id = line.invoice_id
        WHERE line.id = OLD.invoice_line_id AND invoice.status IN ('APPROVED', 'EXPORTED', 'PAID')
    ) THEN
        RAISE EXCEPTION 'purchasing_matchallocation %: % refused, its invoice is payable',
            OLD.id, TG_OP USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
"""


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0002_append_only"),
        ("purchasing", "0001_initial"),
    ]

    operations = [
        kept("purchasing_matchexception", "purchasing_keep_decision", DECISIONS),
        kept("purchasing_supplierinvoiceline", "purchasing_keep_printed_line", PRINTED_LINES),
        kept("purchasing_matchallocation", "purchasing_keep_match", MATCHES),
        append_only("purchasing_payableexport"),
    ]
