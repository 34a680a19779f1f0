"""The desk page of a bill: what it shows to whom, and what is decided and done from it."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.urls import reverse

from purchasing import operations
from purchasing.models import InvoiceStep, MatchException, SupplierInvoice
from tests.factories.common import NOON, person_in
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import (
    MatchExceptionFactory,
    SupplierInvoiceFactory,
    bill,
    delivery,
    matched_bill,
    printed,
)
from tests.factories.purchasing_matching import DecisionLimitFactory
from tests.people import browser_of

pytestmark = pytest.mark.django_db


def desk(invoice, query=""):
    return reverse("admin:purchasing_supplierinvoice_desk", args=[invoice.pk]) + query


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def dear_bill(*, units=10, price="3.00", number=""):
    """10 were ordered at 2.50 and came."""
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    return matched_bill(printed(order.lines.get(), units, price), order=order, number=number)


def difference(invoice, kind="PRICE"):
    return invoice.exceptions.get(kind=kind)


def decision(exception, choice="ACCEPTED", reason="Agreed on the phone"):
    return {"exception": exception.pk, "decision": choice, "reason": reason}


def cards(page):
    return [
        *page.context["document_cards"],
        *(card for row in page.context["rows"] if row.is_last for card in row.cards),
    ]


def test_page_lays_each_line_beside_what_was_ordered_and_received():
    order = sent_order(units=[10, 4], unit_cost="2.50")
    first, second = order.lines.order_by("pk")
    receipt = delivery(order, [8, 4])
    earlier = matched_bill(printed(second, 1, "2.50"), order=order, number="R-EARLIER")
    invoice = matched_bill(printed(first, 10, "3.00"), printed(second, 3, "2.50"), order=order)

    page = browser_of(person_in("Buyer")).get(desk(invoice))

    rows = page.context["rows"]
    shown = [
        (row.comparison.order_line.pk, row.comparison.billed, row.comparison.billed_in_all)
        for row in rows
    ]
    assert shown == [(first.pk, 10, 10), (second.pk, 3, 4)]
    assert [row.is_marked for row in rows] == [True, False]
    assert [row.comparison.receipts[0].units for row in rows] == [8, 3]
    assert receipt.number in page.text
    assert desk(earlier) in page.text
    assert "+20.0 %" in page.text


def test_difference_says_its_figures_owner_stake_and_limits():
    invoice = dear_bill()
    invoice.exceptions.update(at_stake=5)

    page = browser_of(person_in("Buyer")).get(desk(invoice))

    (card,) = cards(page)
    assert (card.title, card.expected, card.actual, card.difference) == (
        "Unit price",
        "2.50",
        "3.00",
        "+0.50",
    )
    assert card.at_stake == "5.00 GBP"
    assert card.tolerance == "No policy, up to 0 % on the price"
    assert [choice.key for choice in card.choices] == ["a", "c", "o", "r", "d"]


def test_words_of_suppliers_are_only_words():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    evil = "<script>alert(1)</script>"
    invoice = matched_bill(
        printed(order.lines.get(), 10, "2.50"),
        operations.NewInvoiceLine(
            quantity=1, unit_price=Decimal(4), net_amount=Decimal(4), description=evil
        ),
        order=order,
        number=evil,
    )
    InvoiceStep.objects.create(invoice=invoice, kind="NOTED", text=evil, happened_at=NOON)
    MatchException.objects.filter(invoice=invoice).update(detail=evil)

    page = browser_of(person_in("Accountant")).get(desk(invoice))

    assert evil not in page.text
    assert page.text.count("&lt;script&gt;alert(1)") >= 4


def test_typed_document_stands_on_the_left_as_it_was_typed():
    page = browser_of(person_in("Accountant")).get(desk(dear_bill(number="R-4711")))

    assert page.context["paper"].title == "Invoice R-4711"
    assert "<iframe" not in page.text


def test_roles_without_documents_see_none_but_everything_else():
    page = browser_of(person_in("Warehouse")).get(desk(dear_bill()))

    assert page.context["sees_document"] is False
    assert "idesk-document" not in page.text
    assert len(page.context["rows"]) == 1


@pytest.mark.parametrize(
    ("role", "may", "why"),
    [
        ("Buyer", True, ""),
        ("Manager", True, ""),
        ("Accountant", False, "For the buyer to decide."),
        ("Warehouse", False, "For the buyer to decide."),
        ("Auditor", False, "Your role does not decide about differences."),
    ],
)
def test_only_who_may_decide_gets_the_form_and_others_are_told_why(role, may, why):
    page = browser_of(person_in(role)).get(desk(dear_bill()))

    (card,) = cards(page)
    assert (bool(card.choices), card.why_not) == (may, why)
    assert ('name="decision"' in page.text) is may


def test_who_raised_the_order_or_entered_the_bill_is_told_that_others_decide():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    enterer = person_in("Buyer")
    invoice = matched_bill(printed(order.lines.get(), 10, "3.00"), order=order, by=enterer)
    order.raised_by.groups.add(Group.objects.get(name="Buyer"))
    order.raised_by.is_staff = True
    order.raised_by.save()

    (raisers,) = cards(browser_of(order.raised_by).get(desk(invoice)))
    (enterers,) = cards(browser_of(enterer).get(desk(invoice)))

    assert raisers.why_not == "You raised the order: somebody else has to decide."
    assert enterers.why_not == "You entered this invoice: somebody else has to decide."


def test_accepting_is_closed_beyond_the_persons_limit_other_decisions_are_not():
    DecisionLimitFactory(group=Group.objects.get(name="Buyer"), amount=Decimal(4))
    invoice = dear_bill()
    invoice.exceptions.update(at_stake=5)

    (card,) = cards(browser_of(person_in("Buyer")).get(desk(invoice)))

    assert [bool(choice.why_not) for choice in card.choices] == [True, False, False, False, False]
    assert card.choices[0].why_not == "Accepting costs more than you may accept (4.00 GBP)."


@pytest.mark.parametrize("role", ["Support", "Back office"])
def test_page_is_closed_to_who_sees_no_invoices(role):
    assert browser_of(person_in(role)).get(desk(dear_bill())).status_code == 403


def test_page_of_no_bill_is_not_found():
    url = reverse("admin:purchasing_supplierinvoice_desk", args=[404])

    assert browser_of(person_in("Accountant")).get(url).status_code == 404


def test_decision_stays_on_the_bill_while_more_is_to_be_decided_there():
    invoice = dear_bill()
    more = MatchExceptionFactory(invoice=invoice, kind="TERMS", owner="Buyer")

    answer = browser_of(person_in("Buyer")).post(desk(invoice), decision(difference(invoice)))

    assert answer.url == desk(invoice, f"#difference-{more.pk}")
    assert difference(invoice).status == "ACCEPTED"


def test_decision_leads_to_the_next_bill_of_the_queue_that_was_looked_at():
    first, second, third = (dear_bill() for _ in range(3))
    query = "?role=Buyer&age=month"
    MatchException.objects.update(raised_at=NOON.replace(year=2025))
    browser = browser_of(person_in("Buyer"))
    page = browser.get(desk(second, query))
    assert page.context["decide_url"] == desk(second, f"{query}&next={third.pk}")

    answer = browser.post(page.context["decide_url"], decision(difference(second)))

    second.refresh_from_db()
    assert answer.url == desk(third, query)
    assert second.status == "MATCHED"
    assert said(answer) == [f"Unit price of {second.number}: accepted."]
    assert difference(first).status == "OPEN"


def test_next_bill_that_was_decided_meanwhile_is_passed_over():
    first, second, third = (dear_bill() for _ in range(3))
    buyer = person_in("Buyer")
    operations.decide_exception(
        exception_id=difference(third).pk, decision="ACCEPTED", reason="Fine", at=NOON, by=buyer
    )

    answer = browser_of(buyer).post(desk(second, f"?next={third.pk}"), decision(difference(second)))

    assert answer.url == desk(first)


def test_last_decision_leads_back_to_the_queue():
    invoice = dear_bill()

    answer = browser_of(person_in("Buyer")).post(
        desk(invoice, "?role=Buyer"), decision(difference(invoice), "DISPUTED")
    )

    assert answer.url == f"{reverse('admin:purchasing_supplierinvoice_queue')}?role=Buyer"
    assert difference(invoice).status == "DISPUTED"


def test_decision_sent_twice_counts_once_and_says_that_it_is_decided():
    invoice = dear_bill()
    exception, browser = difference(invoice), browser_of(person_in("Buyer"))
    browser.post(desk(invoice), decision(exception))

    again = browser.post(desk(invoice), decision(exception, "DISPUTED", "Too dear"))

    exception.refresh_from_db()
    assert (exception.status, exception.reason) == ("ACCEPTED", "Agreed on the phone")
    assert invoice.exceptions.count() == 1
    assert "accepted already" in said(again)[-1]
    assert again.status_code == 200


def test_page_that_is_stale_says_what_was_decided_meanwhile():
    invoice = dear_bill()
    exception = difference(invoice)
    operations.decide_exception(
        exception_id=exception.pk,
        decision="CREDIT_ASKED",
        reason="They promised one",
        at=NOON,
        by=person_in("Manager"),
    )

    answer = browser_of(person_in("Buyer")).post(desk(invoice), decision(exception))

    (card,) = cards(answer)
    assert "credit asked for already" in said(answer)[0]
    assert (card.is_open, card.still_blocks) == (False, True)
    assert "They promised one" in answer.text


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [({"reason": " "}, "Say why"), ({"decision": "PAY_TWICE"}, "is no decision")],
)
def test_refused_decision_keeps_what_was_typed(sent, complaint):
    invoice = dear_bill()
    exception = difference(invoice)

    answer = browser_of(person_in("Buyer")).post(desk(invoice), decision(exception) | sent)

    (card,) = cards(answer)
    assert complaint in said(answer)[0]
    assert card.reason == sent.get("reason", "Agreed on the phone")
    assert difference(invoice).status == "OPEN"


def test_difference_of_another_bill_is_not_found():
    invoice, other = dear_bill(), dear_bill()

    answer = browser_of(person_in("Buyer")).post(desk(invoice), decision(difference(other)))

    assert answer.status_code == 404
    assert difference(other).status == "OPEN"


@pytest.mark.parametrize("sent", [{}, {"exception": "x"}])
def test_form_that_names_no_difference_is_not_found(sent):
    assert browser_of(person_in("Buyer")).post(desk(dear_bill()), sent).status_code == 404


def test_roles_that_decide_nothing_cannot_post():
    invoice = dear_bill()

    answer = browser_of(person_in("Auditor")).post(desk(invoice), decision(difference(invoice)))

    assert answer.status_code == 403
    assert difference(invoice).status == "OPEN"


def test_what_waits_for_a_credit_can_be_decided_again():
    invoice = dear_bill()
    exception, browser = difference(invoice), browser_of(person_in("Buyer"))
    browser.post(desk(invoice), decision(exception, "CREDIT_ASKED"))

    answer = browser.post(desk(invoice), {"exception": exception.pk, "reconsider": "1"})
    refused = browser.post(desk(invoice), {"exception": exception.pk, "reconsider": "1"})

    again = invoice.exceptions.get(status="OPEN")
    assert answer.url == desk(invoice, f"#difference-{again.pk}")
    assert "does not wait" in said(refused)[-1]
    assert invoice.exceptions.count() == 2


def test_acts_are_forms_in_place_for_who_may_and_say_why_not_to_others():
    order = sent_order(units=[10])
    delivery(order)
    invoice = matched_bill(order=order)

    offered = {
        role: {
            offer.act.name: bool(offer.form)
            for offer in browser_of(person_in(role)).get(desk(invoice)).context["acts"]
        }
        for role in ("Accountant", "Manager", "Warehouse")
    }

    assert offered == {
        "Accountant": {"approve": False, "match": True, "void": True},
        "Manager": {"approve": True, "match": False, "void": True},
        "Warehouse": {"approve": False, "match": False, "void": False},
    }


def test_approving_at_the_desk_leads_to_the_next_bill_to_approve():
    orders = [sent_order(units=[10]) for _ in range(2)]
    for order in orders:
        delivery(order)
    first, second = (matched_bill(order=order) for order in orders)
    browser = browser_of(person_in("Manager"))
    page = browser.get(desk(first, "?state=matched"))
    (approve,) = [offer for offer in page.context["acts"] if offer.act.name == "approve"]

    answer = browser.post(approve.url, {"key": "k"})
    again = browser.post(approve.url, {"key": "k"})

    first.refresh_from_db()
    assert first.status == "APPROVED"
    assert answer.url == desk(second, "?state=matched")
    assert again.url == desk(first, "?state=matched")
    assert "not possible" in said(again)[-1]


def test_act_that_leaves_the_bill_where_it_waits_comes_back_to_it():
    invoice = dear_bill()
    browser = browser_of(person_in("Accountant"))
    page = browser.get(desk(invoice, "?role=Buyer"))
    (match,) = [offer for offer in page.context["acts"] if offer.act.name == "match"]

    answer = browser.post(match.url, {"key": "k"})

    assert answer.url == desk(invoice, "?role=Buyer")


def test_acts_of_the_plain_page_still_lead_back_to_it():
    invoice = dear_bill()
    url = reverse("admin:purchasing_supplierinvoice_act", args=[invoice.pk, "match"])

    answer = browser_of(person_in("Accountant")).post(url, {"key": "k"})

    assert answer.url == reverse("admin:purchasing_supplierinvoice_change", args=[invoice.pk])


def test_plain_page_leads_to_the_desk():
    invoice = dear_bill()
    url = reverse("admin:purchasing_supplierinvoice_download", args=[invoice.pk, "desk"])

    browser = browser_of(person_in("Accountant"))

    assert browser.get(url).url == desk(invoice)
    assert (
        "At the desk"
        in browser.get(reverse("admin:purchasing_supplierinvoice_change", args=[invoice.pk])).text
    )


@pytest.mark.parametrize(
    ("printed_iban", "known", "expected", "is_bad"),
    [
        ("", "DE89370400440532013000", "None printed; paid to the supplier's own", False),
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "the supplier's own", False),
        ("GB33BUKB20201555555555", "DE89370400440532013000", "the supplier's own is", True),
        ("GB33BUKB20201555555555", "", "not known", True),
    ],
)
def test_account_of_the_document_is_held_beside_the_suppliers(
    printed_iban, known, expected, is_bad
):
    invoice = SupplierInvoiceFactory(iban=printed_iban, supplier__iban=known)

    page = browser_of(person_in("Accountant")).get(desk(invoice))

    (account,) = [fact for fact in page.context["facts"] if fact.label == "Account"]
    assert expected in account.text
    assert account.is_bad is is_bad


def test_timeline_tells_every_step_with_its_person():
    invoice = dear_bill()
    buyer = person_in("Buyer", first_name="Ben", last_name="Buyer")
    browser = browser_of(buyer)
    browser.post(desk(invoice), decision(difference(invoice), "DISPUTED", "They promised 2.50"))

    page = browser.get(desk(invoice))

    assert "Difference decided" in page.text
    assert "They promised 2.50" in page.text
    assert page.text.index("Difference decided") > page.text.index("What happened")


def test_page_may_load_nothing_from_elsewhere_and_stands_in_no_frame():
    answer = browser_of(person_in("Buyer")).get(desk(dear_bill()))

    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("count", [1, 3])
def test_page_takes_the_same_queries_however_long_the_bill(count, django_assert_num_queries):
    order = sent_order(units=[10] * count, unit_cost="2.50")
    lines = list(order.lines.order_by("pk"))
    for _ in range(count):
        delivery(order, [3] * count)
        matched_bill(*(printed(line, 1, "2.50") for line in lines), order=order)
    invoice = matched_bill(*(printed(line, 3, "3.00") for line in lines), order=order)
    for number in range(count):
        MatchExceptionFactory(invoice=invoice, kind="TAX", subject=str(number), owner="Accountant")
        InvoiceStep.objects.create(invoice=invoice, kind="NOTED", happened_at=NOON)
    assert invoice.exceptions.count() >= 2 * count
    browser = browser_of(person_in("Accountant"))
    browser.get(desk(invoice))

    with django_assert_num_queries(19):
        browser.get(desk(invoice))


def test_bill_that_was_never_matched_shows_its_lines_as_printed():
    order = sent_order(units=[10])
    invoice = bill(order=order)

    page = browser_of(person_in("Accountant")).get(desk(invoice))

    (row,) = page.context["rows"]
    assert row.comparison.order_line is None
    assert "on no order" in page.text
    assert SupplierInvoice.objects.get().status == "CAPTURED"


def test_line_on_no_order_is_assigned_in_place_and_matched_anew():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    (order_line,) = order.lines.all()
    unknown = printed(order_line, 10, "2.50", supplier_sku="X-9", order_number="")
    invoice = matched_bill(unknown, order=order)
    browser = browser_of(person_in("Accountant"))
    (row,) = browser.get(desk(invoice)).context["rows"]
    written = f"{order.number}/{order_line.position}"
    sent = {"key": "k", "invoice_line": row.line.pk}

    refused = browser.post(row.assigning.url, sent | {"order_line": "PO-1/99"})
    answer = browser.post(row.assigning.url, sent | {"order_line": ["", written]})
    browser.post(row.assigning.url, sent | {"order_line": ["", written]})

    invoice.refresh_from_db()
    assert "There is no order line" in refused.text
    assert answer.status_code == 302
    assert invoice.status == "MATCHED"
    assert invoice.lines.get().assigned_line == order_line
    assert invoice.steps.filter(kind="ASSIGNED").count() == 1
