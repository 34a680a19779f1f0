from django.db import migrations

from retail.common.append_only import append_only

# What came back before returns could be announced came in the pieces it was noted with.
RECEIVED = "UPDATE orders_returnline SET received = quantity;"

# An order that its channel called paid was paid by one transaction that nobody named.
PAID = """
WITH paid AS (
    INSERT INTO orders_payment
        (order_id, channel_id, external_id, method, provider, register, currency,
         authorized, charged, refunded, voided, created_at)
    SELECT id, channel_id, 'order-' || id, 'CHANNEL', '', '', currency, 0, total, 0, 0, created_at
      FROM orders_order WHERE payment_status = 'PAID' AND total > 0
    RETURNING id, charged, created_at
)
INSERT INTO orders_paymentevent (payment_id, kind, amount, reference, note, happened_at)
SELECT id, 'CHARGED', charged, 'paid', '', created_at FROM paid;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_whole_orders")]

    operations = [
        migrations.RunSQL(RECEIVED, migrations.RunSQL.noop),
        migrations.RunSQL(PAID, migrations.RunSQL.noop),
        append_only("orders_paymentevent"),
        append_only("orders_packscan"),
        append_only("orders_routingdecision"),
    ]
