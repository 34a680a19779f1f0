from django.db import migrations

from retail.backoffice.roles import PERMISSIONS
from retail.common.roles import ensure_groups


def give_permissions(apps, _schema_editor):
    ensure_groups(apps, PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("backoffice", "0004_roles_of_buying"),
        ("purchasing", "0010_ledgers_of_bills"),
    ]

    operations = [migrations.RunPython(give_permissions, migrations.RunPython.noop)]
