from django.db import migrations

from retail.common.append_only import append_only

# Runs once per statement, on its new rows together: taking in history by COPY pays for one look.
CREATE_FUNCTION = """
CREATE FUNCTION inventory_refuse_closed_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    closed timestamptz;
BEGIN
    SELECT max(ends_at) INTO closed FROM inventory_closedperiod WHERE reopened_at IS NULL;
    IF closed IS NOT NULL AND EXISTS (SELECT FROM new_rows WHERE moved_at < closed) THEN
        RAISE EXCEPTION 'The books of stock are closed until %.', closed
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""
DROP_FUNCTION = "DROP FUNCTION inventory_refuse_closed_period();"


def refuse_closed_period(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        sql=f"""
        CREATE TRIGGER {table}_closed_period AFTER INSERT ON {table}
            REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION inventory_refuse_closed_period();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_closed_period;
        """,
        reverse_sql=f"DROP TRIGGER {table}_closed_period ON {table};",
    )


class Migration(migrations.Migration):
    dependencies = [("inventory", "0003_whole_inventory")]

    operations = [
        append_only("inventory_transferreceipt"),
        append_only("inventory_stockcountentry"),
        migrations.RunSQL(sql=CREATE_FUNCTION, reverse_sql=DROP_FUNCTION),
        refuse_closed_period("inventory_stockmovement"),
        refuse_closed_period("inventory_costmovement"),
    ]
