"""Scheduled work of buying: e-mailing sent orders, matching bills when their goods have come."""

from __future__ import annotations

import smtplib

import structlog
from celery import shared_task
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from purchasing import operations
from purchasing.documents import order_csv, order_text
from purchasing.models import PurchaseOrder
from purchasing.queries import invoices_to_match
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

ORDERS_PER_RUN = 100
INVOICES_PER_RUN = 500


@shared_task(name="purchasing.send_purchase_orders")
@recorded("purchasing.send_purchase_orders")
def send_purchase_orders(**_future: object) -> dict[str, int]:
    """
    E-mail every sent order that was not e-mailed yet.

    An order is claimed first, so two workers never mail the same one. One whose worker died in
    between stays claimed: a person decides whether it goes out again.
    """
    counts = {"emailed": 0, "refused": 0}
    connection = mail.get_connection()
    # Before anything is claimed: a mail server that is away must not leave orders in doubt.
    connection.open()
    try:
        for _ in range(ORDERS_PER_RUN):
            order = operations.claim_email(at=timezone.now())
            if order is None:
                break
            counts["emailed" if _email(order, connection) else "refused"] += 1
    finally:
        connection.close()
    return counts


def _email(order: PurchaseOrder, connection: BaseEmailBackend) -> bool:
    """Mail one order; False when the mail server said no, which a person has to look at."""
    message = mail.EmailMessage(
        subject=f"Purchase order {order.number}",
        body=order_text(order),
        to=[order.supplier.email],
        attachments=[(f"{order.number}.csv", order_csv(order), "text/csv")],
        connection=connection,
    )
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        logger.warning("purchase_order_not_emailed", order=order.number, reason=str(error))
        return False
    operations.finish_email(order_id=order.pk, at=timezone.now())
    return True


@shared_task(name="purchasing.match_waiting_invoices")
@recorded("purchasing.match_waiting_invoices")
def match_waiting_invoices(**_future: object) -> dict[str, int]:
    """Match the bills that were never matched, and those whose goods have come since."""
    counts = {"matched": 0, "refused": 0}
    invoice_ids = list(invoices_to_match().values_list("pk", flat=True)[:INVOICES_PER_RUN])
    for invoice_id in invoice_ids:
        try:
            operations.match_invoice(invoice_id=invoice_id, at=timezone.now())
        except BusinessError as refusal:
            logger.warning("invoice_not_matched", invoice=invoice_id, reason=refusal.message)
            counts["refused"] += 1
        else:
            counts["matched"] += 1
    return counts
