from django.db import migrations

# Pieces that were called off before cancellations were rows, one cancellation for each order.
CANCELLED = """
WITH cancelled AS (
    INSERT INTO orders_ordercancellation (order_id, key, cause, reason, cancelled_at)
    SELECT orders_order.id, 'earlier', 'OTHER', 'Called off before reasons were kept.',
           coalesce((SELECT max(happened_at) FROM orders_orderevent
                      WHERE order_id = orders_order.id AND kind = 'CANCELLED'), created_at)
      FROM orders_order
     WHERE EXISTS (SELECT FROM orders_orderline
                    WHERE order_id = orders_order.id AND cancelled > 0)
       AND NOT EXISTS (SELECT FROM orders_ordercancellation AS known
                        WHERE known.order_id = orders_order.id)
    RETURNING id, order_id
)
INSERT INTO orders_cancelledline (cancellation_id, line_id, quantity)
SELECT cancelled.id, line.id, line.cancelled
  FROM cancelled JOIN orders_orderline AS line USING (order_id)
 WHERE line.cancelled > 0;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0010_sent_on_a_day")]

    operations = [migrations.RunSQL(CANCELLED, migrations.RunSQL.noop)]
