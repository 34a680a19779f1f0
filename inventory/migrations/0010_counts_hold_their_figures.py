from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0009_keys_of_additions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="stockcount",
            name="inventory_stockcount_submitted_with_its_figures",
        ),
        migrations.RemoveConstraint(
            model_name="stockcountline",
            name="inventory_stockcountline_counted_with_its_time",
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("submitted_at__isnull", True),
                        ("units_limit__isnull", True),
                        ("units_off__isnull", True),
                        ("value_limit__isnull", True),
                        ("value_off__isnull", True),
                    ),
                    models.Q(
                        ("submitted_at__isnull", False),
                        ("units_limit__isnull", False),
                        ("units_off__isnull", False),
                        ("value_limit__isnull", False),
                        ("value_off__isnull", False),
                        ("units_limit__gte", 0),
                        ("units_limit__lt", 1000000000),
                        ("units_off__gte", 0),
                        ("units_off__lt", 1000000000),
                        ("value_limit__gte", 0),
                        ("value_limit__lt", 1000000000000),
                        ("value_off__gte", 0),
                        ("value_off__lt", 1000000000000),
                    ),
                    _connector="OR",
                ),
                name="inventory_stockcount_submitted_with_its_figures",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcountline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("counted__isnull", True), ("counted_at__isnull", True)),
                    models.Q(
                        ("counted__isnull", False),
                        ("counted_at__isnull", False),
                        ("counted_at__gte", models.F("added_at")),
                        ("counted__gte", 0),
                        ("counted__lt", 1000000000),
                    ),
                    _connector="OR",
                ),
                name="inventory_stockcountline_counted_with_its_time",
                violation_error_message="Units are counted from zero, on a sheet that is open.",
            ),
        ),
    ]
