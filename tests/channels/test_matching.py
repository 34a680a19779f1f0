"""Which variant of ours a channel means."""

from decimal import Decimal

import pytest

from channels.connectors.base import IncomingLine
from channels.models import Listing
from channels.operations import ResolvedLine, resolve_variants
from tests.factories.catalog import BarcodeFactory, VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory

GTIN = "4006381333931"

pytestmark = pytest.mark.django_db


def line(**changes) -> IncomingLine:
    said = {"external_line_id": "1", "quantity": 1, "unit_price": Decimal(1), "total": Decimal(1)}
    return IncomingLine(**said, **changes)


def resolve(channel, *lines: IncomingLine) -> list[ResolvedLine]:
    return resolve_variants(channel=channel, lines=lines)


def test_listing_decides_before_sku_and_gtin():
    listing = ListingFactory(pack_size=6)
    VariantFactory(sku="OTHER", gtin=GTIN)

    [resolved] = resolve(
        listing.channel,
        line(external_product_id=listing.external_product_id, sku="OTHER", gtin=GTIN),
    )

    assert resolved == ResolvedLine(variant_id=listing.variant_id, pack_size=6)


def test_listing_of_another_variant_of_the_product_does_not_decide():
    listing = ListingFactory(external_variant_id="red")

    [resolved] = resolve(
        listing.channel,
        line(external_product_id=listing.external_product_id, external_variant_id="blue"),
    )

    assert resolved.variant_id is None


def test_listing_of_another_channel_does_not_decide():
    listing = ListingFactory()

    [resolved] = resolve(ChannelFactory(), line(external_product_id=listing.external_product_id))

    assert resolved.variant_id is None


@pytest.mark.parametrize("said", ["MUG-1", "mug-1", "  Mug-1 "])
def test_sku_is_found_whatever_its_case(said):
    mug = VariantFactory(sku="Mug-1")

    assert resolve(ChannelFactory(), line(sku=said)) == [ResolvedLine(variant_id=mug.pk)]


@pytest.mark.parametrize("said", ["0036000291452", "036000291452", "00036000291452"])
def test_gtin_is_found_however_many_zeros_are_in_front(said):
    variant = VariantFactory(gtin="036000291452")

    assert resolve(ChannelFactory(), line(gtin=said)) == [ResolvedLine(variant_id=variant.pk)]


def test_gtin_of_a_barcode_brings_its_pack_size():
    barcode = BarcodeFactory(code=GTIN, pack_size=12)

    [resolved] = resolve(ChannelFactory(), line(gtin=GTIN))

    assert resolved == ResolvedLine(variant_id=barcode.variant_id, pack_size=12)


def test_gtin_that_two_variants_have_finds_neither():
    VariantFactory(gtin=GTIN)
    BarcodeFactory(code=f"0{GTIN}")

    assert resolve(ChannelFactory(), line(gtin=GTIN)) == [ResolvedLine(variant_id=None)]


def test_gtin_with_a_wrong_check_digit_finds_nothing():
    wrong = "4006381333932"
    BarcodeFactory(code=wrong)

    assert resolve(ChannelFactory(), line(gtin=wrong)) == [ResolvedLine(variant_id=None)]


def test_sku_and_gtin_that_disagree_find_nothing():
    """The channel gave an old SKU to another article: better ask than send the wrong goods."""
    VariantFactory(sku="MUG")
    VariantFactory(gtin=GTIN)

    assert resolve(ChannelFactory(), line(sku="MUG", gtin=GTIN)) == [ResolvedLine(variant_id=None)]


@pytest.mark.parametrize("damaged", ["4.00638E+12", "4,00638e+12"])
def test_sku_that_a_spreadsheet_damaged_finds_nothing(damaged):
    VariantFactory(sku=damaged)

    assert resolve(ChannelFactory(), line(sku=damaged)) == [ResolvedLine(variant_id=None)]


def test_line_that_names_nothing_finds_nothing():
    assert resolve(ChannelFactory(), line()) == [ResolvedLine(variant_id=None)]
    assert not Listing.objects.exists()


def test_find_by_sku_is_written_down_so_that_the_ids_decide_from_then_on():
    channel, mug = ChannelFactory(), VariantFactory(sku="MUG")
    sold = line(external_product_id="p", external_variant_id="v", sku="MUG", name="A mug")

    resolve(channel, sold)
    resolve(channel, sold)
    mug.sku = "CUP"
    mug.save()
    [resolved] = resolve(channel, sold)

    listing = Listing.objects.get()
    assert resolved.variant_id == mug.pk
    assert (listing.external_product_id, listing.external_variant_id) == ("p", "v")
    assert (listing.external_sku, listing.title) == ("MUG", "A mug")
    assert (listing.variant_id, listing.status) == (mug.pk, Listing.Status.PUBLISHED)


def test_find_on_a_line_without_ids_writes_no_listing():
    VariantFactory(sku="MUG")

    resolve(ChannelFactory(), line(sku="MUG"))

    assert not Listing.objects.exists()


def test_find_links_the_listing_that_was_waiting_for_it():
    listing = ListingFactory(variant=None, status=Listing.Status.UNLINKED)
    mug = VariantFactory(sku="MUG")

    resolve(listing.channel, line(external_product_id=listing.external_product_id, sku="MUG"))

    listing.refresh_from_db()
    assert (listing.variant_id, listing.status) == (mug.pk, Listing.Status.PUBLISHED)


def test_ignored_listing_stays_unknown_whatever_the_sku_says():
    listing = ListingFactory(variant=None, status=Listing.Status.IGNORED)
    VariantFactory(sku="MUG")

    [resolved] = resolve(
        listing.channel, line(external_product_id=listing.external_product_id, sku="MUG")
    )

    assert resolved.variant_id is None
    listing.refresh_from_db()
    assert listing.status == Listing.Status.IGNORED


def test_lines_come_back_in_their_order():
    mug, plate = VariantFactory(sku="MUG"), VariantFactory(sku="PLATE")

    resolved = resolve(
        ChannelFactory(), line(sku="PLATE"), line(sku="?"), line(sku="MUG"), line(sku="PLATE")
    )

    assert [each.variant_id for each in resolved] == [plate.pk, None, mug.pk, plate.pk]


@pytest.mark.parametrize("count", [1, 3, 30])
def test_queries_do_not_grow_with_the_lines(count, django_assert_num_queries):
    channel = ChannelFactory()
    lines = [
        line(external_product_id=f"p{number}", sku=variant.sku, gtin=GTIN)
        for number, variant in enumerate(VariantFactory.create_batch(count))
    ]

    # Listings, SKUs, GTINs, barcodes; the new listings in one insert.
    with django_assert_num_queries(5):
        resolve(channel, *lines)

    assert Listing.objects.count() == count
