"""A supplier's file in the admin: uploaded, looked at, applied or discarded."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from purchasing.models import (
    SupplierFile,
    SupplierFileProfile,
    SupplierFileRun,
    SupplierProduct,
)
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierFileProfileFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

RUNS = "/purchasing/supplierfilerun/"
FILE = (
    "SKU;EAN;Name;Cost;Pack;Minimum;Stock\n"
    "A-1;;Mug;2.50;1;1;5\nA-2;;Cup;9.00;1;1;5\n;;Nameless;1;1;1;5\n"
)


@pytest.fixture
def profile():
    return SupplierFileProfileFactory()


@pytest.fixture
def browser():
    return browser_of(
        person_who_may(
            "purchasing.view_supplier",
            "purchasing.view_supplierproduct",
            "purchasing.view_supplierfile",
            "purchasing.view_supplierfilerun",
            "purchasing.receive_supplierfile",
            "purchasing.apply_supplierfilerun",
            "common.view_importreject",
        )
    )


def upload(browser, profile, text=FILE, page=RUNS, name="../prices march.csv"):
    return browser.post(
        f"{page}act/upload/",
        {"key": "1", "profile": profile.pk, "file": SimpleUploadedFile(name, text.encode())},
        follow=True,
    )


def act_url(name):
    return f"{RUNS}{SupplierFileRun.objects.get().pk}/act/{name}/"


@pytest.mark.parametrize("page", [RUNS, "/purchasing/supplier/", "/purchasing/supplierproduct/"])
def test_upload_shows_what_the_file_would_change(browser, profile, page):
    product = SupplierProductFactory(supplier=profile.supplier, supplier_sku="A-2")
    SupplierPriceFactory(supplier_product=product, unit_cost="4.00")

    answer = upload(browser, profile, page=page)

    run = SupplierFileRun.objects.get()
    text = answer.content.decode()
    assert answer.redirect_chain == [(f"{RUNS}{run.pk}/change/", 302)]
    assert "3 lines were read. Nothing is changed until you apply them." in text
    assert "1 new, 1 changed, 0 unchanged, 1 refused, 0 skipped." in " ".join(text.split())
    assert "1 prices of 1 change by more than 30 percent: 100 percent" in text
    assert "Download rejected lines" in text
    assert SupplierProduct.objects.count() == 1


def test_file_is_applied_after_its_consequences_were_shown(browser, profile):
    upload(browser, profile)

    page = browser.get(act_url("apply")).content.decode()
    browser.post(act_url("apply"), {"key": "1"})

    assert "2 articles are added, 0 are changed; 2 of the new ones wait to be linked" in page
    assert "1 lines were refused and stay out." in page
    assert SupplierFileRun.objects.get().status == "DONE"
    assert SupplierProduct.objects.filter(supplier=profile.supplier).count() == 2


def test_file_is_discarded(browser, profile):
    upload(browser, profile)

    browser.post(act_url("discard"), {"key": "1"})

    assert SupplierFileRun.objects.get().status == "FAILED"
    assert SupplierFile.objects.get().status == "DISCARDED"
    assert SupplierProduct.objects.count() == 0


def test_decided_file_has_no_buttons(browser, profile):
    upload(browser, profile)
    browser.post(act_url("apply"), {"key": "1"})
    run = SupplierFileRun.objects.get()

    page = browser.get(f"{RUNS}{run.pk}/change/").content.decode()

    assert act_url("apply") not in page
    assert act_url("discard") not in page


def test_same_file_again_is_led_to_the_first(browser, profile):
    upload(browser, profile)

    answer = upload(browser, profile)

    run = SupplierFileRun.objects.get()
    assert answer.redirect_chain == [(f"{RUNS}{run.pk}/change/", 302)]
    assert "This file is here already. <a href=" in answer.content.decode()


def test_file_with_other_columns_is_refused_in_words(browser, profile):
    answer = upload(browser, profile, text="Article;Price\nA-1;2.50\n")

    file = SupplierFile.objects.get()
    assert "These columns are missing" in answer.content.decode()
    assert answer.redirect_chain == [(f"/purchasing/supplierfile/{file.pk}/reading/", 302)]
    assert (file.status, SupplierFileRun.objects.count()) == ("REFUSED", 0)


def test_rejected_lines_are_downloaded(browser, profile):
    upload(browser, profile)
    run = SupplierFileRun.objects.get()

    answer = browser.get(f"{RUNS}{run.pk}/download/rejects/")

    lines = answer.getvalue().decode("utf-8-sig").splitlines()
    assert lines == [
        "SKU,EAN,Name,Cost,Pack,Minimum,Stock,line_number,error_code,error_text",
        ",,Nameless,1,1,1,5,4,missing_sku,The SKU is missing.",
    ]


def test_profile_is_set_up_column_by_column():
    browser = browser_of(
        person_who_may("purchasing.view_supplierfileprofile", "purchasing.add_supplierfileprofile")
    )
    told = {
        "supplier": SupplierFactory().pk,
        "code": "potters",
        "delimiter": "\t",
        "decimal_separator": ",",
        "skipped_lines": 0,
        "quote": '"',
        "has_titles": "on",
        "day_format": "%d.%m.%Y",
        "max_price_change_percent": 20,
        "max_large_changes_percent": 10,
        "max_emptied_percent": 60,
        "max_missing_percent": 50,
        "max_refused_percent": 50,
        "transport": "HTTPS",
        "address": "https://potters.example/prices.csv",
        "file_pattern": "*",
        "poll_minutes": 60,
        "new_secret": "a secret of theirs",
        "column_valid_from": "Ab",
    }

    incomplete = browser.post(
        "/purchasing/supplierfileprofile/add/", {**told, "column_supplier_sku": "Art."}
    )
    browser.post(
        "/purchasing/supplierfileprofile/add/",
        {**told, "column_supplier_sku": "Art.", "column_unit_cost": "EK"},
    )

    profile = SupplierFileProfile.objects.get()
    assert "Name the cost of one unit or of a pack, not both." in incomplete.content.decode()
    page = browser.get(f"/purchasing/supplierfileprofile/{profile.pk}/change/").content.decode()
    assert profile.columns == {"supplier_sku": "Art.", "unit_cost": "EK", "valid_from": "Ab"}
    assert (profile.delimiter, profile.decimal_separator) == ("\t", ",")
    assert (profile.day_format, profile.max_emptied_percent) == ("%d.%m.%Y", 60)
    assert profile.secret == "a secret of theirs"
    assert "a secret of theirs" not in page
