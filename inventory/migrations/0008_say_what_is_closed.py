from django.db import migrations

# The rule is named, so that the sentence reaches the person whose act it refused.
SAY_IT_IN_WORDS = """
CREATE OR REPLACE FUNCTION inventory_refuse_closed_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    closed timestamptz;
BEGIN
    SELECT max(ends_at) INTO closed FROM inventory_closedperiod WHERE reopened_at IS NULL;
    IF closed IS NOT NULL AND EXISTS (SELECT FROM new_rows WHERE moved_at < closed) THEN
        RAISE EXCEPTION 'The books of stock are closed until %: nothing can be dated before.',
                to_char(closed, 'DD FMMonth YYYY, HH24:MI')
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'inventory_movement_not_in_a_closed_period';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_explain_every_offer")]

    operations = [migrations.RunSQL(sql=SAY_IT_IN_WORDS, reverse_sql=migrations.RunSQL.noop)]
