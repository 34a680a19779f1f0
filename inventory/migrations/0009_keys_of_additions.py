import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_say_what_is_closed")]

    operations = [
        migrations.AddField(
            model_name="transferline",
            name="addition_keys",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64),
                blank=True,
                db_default=[],
                default=list,
                help_text="What was scanned onto it, so that nothing is added twice.",
                size=None,
            ),
        ),
    ]
