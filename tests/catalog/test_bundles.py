"""Bundles are flat: what the database holds, and what the desk is told before it comes to that."""

from threading import Barrier

import pytest
from django.db import Error, IntegrityError, connection, transaction
from django.urls import reverse

from catalog.models import BundleComponent, Variant
from catalog.queries import components_of, stocked_for_bundles
from catalog.resources import ProductResource
from retail.common.constraints import refusal_text
from tests.factories.catalog import BundleComponentFactory, VariantFactory, bundle
from tests.people import browser_of, superuser
from tests.races import race

pytestmark = pytest.mark.django_db


def refused(sql, *parameters):
    """Return what is told of a refusal of a statement that goes past every line of Python."""
    with pytest.raises(Error) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return refusal_text(refusal.value)


def add_component(head, component):
    return refused(
        "INSERT INTO catalog_bundlecomponent (bundle_id, component_id, units) VALUES (%s, %s, 1)",
        head.pk,
        component.pk,
    )


def set_stocked(variant, is_stocked):
    return refused(
        "UPDATE catalog_variant SET is_stocked = %s WHERE id = %s", is_stocked, variant.pk
    )


def page_of(variant):
    return reverse("admin:catalog_variant_change", args=[variant.pk])


def form_of(variant, *components, **changes):
    """Return what the page of a variant sends: (component, units) as its new components."""
    values = {
        "product": variant.product_id, "sku": variant.sku, "base_unit": "piece",
        "is_active": "on", "is_stocked": "on" if variant.is_stocked else "",
        "components-TOTAL_FORMS": len(components), "components-INITIAL_FORMS": 0,
        "prices-TOTAL_FORMS": 0, "prices-INITIAL_FORMS": 0,
        "barcodes-TOTAL_FORMS": 0, "barcodes-INITIAL_FORMS": 0,
    }  # fmt: skip
    for position, (component, units) in enumerate(components):
        values |= {
            f"components-{position}-component": component.pk,
            f"components-{position}-units": units,
            f"components-{position}-bundle": variant.pk,
        }
    return {name: value for name, value in (values | changes).items() if value != ""}


def test_components_of_tells_bundles_only():
    pen, ink = VariantFactory(), VariantFactory()
    gift_set = bundle({pen: 2, ink: 1})

    assert components_of([gift_set.pk, pen.pk]) == {gift_set.pk: {pen.pk: 2, ink.pk: 1}}
    assert stocked_for_bundles([gift_set.pk, pen.pk, VariantFactory().pk]) == {
        gift_set.pk: False,
        pen.pk: True,
    }


def test_article_that_is_kept_in_stock_is_no_bundle():
    head = VariantFactory(sku="PEN")

    told = add_component(head, VariantFactory())

    assert told == "PEN is kept in stock, so it is no bundle."
    assert not BundleComponent.objects.exists()


def test_service_is_no_component():
    told = add_component(
        VariantFactory(is_stocked=False), VariantFactory(sku="WRAP", is_stocked=False)
    )

    assert told == "WRAP is not kept in stock, so it is no part of a bundle."


def test_bundle_is_no_component_of_another():
    inner = bundle({VariantFactory(): 1}, sku="INNER")

    told = add_component(VariantFactory(is_stocked=False), inner)

    assert told == "INNER is not kept in stock, so it is no part of a bundle."


def test_component_is_not_exchanged_for_a_bundle():
    row, inner = BundleComponentFactory(), bundle({VariantFactory(): 1}, sku="INNER")

    told = refused(
        "UPDATE catalog_bundlecomponent SET component_id = %s WHERE id = %s", inner.pk, row.pk
    )

    assert told == "INNER is not kept in stock, so it is no part of a bundle."


def test_bundle_gets_no_stock_of_its_own_later():
    gift_set = bundle({VariantFactory(): 1}, sku="SET")

    assert set_stocked(gift_set, True) == "SET is a bundle, so it has no stock of its own."


def test_component_stays_in_stock():
    pen = VariantFactory(sku="PEN")
    bundle({pen: 1})

    told = set_stocked(pen, False)

    assert told == "PEN is a component of a bundle, so it is kept in stock."


def test_bundle_without_components_may_be_kept_in_stock_again():
    gift_set = bundle({VariantFactory(): 1})
    gift_set.components.all().delete()

    Variant.objects.filter(pk=gift_set.pk).update(is_stocked=True)

    assert Variant.objects.get(pk=gift_set.pk).is_stocked


def test_desk_makes_a_bundle():
    gift_set, pen, ink = VariantFactory(is_stocked=False), VariantFactory(), VariantFactory()
    browser = browser_of(superuser())

    answer = browser.post(page_of(gift_set), form_of(gift_set, (pen, 2), (ink, 1)))

    assert answer.status_code == 302
    assert components_of([gift_set.pk]) == {gift_set.pk: {pen.pk: 2, ink.pk: 1}}


def test_desk_makes_a_bundle_of_an_article_by_unticking_its_stock():
    gift_set, pen = VariantFactory(), VariantFactory()
    browser = browser_of(superuser())

    answer = browser.post(page_of(gift_set), form_of(gift_set, (pen, 2), is_stocked=""))

    assert answer.status_code == 302
    assert components_of([gift_set.pk]) == {gift_set.pk: {pen.pk: 2}}


@pytest.mark.parametrize(
    ("head", "part", "told"),
    [
        ({}, {}, "SET is kept in stock, so it is no bundle."),
        ({"is_stocked": False}, {"is_stocked": False}, "PART is not kept in stock."),
    ],
)
def test_desk_is_told_why_it_is_no_bundle(head, part, told):
    gift_set, component = VariantFactory(sku="SET", **head), VariantFactory(sku="PART", **part)
    browser = browser_of(superuser())

    answer = browser.post(page_of(gift_set), form_of(gift_set, (component, 1)))

    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert not BundleComponent.objects.exists()


def test_desk_is_told_why_a_component_stays_in_stock():
    pen = VariantFactory()
    bundle({pen: 1})

    answer = browser_of(superuser()).post(page_of(pen), form_of(pen, is_stocked=""))

    assert "It is a component of a bundle, so it is kept in stock." in answer.content.decode()
    assert Variant.objects.get(pk=pen.pk).is_stocked


def test_product_file_is_told_why_a_component_stays_in_stock():
    pen = VariantFactory(sku="PEN")
    bundle({pen: 1})
    file = ProductResource().export(Variant.objects.filter(pk=pen.pk))
    position = file.headers.index("stocked")
    row = list(file[0])
    row[position] = "no"
    del file[0]
    file.append(row)

    result = ProductResource().import_data(file)

    (line,) = result.invalid_rows
    assert line.error_dict == {
        "Line 2, stocked": ["It is a component of a bundle, so it is kept in stock."]
    }
    assert Variant.objects.get(pk=pen.pk).is_stocked


@pytest.mark.django_db(transaction=True)
def test_component_added_while_its_stock_is_switched_off_is_one_or_the_other():
    head, part = VariantFactory(is_stocked=False), VariantFactory()
    both_are_in = Barrier(2)

    def add():
        with transaction.atomic():
            both_are_in.wait(timeout=5)
            BundleComponentFactory(bundle=head, component=part)

    def switch_off():
        with transaction.atomic():
            both_are_in.wait(timeout=5)
            Variant.objects.filter(pk=part.pk).update(is_stocked=False)

    outcomes = race(add, switch_off)

    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 1
    assert BundleComponent.objects.exists() == Variant.objects.get(pk=part.pk).is_stocked
