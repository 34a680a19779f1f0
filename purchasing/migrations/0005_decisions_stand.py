from django.db import migrations

from retail.common.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("purchasing", "0004_whole_buying")]

    operations = [append_only("purchasing_heldgoodsdecision")]
