"""E-mailing sent orders."""

from __future__ import annotations

import smtplib

import structlog
from celery import shared_task
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from purchasing import operations
from purchasing.documents import order_csv, order_letter, order_pdf, order_subject, paper_of
from purchasing.models import PurchaseOrder
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

ORDERS_PER_RUN = 100


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
    paper = paper_of(order)
    copies = (
        order.supplier.contacts.filter(is_copied_on_orders=True)
        .exclude(email=order.supplier.email)
        .order_by("pk")
        .values_list("email", flat=True)
    )
    message = mail.EmailMessage(
        subject=order_subject(paper),
        body=order_letter(paper),
        to=[order.supplier.email],
        cc=list(dict.fromkeys(copies)),
        attachments=[
            (f"{paper.name}.pdf", order_pdf(paper), "application/pdf"),
            (f"{paper.name}.csv", order_csv(paper), "text/csv"),
        ],
        connection=connection,
    )
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        logger.warning("purchase_order_not_emailed", order=order.number, reason=str(error))
        return False
    operations.finish_email(order_id=order.pk, version=order.version, at=timezone.now())
    return True
