"""The practice shop's year, shortened to two months."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Product, Variant
from channels.models import Channel
from inventory.models import Location, StockCount, Transfer
from orders.models import (
    ChannelConflict,
    Fulfillment,
    Order,
    OrderHold,
    Pickup,
    Refund,
    RegisterDay,
    Return,
    StoreReceipt,
)
from purchasing.models import (
    Delivery,
    DeliverySlip,
    LandedCost,
    OrderedFor,
    PurchaseOrder,
    ReplenishmentFault,
    ReplenishmentProposal,
    Supplier,
    SupplierInvoice,
    SupplierProduct,
    SupplierReturn,
)
from retail.common.models import ImportRun, User
from retail.demo import story


@pytest.fixture
def short_story(monkeypatch, settings, tmp_path):
    monkeypatch.setattr(story, "DAYS", 60)
    monkeypatch.setattr(story, "ORDERS", 100)
    settings.DEMO_DIR = tmp_path
    settings.RETAIL_SHOP_NAME = "Hearth and Home"
    settings.RETAIL_TAX_NUMBER = "GB980780684"
    settings.RETAIL_IBAN, settings.RETAIL_BIC = "GB33BUKB20201555555555", "BUKBGB22"


@pytest.mark.django_db(transaction=True)
def test_demo_is_loaded_through_the_acts_and_agrees_with_its_ledgers(short_story):
    call_command("load_demo", stdout=StringIO())

    counted = {
        model: model.objects.count()
        for model in (Product, Variant, Location, Channel, Supplier, SupplierProduct, Order)
    }
    assert counted == {
        Product: 301,
        Variant: 646,
        Location: 5,
        Channel: 4,
        Supplier: 6,
        SupplierProduct: 645,
        # Four to be collected, three rung up at a till and two that wait for goods this morning.
        Order: 109,
    }
    assert not SupplierProduct.objects.filter(variant=None).exists()
    # Every file is in, but for this morning's, which a guard stops.
    stopped = ImportRun.objects.exclude(status="DONE").get()
    assert [guard["code"] for guard in stopped.report["guards"]] == ["large_changes"]
    call_command("check_integrity", stdout=StringIO())
    # Something waits at every desk.
    held = set(OrderHold.objects.open().values_list("kind", flat=True))
    orders = set(PurchaseOrder.objects.values_list("status", flat=True))
    assert {"UNKNOWN_ITEM", "PRICE_MISMATCH", "NO_BUYER"} <= held
    assert {"DRAFT", "AWAITING_APPROVAL", "CLOSED"} <= orders
    assert SupplierInvoice.objects.exists()
    assert ReplenishmentProposal.objects.filter(status="OPEN").exists()
    assert not ReplenishmentFault.objects.exists()
    assert OrderedFor.objects.filter(purchase_line__order__status="DRAFT").exists()
    assert DeliverySlip.objects.filter(seen_at=None).exists()
    unloading = Delivery.objects.get(status="OPEN")
    assert unloading.lines.filter(order_line=None, accepted=2).exists()
    assert unloading.lines.filter(rejected=1).exists()
    assert SupplierReturn.objects.get().status == "DRAFT"
    transfers = set(Transfer.objects.values_list("status", flat=True))
    counts = set(StockCount.objects.values_list("status", flat=True))
    assert {"DRAFT", "DISPATCHED", "RECEIVED"} <= transfers
    assert {"AWAITING_APPROVAL", "POSTED"} <= counts
    assert {"DRAFT", "POSTED"} <= set(LandedCost.objects.values_list("status", flat=True))
    assert {"PICKING", "PACKED", "READY", "SHIPPED", "COLLECTED"} == set(
        Fulfillment.objects.values_list("status", flat=True)
    )
    assert {"REQUESTED", "APPROVED", "RECEIVED", "CLOSED"} == set(
        Return.objects.values_list("status", flat=True)
    )
    assert set(Pickup.objects.values_list("status", flat=True)) == {"WAITING", "READY", "COLLECTED"}
    assert Refund.objects.get().status == "SETTLED"
    assert ChannelConflict.objects.open().exists()
    assert StoreReceipt.objects.count() == RegisterDay.objects.get().stated_receipts - 1
    assert User.objects.filter(groups__isnull=False).distinct().count() == 8


@pytest.mark.django_db
def test_demo_is_not_loaded_over_a_shop(short_story):
    Channel.objects.create(code="own", name="Own", kind=Channel.Kind.MANUAL, currency="GBP")

    with pytest.raises(CommandError, match="holds a shop already"):
        call_command("load_demo", stdout=StringIO())

    assert not Product.objects.exists()


@pytest.mark.django_db
def test_demo_is_not_loaded_in_production(short_story, settings):
    settings.RETAIL_DEMO = False

    with pytest.raises(CommandError, match="no demo"):
        call_command("load_demo", stdout=StringIO())

    assert not Channel.objects.exists()
