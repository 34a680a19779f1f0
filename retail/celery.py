"""The Celery app and the schedule that a new installation begins with."""

import os
from dataclasses import dataclass
from datetime import time, timedelta

from celery import Celery
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail.settings")

app = Celery("retail")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Binds the request's id to the log lines of the tasks it woke.
app.steps["worker"].add(DjangoStructLogInitStep)


@dataclass(frozen=True)
class ScheduledTask:
    """
    A task and when it runs: every so often, or once a day at a time in UTC.

    days: of the week on which it runs at that time, as a crontab has them.
    """

    name: str
    task: str
    when: timedelta | time
    days: str = "*"


# Not CELERY_BEAT_SCHEDULE: that would overwrite, at every start, what a manager changed in the
# admin. `manage.py setup_schedule` creates the rows that are missing and leaves the others alone.
DEFAULT_SCHEDULE = (
    ScheduledTask("Read new orders", "orders.pull_orders", timedelta(seconds=15)),
    ScheduledTask("Try failed orders again", "orders.ingest_messages", timedelta(minutes=1)),
    ScheduledTask("Link what has become known", "orders.link_waiting", timedelta(minutes=1)),
    ScheduledTask("End what was merged", "orders.join_merged", timedelta(minutes=1)),
    ScheduledTask("Promise to waiting orders", "orders.serve_waiting", timedelta(minutes=1)),
    ScheduledTask(
        "Let orders wait whose goods are gone", "orders.settle_withdrawn", timedelta(seconds=15)
    ),
    ScheduledTask(
        "Free what was put aside too long", "inventory.release_expired", timedelta(minutes=1)
    ),
    ScheduledTask("Tell channels what is in stock", "inventory.push_stock", timedelta(seconds=15)),
    ScheduledTask("Tell channels about parcels", "orders.push_tracking", timedelta(minutes=1)),
    ScheduledTask(
        "Tell channels what was cancelled", "orders.push_cancellations", timedelta(minutes=1)
    ),
    ScheduledTask("Tell customers who collect", "orders.tell_pickups", timedelta(minutes=1)),
    ScheduledTask(
        "Propose what to put back", "orders.propose_expired_pickups", timedelta(minutes=15)
    ),
    ScheduledTask("Let channels pay refunds", "orders.push_refunds", timedelta(minutes=1)),
    ScheduledTask("Call off unpaid orders", "orders.call_off_unpaid", timedelta(minutes=15)),
    ScheduledTask(
        "E-mail purchase orders", "purchasing.send_purchase_orders", timedelta(minutes=1)
    ),
    ScheduledTask(
        "Match bills whose goods came", "purchasing.match_waiting_invoices", timedelta(minutes=1)
    ),
    ScheduledTask(
        "Carry on applying suppliers' files",
        "purchasing.apply_supplier_files",
        timedelta(minutes=1),
    ),
    ScheduledTask(
        "Fetch suppliers' files", "purchasing.fetch_supplier_files", timedelta(minutes=5)
    ),
    ScheduledTask(
        "Hand files to accounting and the bank", "purchasing.hand_over_files", timedelta(minutes=1)
    ),
    ScheduledTask(
        "Take in suppliers' invoices", "purchasing.receive_invoice_files", timedelta(minutes=5)
    ),
    ScheduledTask(
        "Go on reading invoices", "purchasing.read_received_documents", timedelta(minutes=5)
    ),
    ScheduledTask("Look at listings", "channels.refresh_listings", timedelta(minutes=15)),
    ScheduledTask(
        "Keep how stock stood at the end of the day", "inventory.take_snapshot", time(0, 10)
    ),
    ScheduledTask("Work out every offer anew", "inventory.refresh_offers", time(1, 30)),
    ScheduledTask("Work out what to buy", "purchasing.propose_replenishment", time(4, 15)),
    ScheduledTask("Forget old terms of offers", "inventory.forget_offers", time(3, 45)),
    ScheduledTask(
        "Note credit notes on returns to suppliers",
        "purchasing.note_credits_of_returns",
        timedelta(minutes=5),
    ),
    ScheduledTask(
        "E-mail what waits for a decision",
        "purchasing.mail_exception_digest",
        time(6, 30),
        days="1-5",
    ),
    ScheduledTask("Compare totals with ledgers", "backoffice.check_integrity", time(2, 30)),
    ScheduledTask("Forget old runs", "backoffice.forget_task_runs", time(3, 30)),
)
