from django.db import migrations

from retail.backoffice.roles import PERMISSIONS
from retail.common.roles import ensure_groups


def create_groups(apps, _schema_editor):
    ensure_groups(apps, PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("common", "__first__"),
        ("catalog", "__first__"),
        ("customers", "__first__"),
        ("channels", "__first__"),
        ("inventory", "__first__"),
        ("orders", "__first__"),
        ("purchasing", "__first__"),
    ]

    operations = [
        # Groups made here stay when it is undone: people may be in them by then.
        migrations.RunPython(create_groups, migrations.RunPython.noop),
    ]
