from django.db import migrations

from retail.backoffice.roles import PERMISSIONS
from retail.common.roles import ensure_groups


def give_permissions(apps, _schema_editor):
    ensure_groups(apps, PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("backoffice", "0003_roles_of_orders"),
        ("inventory", "0013_goods_going_back"),
        ("orders", "0012_sent_by_suppliers"),
        ("purchasing", "0008_poll_state"),
    ]

    operations = [migrations.RunPython(give_permissions, migrations.RunPython.noop)]
