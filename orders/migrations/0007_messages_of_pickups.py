from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_indexes_of_lists")]

    operations = [
        migrations.RenameField("pickup", "reminders", "messages_sent"),
        migrations.RenameField("pickup", "last_reminded_at", "last_message_at"),
        migrations.AlterField(
            "pickup",
            "messages_sent",
            models.IntegerField(
                default=0, help_text="To the customer: that it is ready, and reminders."
            ),
        ),
    ]
