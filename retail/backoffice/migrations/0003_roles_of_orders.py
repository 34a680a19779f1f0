from django.db import migrations

from retail.backoffice.roles import PERMISSIONS
from retail.common.roles import ensure_groups


def give_permissions(apps, _schema_editor):
    ensure_groups(apps, PERMISSIONS)
    # The right to register returns has moved from orders to returns.
    apps.get_model("auth", "Permission").objects.filter(
        codename="register_return", content_type__app_label="orders", content_type__model="order"
    ).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("backoffice", "0002_roles_of_the_stockroom"),
        ("catalog", "0003_flat_bundles"),
        ("channels", "0004_split_rules"),
        ("inventory", "0012_pickup_places"),
        ("orders", "0010_sent_on_a_day"),
        ("purchasing", "0003_landed_cost"),
    ]

    operations = [migrations.RunPython(give_permissions, migrations.RunPython.noop)]
