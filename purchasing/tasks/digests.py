"""Telling people by e-mail what waits for their decision."""

from __future__ import annotations

import smtplib
from datetime import date, datetime
from urllib.parse import urlencode

import structlog
from celery import shared_task
from django.conf import settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from purchasing.queries import Digest, digests_to_mail
from retail.common.models import TaskRun
from retail.common.taskruns import LONGEST_ERROR, recorded

logger = structlog.get_logger(__name__)

TASK = "purchasing.mail_exception_digest"


@shared_task(name=TASK)
@recorded(TASK)
def mail_exception_digest(**_future: object) -> dict[str, int]:
    """
    E-mail everybody with a role what waits for its decision, once a day; nothing where none waits.

    Each mail is claimed first, as a run of this task with the person and the day as its slot, so
    two workers never send the same one. What the mail server did not take is tried by the next
    run; one whose worker died in between is not sent again: tomorrow's says the same.
    """
    counts = {"emailed": 0, "refused": 0}
    now = timezone.now()
    digests = digests_to_mail(at=now)
    if not digests:
        return counts
    connection = mail.get_connection()
    # Before anything is claimed: a mail server that is away must not swallow mails.
    connection.open()
    try:
        for digest in digests:
            run = _claim(digest, day=timezone.localdate(now), now=now)
            if run is not None:
                counts["emailed" if _email(digest, run, connection, now) else "refused"] += 1
    finally:
        connection.close()
    return counts


def _claim(digest: Digest, *, day: date, now: datetime) -> TaskRun | None:
    """Return the run that mails this person today, None when another one does or did."""
    slot = f"{day.isoformat()}/{digest.person.pk}"
    try:
        with transaction.atomic():
            return TaskRun.objects.create(name=TASK, slot=slot, started_at=now)
    except IntegrityError:
        failed = TaskRun.objects.filter(name=TASK, slot=slot, status=TaskRun.Status.FAILED)
        again = failed.update(
            status=TaskRun.Status.RUNNING, started_at=now, finished_at=None, error=""
        )
        return TaskRun.objects.get(name=TASK, slot=slot) if again else None


def _email(digest: Digest, run: TaskRun, connection: BaseEmailBackend, now: datetime) -> bool:
    """Mail one digest; False when the mail server said no, or went away."""
    message = mail.EmailMessage(
        subject=_subject(digest),
        body=render_to_string("mail/exception_digest.txt", _words(digest, now)),
        to=[digest.person.email],
        connection=connection,
    )
    outcome = {"status": TaskRun.Status.DONE, "summary": {"differences": digest.count}}
    try:
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        logger.warning("digest_not_mailed", person=digest.person.pk, reason=type(error).__name__)
        text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        outcome = {"status": TaskRun.Status.FAILED, "error": text}
    TaskRun.objects.filter(pk=run.pk).update(finished_at=timezone.now(), **outcome)
    return outcome["status"] == TaskRun.Status.DONE


def _subject(digest: Digest) -> str:
    what = "difference waits" if digest.count == 1 else "differences wait"
    overdue = f", {digest.overdue:,} overdue" if digest.overdue else ""
    return f"{digest.count:,} {what} for your decision{overdue}"


def _words(digest: Digest, now: datetime) -> dict[str, object]:
    return {
        "digest": digest,
        "days": (now - digest.oldest_at).days,
        "roles": " and ".join(digest.owners),
        "next": [(row, _address(f"{row.invoice_id}/desk/")) for row in digest.next],
        "queue": _address(f"desk/?{urlencode({'role': digest.owners}, doseq=True)}"),
        "currency": settings.RETAIL_CURRENCY,
    }


def _address(page: str) -> str:
    """Return the address of a page of the invoice desk, empty where ours is not known."""
    if not settings.RETAIL_URL:
        return ""
    desk = reverse("admin:purchasing_supplierinvoice_changelist")
    return f"{settings.RETAIL_URL.rstrip('/')}{desk}{page}"
