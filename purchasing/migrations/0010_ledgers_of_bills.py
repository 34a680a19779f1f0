"""
What the database itself keeps of bills: their files, steps, ledger, payments, and who may be paid.

ENABLE ALWAYS keeps the triggers firing under `session_replication_role = replica` too.
"""

from django.db import migrations

from retail.common.append_only import append_only


def always(table: str, trigger: str, function: str, when: str, body: str) -> migrations.RunSQL:
    """A trigger with a function of its own."""
    return migrations.RunSQL(
        sql=f"""
        CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
        {body}
        $$;
        CREATE TRIGGER {trigger} {when} EXECUTE FUNCTION {function}();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger};
        """,
        reverse_sql=f"""
        DROP TRIGGER {trigger} ON {table};
        DROP FUNCTION {function}();
        """,
    )


def printed_lines(ours: str) -> str:
    """The function of 0002 that lets change only what we say of a printed line."""
    return f"""
        CREATE OR REPLACE FUNCTION purchasing_keep_printed_line() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[{ours}])
                    = (to_jsonb(OLD) - ARRAY[{ours}]) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'purchasing_supplierinvoiceline %: % refused, it stays as printed',
                OLD.id, TG_OP USING ERRCODE = 'integrity_constraint_violation';
        END
        $$;
    """


# A file and a payment order stay as they are; only what became of them is written on.
KEPT_BUT = """
BEGIN
    IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[{columns}])
            = (to_jsonb(OLD) - ARRAY[{columns}]) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% %: % refused, it stays as it came', TG_TABLE_NAME, OLD.id, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
"""
DOCUMENT = KEPT_BUT.format(
    columns="'status', 'syntax', 'profile', 'stated', 'findings', 'problem_code', 'problem',"
    " 'supplier_id', 'supplier_found_by', 'suggested_supplier_id', 'ended_at', 'ended_by_id',"
    " 'end_reason'"
)
BATCH = KEPT_BUT.format(
    columns="'status', 'cancelled_at', 'cancelled_by_id', 'cancel_reason'"
)

# The youngest row of a line, kind and subject counts: one that blocks keeps a bill from approval.
APPROVAL = """
BEGIN
    IF EXISTS (
        SELECT FROM (
            SELECT DISTINCT ON (invoice_line_id, kind, subject) status, is_blocking
              FROM purchasing_matchexception
             WHERE invoice_id = NEW.id
             ORDER BY invoice_line_id, kind, subject, id DESC
        ) AS latest
        WHERE latest.is_blocking AND latest.status NOT IN ('RESOLVED', 'ACCEPTED')
    ) THEN
        RAISE EXCEPTION 'purchasing_supplierinvoice %: a difference blocks its payment', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
"""

# All lines of a posting come in one statement.
BALANCE = """
BEGIN
    IF EXISTS (
        SELECT FROM purchasing_ledgerline AS line
         WHERE line.posting_id IN (SELECT posting_id FROM fresh)
         GROUP BY line.posting_id
        HAVING sum(line.amount) <> 0
    ) THEN
        RAISE EXCEPTION 'purchasing_ledgerline: a posting does not add up to nothing'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
"""


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0002_append_only"),
        ("purchasing", "0009_whole_matching"),
    ]

    operations = [
        append_only("purchasing_invoicestep"),
        append_only("purchasing_ledgerposting"),
        append_only("purchasing_ledgerline"),
        append_only("purchasing_paymenttransfer"),
        append_only("purchasing_paymentnotice"),
        migrations.RunSQL(
            printed_lines("'variance_posted', 'assigned_line_id', 'is_price_only'"),
            printed_lines("'variance_posted'"),
        ),
        always(
            "purchasing_invoicedocument",
            "purchasing_invoicedocument_keep",
            "purchasing_keep_document",
            "BEFORE UPDATE OR DELETE ON purchasing_invoicedocument FOR EACH ROW",
            DOCUMENT,
        ),
        always(
            "purchasing_paymentbatch",
            "purchasing_paymentbatch_keep",
            "purchasing_keep_batch",
            "BEFORE UPDATE OR DELETE ON purchasing_paymentbatch FOR EACH ROW",
            BATCH,
        ),
        always(
            "purchasing_supplierinvoice",
            "purchasing_supplierinvoice_approval",
            "purchasing_require_decided",
            "BEFORE UPDATE OF status ON purchasing_supplierinvoice FOR EACH ROW"
            " WHEN (NEW.status = 'APPROVED' AND OLD.status <> 'APPROVED')",
            APPROVAL,
        ),
        always(
            "purchasing_ledgerline",
            "purchasing_ledgerline_balance",
            "purchasing_require_balance",
            "AFTER INSERT ON purchasing_ledgerline REFERENCING NEW TABLE AS fresh"
            " FOR EACH STATEMENT",
            BALANCE,
        ),
    ]
