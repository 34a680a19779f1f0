from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_oversold_once")]

    operations = [
        migrations.AlterModelOptions(
            name="pickup",
            options={
                "permissions": [
                    ("expire_pickup", "Can put back what nobody collected"),
                    ("see_pickup_code", "Can see the code that customers tell at hand-over"),
                ]
            },
        ),
    ]
