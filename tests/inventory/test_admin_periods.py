"""Closing the books of stock at the desk, and opening them again."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from inventory.models import ClosedPeriod
from inventory.operations import posting
from tests.factories.inventory import stock
from tests.factories.inventory_promises import close_books
from tests.inventory.shared import everything, figures
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db
VIEW = ("inventory.view_closedperiod",)


def accountant():
    return browser_of(person_who_may(*VIEW, "inventory.close_period"))


def manager():
    return browser_of(person_who_may(*VIEW, "inventory.close_period", "inventory.reopen_period"))


def close_url():
    return reverse("admin:inventory_closedperiod_page_act", args=["close"])


def reopen_url(period):
    return reverse("admin:inventory_closedperiod_act", args=[period.pk, "reopen"])


def yesterday():
    return timezone.localdate() - timedelta(days=1)


def form(**changes):
    return {"key": "k1", "last_day": yesterday().isoformat()} | changes


def test_close_closes_the_whole_of_the_last_day():
    answer = accountant().post(close_url(), form(), follow=True)

    period = ClosedPeriod.objects.get()
    ends_at = timezone.localtime(period.ends_at)
    assert (ends_at.date(), ends_at.hour, ends_at.minute) == (timezone.localdate(), 0, 0)
    assert period.closed_by is not None
    assert f"closed up to {yesterday():%d %B %Y}." in answer.content.decode()


def test_close_offers_the_last_month_and_says_what_it_does():
    page = accountant().get(close_url()).content.decode()

    end_of_last_month = timezone.localdate().replace(day=1) - timedelta(days=1)
    assert end_of_last_month.isoformat() in page
    assert "Nothing can be booked for that day or an earlier one any more." in page


def test_close_sent_twice_is_done_once():
    browser = accountant()

    browser.post(close_url(), form())
    browser.post(close_url(), form())

    assert ClosedPeriod.objects.count() == 1


@pytest.mark.parametrize(
    ("last_day", "said"),
    [
        (date.max.isoformat(), "Ensure this value is less than or equal to 9999-12-29."),
        ("2999-01-01", "Only days that are over can be closed."),
        ("2020-01-01", "already."),
        ("", "This field is required."),
    ],
)
def test_close_says_what_is_wrong_and_closes_nothing(last_day, said):
    close_books(ends_at=timezone.now() - timedelta(days=10))
    before = everything()

    answer = accountant().post(close_url(), form(last_day=last_day), follow=True)

    assert said in answer.content.decode()
    assert everything() == before


def test_today_is_not_over():
    answer = accountant().post(
        close_url(), form(last_day=timezone.localdate().isoformat()), follow=True
    )

    assert "Only days that are over can be closed." in answer.content.decode()
    assert ClosedPeriod.objects.count() == 0


def test_reopen_keeps_who_and_why():
    period = close_books()

    answer = manager().post(reopen_url(period), {"key": "k1", "reason": "A late bill"}, follow=True)

    period.refresh_from_db()
    assert (period.reopen_reason, period.reopened_by is None) == ("A late bill", False)
    assert "The books of stock are open again." in answer.content.decode()


def test_reopen_says_what_it_does():
    period = close_books(ends_at=timezone.now() - timedelta(days=10))

    page = manager().get(reopen_url(period)).content.decode()

    assert "Days that were closed earlier stay closed." in page
    assert "Figures that were reported for those days may change." in page


def test_reopen_asks_for_a_reason():
    period = close_books()
    before = everything()

    manager().post(reopen_url(period), {"key": "k1", "reason": " "})

    assert everything() == before


def test_reopen_is_offered_once():
    period = close_books()
    manager().post(reopen_url(period), {"key": "k1", "reason": "A late bill"})
    before = everything()

    answer = manager().post(reopen_url(period), {"key": "k2", "reason": "Another"}, follow=True)

    assert "Reopen is not possible" in answer.content.decode()
    assert everything() == before


def test_who_closes_books_may_not_open_them():
    period = close_books()
    before = everything()

    answer = accountant().post(reopen_url(period), {"key": "k1", "reason": "A late bill"})

    assert answer.status_code == 403
    assert everything() == before


def test_close_is_for_those_who_may():
    answer = browser_of(person_who_may(*VIEW)).post(close_url(), form())

    assert answer.status_code == 403
    assert ClosedPeriod.objects.count() == 0


def test_list_says_up_to_when_books_are_closed_and_by_whom():
    period = close_books(ends_at=timezone.now() - timedelta(days=10))

    page = browser_of(superuser()).get(reverse("admin:inventory_closedperiod_changelist"))

    assert str(period.closed_by) in page.content.decode()


def test_books_that_close_between_looking_and_writing_refuse_in_words(monkeypatch):
    """The check found them open; the table says it then, and the person reads a sentence."""
    level = stock()
    close_books(ends_at=timezone.now())
    moment = timezone.now() - timedelta(days=1)
    monkeypatch.setattr(posting, "require_open_period", lambda _at: None)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    before = everything()

    answer = browser_of(superuser()).post(
        reverse("admin:inventory_stocklevel_act", args=[level.pk, "adjust"]),
        {"key": "k1", "quantity": "-1", "reason": "Broken"},
    )

    assert "The books of stock are closed until" in answer.content.decode()
    assert figures(level) == (10, 0)
    assert everything() == before
