from django.db import migrations

from retail.common.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("common", "0002_append_only")]

    operations = [
        append_only("inventory_stockmovement"),
        append_only("inventory_costmovement"),
    ]
