from django.db import migrations

# What was offered before terms were kept is worked out once more, so that each offer has its own.
NOTE_EVERYTHING = """
INSERT INTO inventory_availabilitychange (variant_id, changed_at)
SELECT DISTINCT variant_id, now() FROM channels_listing WHERE variant_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_notes_of_changed_rules")]

    operations = [migrations.RunSQL(NOTE_EVERYTHING, migrations.RunSQL.noop)]
