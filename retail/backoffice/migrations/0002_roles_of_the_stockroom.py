from django.db import migrations

from retail.backoffice.roles import PERMISSIONS
from retail.common.roles import ensure_groups


def give_permissions(apps, _schema_editor):
    ensure_groups(apps, PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("backoffice", "0001_roles"),
        ("catalog", "0002_bundles_and_active_variants"),
        ("channels", "0002_offer_rules"),
        ("inventory", "0011_index_of_cost_moments"),
        ("orders", "0003_lines_of_bundles"),
        ("purchasing", "0003_landed_cost"),
    ]

    operations = [migrations.RunPython(give_permissions, migrations.RunPython.noop)]
