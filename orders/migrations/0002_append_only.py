from django.db import migrations

from retail.common.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0002_append_only"),
        ("orders", "0001_initial"),
    ]

    operations = [append_only("orders_orderevent")]
