"""An order given at the desk: what it comes to is shown, then placed or refused whole."""

from decimal import Decimal

import pytest
from django.urls import reverse

from catalog.models import Barcode, Price, PriceList
from channels.models import Channel
from customers.models import Customer
from customers.operations import Buyer, PostalAddress, identify, record_address
from orders.models import Order, Pickup
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_pickups import pickup_place
from tests.orders.books import books
from tests.people import browser_of, confirm, superuser

pytestmark = pytest.mark.django_db

NEW = reverse("admin:orders_order_page_act", args=["new"])
SENT = {
    "delivery": "SHIP", "name": "Grace Hopper", "email": "grace@example.com",
    "street": "1 Navy Yard", "postcode": "W1", "city": "London", "country": "gb",
}  # fmt: skip


@pytest.fixture
def browser():
    return browser_of(superuser())


@pytest.fixture
def desk():
    return ChannelFactory(kind=Channel.Kind.MANUAL, name="Telephone")


def priced(desk, variant, price, *, name="Retail", quantity=1, priority=0):
    price_list, _ = PriceList.objects.get_or_create(
        code=name.lower(), defaults={"name": name, "currency": "GBP", "priority": priority}
    )
    desk.price_lists.add(price_list)
    Price.objects.create(
        variant=variant,
        price_list=price_list,
        unit_price=Decimal(price),
        min_quantity=quantity,
    )


def form(desk, *skus, **values) -> dict[str, object]:
    lines = {f"sku_{row}": sku for row, sku in enumerate(skus)}
    return {"key": "form-1", "channel": desk.pk, **SENT, **lines, **values}


def planned(browser, data) -> list[str]:
    """Send the form once; return what the page says will happen."""
    return list(browser.post(NEW, data).context["plan"])


def errors(browser, data) -> dict[str, list[str]]:
    return dict(browser.post(NEW, data).context["form"].errors)


def test_plan_names_the_price_list_that_won_and_the_total(browser, desk):
    pen, ink = (stock(reference=f"GR-{n}") for n in range(2))
    priced(desk, pen.variant, "8.40")
    priced(desk, pen.variant, "7.00", name="Wholesale", quantity=10, priority=5)
    before = books()

    plan = planned(
        browser,
        form(desk, pen.variant.sku, ink.variant.sku, pieces_0=10, pieces_1=2, price_1="1.50"),
    )

    assert plan[0] == "Grace Hopper orders on Telephone:"
    assert plan[1].startswith(f"10 of {pen.variant}, 7.00 GBP each by Wholesale: 70.00 GBP.")
    assert "Retail has the lower priority 0." in plan[1]
    assert plan[2] == f"2 of {ink.variant}, 1.50 GBP each as given: 3.00 GBP."
    assert plan[3] == "In all 73.00 GBP."
    assert plan[4] == "It is sent to Grace Hopper, 1 Navy Yard, W1, London, GB."
    assert books() == before


def test_every_shortage_is_named_before_and_nothing_kept(browser, desk):
    pen, ink, cap = (stock(units=2, reference=f"GR-{n}") for n in range(3))
    skus = [level.variant.sku for level in (pen, ink, cap)]
    prices = {f"price_{row}": "1" for row in range(3)}
    before = books()

    response = browser.post(NEW, form(desk, *skus, **prices, pieces_0=5, pieces_1=3, pieces_2=2))

    [message] = [str(message) for message in response.context["messages"]]
    assert message == f"Not enough stock, missing 3 of {skus[0]}, 1 of {skus[1]}."
    assert books() == before


def test_stock_elsewhere_does_not_help_an_order_to_be_collected(browser, desk):
    elsewhere = stock(units=9)
    here = stock(units=1, variant=elsewhere.variant, location=pickup_place(), reference="GR-2")
    data = form(desk, here.variant.sku, pieces_0=2, price_0="5")
    data |= {"delivery": "PICKUP", "pickup_location": here.location_id}

    response = confirm(browser, NEW, data)

    assert f"missing 1 of {here.variant.sku}." in response.content.decode()
    assert not Order.objects.exists()


def test_every_article_without_a_price_is_named(browser, desk):
    pen, ink = (stock(reference=f"GR-{n}").variant for n in range(2))

    response = browser.post(NEW, form(desk, pen.sku, ink.sku))

    [message] = [str(message) for message in response.context["messages"]]
    assert message == f"Telephone has no price for {', '.join(sorted([pen.sku, ink.sku]))}."


def test_order_to_be_collected_is_placed(browser, desk):
    level = stock(location=pickup_place(name="High Street"))
    data = form(desk, level.variant.sku, price_0="5", collector="Alan", is_curbside="on")
    data |= {"delivery": "PICKUP", "pickup_location": level.location_id, "street": ""}

    plan = planned(browser, data)
    confirm(browser, NEW, data)

    order = Order.objects.get()
    pickup = Pickup.objects.get(order=order)
    assert plan[-1] == "It is collected at High Street by Alan, who waits outside."
    assert (order.delivery, order.pickup_location, order.delivery_address) == (
        "PICKUP",
        level.location,
        None,
    )
    assert (pickup.collector_name, pickup.is_curbside) == ("Alan", True)
    assert (order.lifecycle, order.customer.name) == ("CONFIRMED", "Grace Hopper")


def test_who_collects_is_who_orders(browser, desk):
    level = stock(location=pickup_place())
    data = form(desk, level.variant.sku, price_0="5")
    confirm(browser, NEW, data | {"delivery": "PICKUP", "pickup_location": level.location_id})

    assert Pickup.objects.get().collector_name == "Grace Hopper"


def test_form_says_what_is_needed(browser, desk):
    sku = stock().variant.sku
    nobody = form(desk, sku, price_0="5", name="")
    nowhere = form(desk, sku, price_0="5", street="", country="")
    no_place = form(desk, sku, price_0="5", delivery="PICKUP")

    assert errors(browser, nobody) == {"name": ["Needed."]}
    assert errors(browser, nowhere) == {"street": ["Needed."], "country": ["Needed."]}
    assert errors(browser, no_place) == {"pickup_location": ["Needed."]}
    assert errors(browser, form(desk)) == {"__all__": ["Give at least one article."]}
    sends_only = form(desk, sku, price_0="5", delivery="PICKUP", pickup_location=1_000_000)
    assert set(errors(browser, sends_only)) == {"pickup_location"}


def test_place_where_nobody_collects_is_not_offered(browser, desk):
    shut, offered = LocationFactory(), pickup_place()

    choices = browser.get(NEW).context["form"].fields["pickup_location"].queryset

    assert (shut in choices, offered in choices) == (False, True)


def known(desk, *, email="ada@example.com", name="Ada Lovelace", street="") -> Customer:
    buyer = Buyer(email=email, name=name, phone="+44 20 7946 0000")
    customer = identify(channel_code=desk.code, buyer=buyer, at=NOON)
    if street:
        address = PostalAddress(name=name, street=street, postcode="N1", city="York", country="GB")
        record_address(customer=customer, address=address, at=NOON)
    return customer


@pytest.mark.parametrize("said", ["ADA@example.com", "+44 20 79460000", "ada lovelace"])
def test_known_customer_is_found_and_gets_it_where_they_had_it_last(browser, desk, said):
    customer = known(desk, street="2 Long Lane")
    nothing_typed = dict.fromkeys(("name", "email", "street", "postcode", "city", "country"), "")
    data = form(desk, stock().variant.sku, price_0="5", customer=said) | nothing_typed

    plan = planned(browser, data)
    confirm(browser, NEW, data)

    order = Order.objects.get()
    assert plan[0] == "Ada Lovelace orders on Telephone:"
    assert plan[-1] == "It is sent to Ada Lovelace, 2 Long Lane, N1, York, GB."
    assert (order.customer, order.delivery_address.street) == (customer, "2 Long Lane")
    assert Customer.objects.count() == 1


def test_known_customer_may_have_it_sent_elsewhere(browser, desk):
    customer = known(desk, street="2 Long Lane")
    data = form(desk, stock().variant.sku, price_0="5", customer="ada@example.com", name="")

    confirm(browser, NEW, data)

    order = Order.objects.get()
    assert (order.customer, order.delivery_address.street) == (customer, "1 Navy Yard")
    assert order.delivery_address.name == "Ada Lovelace"


def test_customer_who_is_not_known_or_not_alone_is_asked_for_again(browser, desk):
    known(desk), known(desk, email="other@example.com")
    sku = stock().variant.sku

    nobody = errors(browser, form(desk, sku, price_0="5", customer="nobody@example.com"))
    several = errors(browser, form(desk, sku, price_0="5", customer="Ada Lovelace"))

    assert nobody == {"customer": ["Nobody is known by that."]}
    [words] = several["customer"]
    assert words.startswith("Several customers are: Ada Lovelace, Ada Lovelace.")


def test_articles_are_scanned_and_a_box_counts_its_units(browser, desk):
    variant = VariantFactory()
    stock(variant=variant, units=30)
    Barcode.objects.create(variant=variant, code="BOX-OF-6", pack_size=6)

    confirm(browser, NEW, form(desk, "BOX-OF-6", pieces_0=2, price_0="1"))

    assert Order.objects.get().lines.get().ordered == 12


def test_form_sent_twice_places_one_order_even_when_nothing_is_left(browser, desk):
    data = form(desk, stock(units=2).variant.sku, pieces_0=2, price_0="5")
    confirm(browser, NEW, data)

    response = browser.post(NEW, data, follow=True)

    order = Order.objects.get()
    assert [str(message) for message in response.context["messages"]] == [
        f"{order} is placed and everything is promised."
    ]
