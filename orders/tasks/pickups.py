"""Scheduled work on orders that are collected: telling customers, proposing what to put back."""

from __future__ import annotations

import smtplib

import structlog
from celery import shared_task
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils import timezone

from orders import operations
from orders.operations import PickupMessage
from orders.queries import orders_to_tell
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

MESSAGES_PER_RUN = 200


@shared_task(name="orders.tell_pickups")
@recorded("orders.tell_pickups")
def tell_pickups(**_future: object) -> dict[str, int]:
    """
    E-mail customers that their order is ready, and remind them of it.

    A message is claimed before it is sent, so two workers never send the same one. One whose worker
    died in between is not sent again: the next reminder says the same.
    """
    counts = {"emailed": 0, "refused": 0}
    order_ids = orders_to_tell(at=timezone.now())[:MESSAGES_PER_RUN]
    if not order_ids:
        return counts
    connection = mail.get_connection()
    # Before anything is claimed: a mail server that is away must not swallow messages.
    connection.open()
    try:
        for order_id in order_ids:
            message = operations.claim_message(order_id=order_id, at=timezone.now())
            if message is not None:
                counts["emailed" if _email(message, order_id, connection) else "refused"] += 1
    finally:
        connection.close()
    return counts


def _email(message: PickupMessage, order_id: int, connection: BaseEmailBackend) -> bool:
    """Mail one message; False when the mail server said no."""
    subject = "still waits for you" if message.is_reminder else "is ready for you"
    email = mail.EmailMessage(
        subject=f"Your order {message.order_number} {subject}",
        body=render_to_string("mail/pickup.txt", {"message": message}),
        to=[message.email],
        connection=connection,
    )
    try:
        email.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        logger.warning("pickup_not_told", order_id=order_id, reason=type(error).__name__)
        return False
    return True


@shared_task(name="orders.propose_expired_pickups")
@recorded("orders.propose_expired_pickups")
def propose_expired_pickups(**_future: object) -> dict[str, int]:
    """Propose to put back what nobody collected in time."""
    return {"proposed": operations.propose_expired(at=timezone.now())}
