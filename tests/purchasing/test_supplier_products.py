"""What becomes of suppliers' articles that are none of ours yet."""

import pytest

from catalog.models import Product, Variant
from catalog.operations import CodeTaken
from purchasing import operations
from purchasing.models import SupplierProduct
from purchasing.operations import AlreadyLinked, ArticleOfOtherGtin, ProposalDeclined
from purchasing.queries import link_suggestions, proposed_sku
from tests.factories.catalog import BarcodeFactory, TaxClassFactory, VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, SupplierProductFactory

pytestmark = pytest.mark.django_db
GTIN, OTHER_GTIN = "4006381333931", "4003994155486"


def proposal(**values):
    return SupplierProductFactory(variant=None, **values)


def stored(product):
    return SupplierProduct.objects.get(pk=product.pk)


def test_link_makes_a_proposal_one_of_ours_once():
    product, variant = proposal(), VariantFactory()

    for _ in range(2):
        operations.link_supplier_product(product_id=product.pk, variant_id=variant.pk)

    assert stored(product).variant == variant
    assert product.events.count() == 1


def test_link_to_another_article_is_refused_until_it_is_unlinked():
    product, variant = SupplierProductFactory(), VariantFactory()

    with pytest.raises(AlreadyLinked, match="unlink it first"):
        operations.link_supplier_product(product_id=product.pk, variant_id=variant.pk)
    assert stored(product).variant == product.variant

    for _ in range(2):
        operations.unlink_supplier_product(product_id=product.pk)
    assert stored(product).variant is None
    operations.link_supplier_product(product_id=product.pk, variant_id=variant.pk)
    assert stored(product).variant == variant


def test_link_to_an_article_of_another_gtin_needs_a_person_who_says_so():
    product, variant = proposal(gtin=OTHER_GTIN), VariantFactory(gtin=GTIN)

    with pytest.raises(ArticleOfOtherGtin, match="may be another article"):
        operations.link_supplier_product(product_id=product.pk, variant_id=variant.pk)
    assert stored(product).variant is None

    operations.link_supplier_product(
        product_id=product.pk, variant_id=variant.pk, accepts_other_gtin=True
    )
    assert stored(product).variant == variant


def test_link_takes_zeros_in_front_for_the_same_gtin():
    product, variant = proposal(gtin="0" + GTIN), VariantFactory(gtin=GTIN)

    operations.link_supplier_product(product_id=product.pk, variant_id=variant.pk)

    assert stored(product).variant == variant


def test_create_makes_a_draft_of_a_proposal_once():
    product, tax_class = proposal(gtin=GTIN, name="Pencil HB"), TaxClassFactory()

    first, second = (
        operations.create_article_from(
            product_id=product.pk, sku="PENCIL", name="Pencil", tax_class=tax_class, at=NOON
        )
        for _ in range(2)
    )

    assert first == second == stored(product).variant
    assert (first.gtin, first.tax_class, first.product.status) == (GTIN, tax_class, "DRAFT")
    assert Product.objects.count() == 1


def test_create_leaves_the_gtin_out_when_told_so():
    product = proposal(gtin=GTIN)

    variant = operations.create_article_from(
        product_id=product.pk, sku="BOX", name="Box of pencils", takes_gtin=False, at=NOON
    )

    assert variant.gtin is None


def test_create_is_refused_for_a_code_that_is_ours_and_leaves_nothing():
    product = proposal(gtin=GTIN)
    VariantFactory(gtin=GTIN)

    with pytest.raises(CodeTaken, match="GTIN"):
        operations.create_article_from(product_id=product.pk, sku="NEW", name="Pencil", at=NOON)

    assert stored(product).variant is None
    assert Variant.objects.count() == 1


def test_create_is_refused_for_what_is_one_of_ours():
    product = SupplierProductFactory()

    with pytest.raises(AlreadyLinked):
        operations.create_article_from(product_id=product.pk, sku="NEW", name="Pencil", at=NOON)

    assert Variant.objects.count() == 1


def test_decline_keeps_who_said_it_first_and_can_be_taken_back():
    product, first, second = proposal(), UserFactory(), UserFactory()

    for person in (first, second):
        operations.decline_supplier_product(product_id=product.pk, at=NOON, by=person)
    assert (stored(product).declined_at, stored(product).declined_by) == (NOON, first)

    for _ in range(2):
        operations.propose_again(product_id=product.pk)
    assert (stored(product).declined_at, stored(product).declined_by) == (None, None)


def test_decline_is_refused_for_what_is_one_of_ours():
    product = SupplierProductFactory()

    with pytest.raises(AlreadyLinked):
        operations.decline_supplier_product(product_id=product.pk, at=NOON, by=UserFactory())

    assert stored(product).declined_at is None


def test_declined_is_neither_linked_nor_created():
    product, variant = proposal(declined_at=NOON), VariantFactory()

    with pytest.raises(ProposalDeclined, match="propose it again first"):
        operations.link_supplier_product(product_id=product.pk, variant_id=variant.pk)
    with pytest.raises(ProposalDeclined):
        operations.create_article_from(product_id=product.pk, sku="NEW", name="New", at=NOON)

    assert stored(product).variant is None
    assert Variant.objects.count() == 1


def test_link_by_gtin_links_what_only_one_article_of_ours_can_be():
    ours, supplier = VariantFactory(gtin=GTIN), SupplierFactory()
    same, with_zero = proposal(gtin=GTIN), proposal(gtin="0" + GTIN)
    declined = proposal(gtin=GTIN, declined_at=NOON)
    unknown, without = proposal(gtin=OTHER_GTIN), proposal()
    piece, pack = (proposal(gtin=GTIN, supplier=supplier) for _ in range(2))

    linked = operations.link_by_gtin()

    assert linked == {same.pk: ours.pk, with_zero.pk: ours.pk}
    assert [stored(one).variant for one in (same, with_zero)] == [ours, ours]
    assert [stored(one).variant for one in (declined, unknown, without, piece, pack)] == [None] * 5
    assert operations.link_by_gtin() == {}


def test_link_by_gtin_leaves_out_a_gtin_that_two_of_ours_have():
    VariantFactory(gtin=GTIN)
    VariantFactory(gtin="0" + GTIN)
    product = proposal(gtin=GTIN)

    assert operations.link_by_gtin() == {}
    assert stored(product).variant is None


def test_link_by_gtin_keeps_to_what_was_chosen():
    VariantFactory(gtin=GTIN)
    chosen, other = proposal(gtin=GTIN), proposal(gtin=GTIN)

    assert list(operations.link_by_gtin(product_ids=[chosen.pk])) == [chosen.pk]
    assert stored(other).variant is None


def test_link_by_gtin_costs_the_same_for_many(django_assert_num_queries):
    VariantFactory(gtin=GTIN)
    for _ in range(3):
        proposal(gtin=GTIN)

    with django_assert_num_queries(7):
        linked = operations.link_by_gtin()

    assert len(linked) == 3


def test_suggestions_name_the_surest_article_first():
    alike = VariantFactory(product__name="Pencil HB yellow box")
    by_sku = VariantFactory(sku="pen-7")
    by_barcode = BarcodeFactory(code="0" + GTIN, pack_size=12).variant
    by_gtin = VariantFactory(gtin=GTIN)
    VariantFactory(product__name="Teapot")
    product = proposal(gtin=GTIN, supplier_sku="PEN-7", name="pencil HB yellow")

    found = link_suggestions(product)

    assert [one.variant for one in found] == [by_gtin, by_barcode, by_sku, alike]
    assert [one.why for one in found[:3]] == [
        "has the same GTIN",
        "has the GTIN as a barcode, for 12 units",
        "has the supplier's SKU as its own",
    ]
    assert "of the name is alike" in found[3].why


def test_suggestions_of_an_article_that_is_like_none_are_empty():
    VariantFactory(product__name="Teapot")

    assert link_suggestions(proposal(name="")) == []
    assert link_suggestions(proposal(name="Screwdriver")) == []


def test_proposed_sku_is_the_suppliers_or_with_its_code_where_that_is_taken():
    supplier = SupplierFactory(code="potters")
    product = proposal(supplier=supplier, supplier_sku="pot-1")
    assert proposed_sku(product) == "pot-1"

    VariantFactory(sku="POT-1")
    assert proposed_sku(product) == "potters-pot-1"

    VariantFactory(sku="POTTERS-POT-1")
    assert proposed_sku(product) == ""
