from django.db import migrations

from retail.common.append_only import CREATE_FUNCTION, DROP_FUNCTION


class Migration(migrations.Migration):
    dependencies = [("common", "0001_initial")]

    operations = [migrations.RunSQL(sql=CREATE_FUNCTION, reverse_sql=DROP_FUNCTION)]
