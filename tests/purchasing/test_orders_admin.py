"""A purchase order in the admin: written, moved on by buttons, received, printed."""

import re
from decimal import Decimal

import pytest

from inventory.models import StockLevel
from purchasing import operations
from purchasing.models import GoodsReceipt, PurchaseOrder
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    approved_order,
    draft_order,
    sent_order,
)
from tests.people import browser_of, person_who_may
from tests.printed import words_on

pytestmark = pytest.mark.django_db

LIST = "/purchasing/purchaseorder/"
SEES = ("purchasing.view_purchaseorder", "purchasing.view_purchaseorderline")
WRITES = (
    *SEES,
    "purchasing.add_purchaseorder",
    "purchasing.change_purchaseorder",
    "purchasing.add_purchaseorderline",
    "purchasing.change_purchaseorderline",
    "purchasing.delete_purchaseorderline",
    "purchasing.add_purchaseordercharge",
    "purchasing.change_purchaseordercharge",
    "purchasing.delete_purchaseordercharge",
)


@pytest.fixture
def buyer():
    return person_who_may(*WRITES, "purchasing.send_purchaseorder")


@pytest.fixture
def hand():
    return person_who_may(*SEES, "purchasing.post_goodsreceipt")


def change_url(order):
    return f"{LIST}{order.pk}/change/"


def act_url(order, name):
    return f"{LIST}{order.pk}/act/{name}/"


def written(*lines, initial=0, **values):
    """Return what the browser sends for an order of these lines, each a dictionary."""
    sent = {
        "note": "",
        "expected_on": "2026-12-24",
        "reference": "form-1",
        "lines-TOTAL_FORMS": len(lines),
        "lines-INITIAL_FORMS": initial,
        "charges-TOTAL_FORMS": 0,
        "charges-INITIAL_FORMS": 0,
        **values,
    }
    for number, line in enumerate(lines):
        sent |= {f"lines-{number}-{name}": value for name, value in line.items()}
    return sent


def test_order_is_written_with_its_lines(buyer):
    price = SupplierPriceFactory(supplier_product__supplier_sku="S-1")
    supplier, location = price.supplier_product.supplier, LocationFactory()
    other = VariantFactory()

    answer = browser_of(buyer).post(
        f"{LIST}add/",
        written(
            {"variant": price.supplier_product.variant_id, "ordered": 12, "list_cost": ""},
            {"variant": other.pk, "ordered": 3, "list_cost": "7.25"},
            supplier=supplier.pk,
            location=location.pk,
        ),
    )

    order = PurchaseOrder.objects.get()
    assert answer.status_code == 302
    assert (order.status, order.raised_by, order.location) == ("DRAFT", buyer, location)
    assert list(
        order.lines.order_by("position").values_list("supplier_sku", "ordered", "unit_cost")
    ) == [("S-1", 12, Decimal("2.5")), ("", 3, Decimal("7.25"))]


def test_form_sent_twice_orders_once(buyer):
    sent = written(
        {"variant": VariantFactory().pk, "ordered": 3, "list_cost": "7.25"},
        supplier=SupplierFactory().pk,
        location=LocationFactory().pk,
    )
    browser = browser_of(buyer)

    for _ in range(2):
        browser.post(f"{LIST}add/", sent)

    assert PurchaseOrder.objects.get().lines.count() == 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"ordered": 3, "list_cost": ""}, "This supplier has no price for it: enter the cost."),
        ({"ordered": 0, "list_cost": "1"}, "At least one unit is ordered."),
        ({"ordered": 1, "list_cost": "-1"}, "A cost is not below zero."),
        (None, "An order needs at least one line."),
    ],
)
def test_order_that_cannot_be_is_told_on_the_form(buyer, line, complaint):
    lines = [] if line is None else [{"variant": VariantFactory().pk, **line}]

    answer = browser_of(buyer).post(
        f"{LIST}add/",
        written(*lines, supplier=SupplierFactory().pk, location=LocationFactory().pk),
    )

    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert PurchaseOrder.objects.count() == 0


def test_inactive_supplier_is_told_on_the_form(buyer):
    answer = browser_of(buyer).post(
        f"{LIST}add/",
        written(
            {"variant": VariantFactory().pk, "ordered": 1, "list_cost": "1"},
            supplier=SupplierFactory(is_active=False).pk,
            location=LocationFactory().pk,
        ),
    )

    assert "no longer an active supplier" in answer.content.decode()
    assert PurchaseOrder.objects.count() == 0


def test_draft_is_changed(buyer):
    order = draft_order(units=(10, 5))
    kept, dropped = order.lines.order_by("position")

    answer = browser_of(buyer).post(
        change_url(order),
        written(
            {"id": kept.pk, "variant": kept.variant_id, "ordered": 11, "list_cost": "3"},
            {
                "id": dropped.pk,
                "variant": dropped.variant_id,
                "ordered": 5,
                "list_cost": "3",
                "DELETE": "on",
            },
            initial=2,
            location=order.location_id,
        ),
    )

    assert answer.status_code == 302
    assert list(order.lines.values_list("variant", "ordered", "unit_cost")) == [
        (kept.variant_id, 11, Decimal(3))
    ]


def test_draft_that_was_submitted_meanwhile_is_not_changed(buyer):
    order = draft_order()
    line = order.lines.get()
    operations.submit(order_id=order.pk, at=NOON)

    answer = browser_of(buyer).post(
        change_url(order),
        written(
            {"id": line.pk, "variant": line.variant_id, "ordered": 99, "list_cost": "3"},
            initial=1,
            location=order.location_id,
        ),
    )

    assert answer.status_code == 403
    assert order.lines.get().ordered == 10


@pytest.mark.parametrize("make", [approved_order, sent_order])
def test_submitted_order_has_no_fields_to_write_in(buyer, make):
    order = make()

    page = browser_of(buyer).get(change_url(order)).content.decode()

    assert 'name="lines-0-ordered"' not in page
    assert 'name="_save"' not in page


def test_order_goes_its_way_by_buttons(buyer):
    manager = person_who_may(*SEES, "purchasing.approve_purchaseorder")
    order = draft_order(by=buyer)

    browser_of(buyer).post(act_url(order, "submit"), {"key": "1"})
    browser_of(manager).post(act_url(order, "approve"), {"key": "2"})
    answer = browser_of(buyer).post(act_url(order, "send"), {"key": "3"}, follow=True)

    order.refresh_from_db()
    assert (order.status, order.approved_by) == ("SENT", manager)
    assert "the e-mail leaves within a minute" in answer.content.decode()


def test_own_order_is_not_approved():
    chief = person_who_may(*SEES, "purchasing.approve_purchaseorder")
    order = operations.submit(order_id=draft_order(by=chief).pk, at=NOON)

    answer = browser_of(chief).post(act_url(order, "approve"), {"key": "1"})

    order.refresh_from_db()
    assert "somebody else has to approve it" in answer.content.decode()
    assert order.status == "AWAITING_APPROVAL"


def test_receiving_starts_from_what_is_expected(hand):
    order = sent_order(units=(10, 5))
    first, second = order.lines.order_by("position")

    page = browser_of(hand).get(act_url(order, "receive")).content.decode()

    assert re.search(rf'name="accepted_{first.pk}" value="10"', page)
    assert re.search(rf'name="accepted_{second.pk}" value="5"', page)


def test_goods_are_received_once_however_often_the_form_is_sent(hand):
    order = sent_order(units=(10, 5))
    first, second = order.lines.order_by("position")
    sent = {
        "key": "form-1",
        "delivery_note": "DN-7",
        f"accepted_{first.pk}": 8,
        f"rejected_{first.pk}": 2,
        f"reason_{first.pk}": "DAMAGED",
        f"accepted_{second.pk}": "",
    }
    browser = browser_of(hand)

    for _ in range(2):
        browser.post(act_url(order, "receive"), sent)

    receipt = GoodsReceipt.objects.get()
    line = receipt.lines.get()
    assert (receipt.delivery_note, receipt.received_by) == ("DN-7", hand)
    assert (line.accepted, line.rejected, line.reject_reason) == (8, 2, "Damaged")
    assert StockLevel.objects.get().on_hand == 8


def test_rejecting_needs_a_reason_on_the_form(hand):
    order = sent_order()
    line = order.lines.get()

    answer = browser_of(hand).post(
        act_url(order, "receive"),
        {"key": "1", f"accepted_{line.pk}": 8, f"rejected_{line.pk}": 2},
    )

    assert "Say why." in answer.content.decode()
    assert GoodsReceipt.objects.count() == 0


def test_more_than_ordered_is_told_and_nothing_comes_in(hand):
    order = sent_order()
    line = order.lines.get()

    answer = browser_of(hand).post(
        act_url(order, "receive"), {"key": "1", f"accepted_{line.pk}": 11}
    )

    assert f"{line.variant} by 1" in answer.content.decode()
    assert GoodsReceipt.objects.count() == 0


def test_more_than_ordered_needs_a_permission_of_its_own(hand):
    chief = person_who_may(*SEES, "purchasing.over_receive")
    order = sent_order()
    sent = {"key": "1", f"accepted_{order.lines.get().pk}": 11}

    refused = browser_of(hand).post(act_url(order, "receive-over-order"), sent)
    before = GoodsReceipt.objects.count()
    browser_of(chief).post(act_url(order, "receive-over-order"), sent)

    order.refresh_from_db()
    assert (refused.status_code, before) == (403, 0)
    assert (order.receipt_status, GoodsReceipt.objects.get().received_by) == ("OVER", chief)


def test_order_page_leads_to_its_receipts(buyer, hand):
    order = sent_order()
    browser_of(hand).post(
        act_url(order, "receive"), {"key": "1", f"accepted_{order.lines.get().pk}": 3}
    )
    receipt = GoodsReceipt.objects.get()

    page = browser_of(buyer).get(change_url(order)).content.decode()

    assert f'<a href="/purchasing/goodsreceipt/{receipt.pk}/change/">{receipt.number}</a>' in page


@pytest.mark.parametrize(("act", "status"), [("close-short", "CLOSED"), ("cancel", "CANCELLED")])
def test_order_is_ended_with_a_reason(buyer, act, status):
    order = sent_order()
    browser = browser_of(buyer)

    without = browser.post(act_url(order, act), {"key": "1", "reason": ""})
    order.refresh_from_db()
    before = order.status
    browser.post(act_url(order, act), {"key": "1", "reason": "Sold out"})

    order.refresh_from_db()
    assert (without.status_code, before) == (200, "SENT")
    assert (order.status, order.close_reason, order.closed_by) == (status, "Sold out", buyer)


def test_email_in_doubt_is_sent_again_by_a_person(buyer):
    order = sent_order()
    operations.claim_email(at=NOON)

    browser_of(buyer).post(act_url(order, "email-again"), {"key": "1"})

    order.refresh_from_db()
    assert order.email_started_at is None


def test_documents_are_downloaded():
    order = sent_order()
    reader = browser_of(person_who_may(*SEES))

    paper = reader.get(f"{LIST}{order.pk}/download/pdf/")
    table = reader.get(f"{LIST}{order.pk}/download/csv/")

    assert f"Purchase order {order.number}" in words_on(paper.content)
    assert paper["Content-Disposition"] == f'inline; filename="{order.number}-v1.pdf"'
    assert table["Content-Disposition"] == f'attachment; filename="{order.number}-v1.csv"'
    assert order.number in table.content.decode()


@pytest.mark.parametrize(
    "act",
    ["submit", "approve", "send", "receive", "return-to-draft", "close-short", "cancel"],
)
def test_act_is_closed_to_those_who_may_only_look(act):
    order = sent_order(by=UserFactory())
    reader = browser_of(person_who_may(*SEES))

    assert reader.post(act_url(order, act), {"key": "1", "reason": "x"}).status_code == 403


def test_list_is_filtered_by_what_the_home_page_links_to(buyer):
    order = sent_order(expected_on=NOON.date())

    answer = browser_of(buyer).get(
        LIST,
        {
            "status__exact": "SENT",
            "receipt_status__in": "NONE,PARTIAL",
            "expected_on__gte": "2026-11-01",
        },
    )

    assert order.number in answer.content.decode()
