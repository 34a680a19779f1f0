"""From a file nobody has seen before to a catalog: the pages a buyer goes through."""

from unittest import mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from purchasing import operations, tasks
from purchasing.models import (
    SupplierFile,
    SupplierFileProfile,
    SupplierFileRun,
    SupplierPrice,
    SupplierProduct,
)
from purchasing.operations.catalogues import applying
from tests.factories.common import NOON
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierFileProfileFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)
from tests.factories.purchasing_files import SupplierFileFactory
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

FILES = "/purchasing/supplierfile/"
RUNS = "/purchasing/supplierfilerun/"
FILE = "SKU;Name;Cost;Stock\nA-1;Mug;2,50;5\nA-2;Cup;x;5\n;Plate;1,00;5\n"

BUYER = (
    "purchasing.view_supplierfile",
    "purchasing.view_supplierfilerun",
    "purchasing.receive_supplierfile",
    "purchasing.apply_supplierfilerun",
    "purchasing.add_supplierfileprofile",
    "purchasing.change_supplierfileprofile",
    "common.view_importreject",
)


@pytest.fixture
def buyer():
    return browser_of(person_who_may(*BUYER))


def upload(browser, supplier, /, text=FILE, **told):
    content = SimpleUploadedFile("../März.csv", text.encode())
    return browser.post(
        f"{FILES}act/upload/",
        {"key": "1", "supplier": supplier.pk, "file": content, **told},
        follow=True,
    )


def reading_page():
    return f"{FILES}{SupplierFile.objects.get().pk}/reading/"


def reading(button, **told):
    """Return what the page sends back: as proposed for FILE, decimals by comma."""
    return {
        "code": "potters",
        "encoding": "utf-8",
        "delimiter": ";",
        "quote": '"',
        "decimal_separator": ",",
        "day_format": "%Y-%m-%d",
        "skipped_lines": "0",
        "has_titles": "on",
        "column_supplier_sku": "SKU",
        "column_name": "Name",
        "column_unit_cost": "Cost",
        "column_available_units": "Stock",
        button: "1",
        **told,
    }


def run_page():
    return f"{RUNS}{SupplierFileRun.objects.get().pk}/"


def words(answer):
    return " ".join(answer.content.decode().split())


def test_reading_is_proposed_beside_the_rows_of_the_file(buyer):
    answer = upload(buyer, SupplierFactory(code="potters"))

    text = words(answer)
    assert answer.redirect_chain == [(reading_page(), 302)]
    assert 'value="potters"' in text
    assert '<option value="Cost" selected>Cost</option>' in text
    assert "<td>Mug</td>" in text
    assert SupplierFile.objects.get().name == "März.csv"
    assert SupplierFileProfile.objects.count() == SupplierFileRun.objects.count() == 0


def test_preview_shows_each_line_as_it_would_be_read(buyer):
    upload(buyer, SupplierFactory())

    by_comma = words(buyer.post(reading_page(), reading("preview")))
    by_point = words(buyer.post(reading_page(), reading("preview", decimal_separator=".")))

    assert "<td>2.50</td>" in by_comma
    assert "Refused: &#x27;x&#x27; is not a price." in by_comma
    assert "Refused: The SKU is missing." in by_comma
    assert "<td>2.50</td>" not in by_point
    assert SupplierFileProfile.objects.count() == 0


def test_file_cut_differently_has_other_titles_to_choose_from(buyer):
    upload(buyer, SupplierFactory())

    text = words(buyer.post(reading_page(), reading("preview", delimiter=",")))

    assert '<option value="SKU;Name;Cost;Stock">' in text
    assert '<option value="SKU" selected>' not in text


def test_reading_is_saved_and_the_file_checked(buyer):
    supplier = SupplierFactory()
    upload(buyer, supplier)

    answer = buyer.post(reading_page(), reading("save"), follow=True)

    profile, file = SupplierFileProfile.objects.get(), SupplierFile.objects.get()
    text = words(answer)
    assert answer.redirect_chain == [(f"{run_page()}change/", 302)]
    assert (profile.code, profile.supplier, profile.decimal_separator) == ("potters", supplier, ",")
    assert profile.columns["available_units"] == "Stock"
    assert (file.status, file.profile) == ("STAGED", profile)
    assert "1 new, 0 changed, 0 unchanged, 2 refused, 0 skipped." in text
    assert "<td>3</td><td>invalid_price</td>" in text
    assert "<td>4</td><td>missing_sku</td>" in text
    assert SupplierProduct.objects.count() == 0


def test_next_file_is_read_by_the_profile_alone(buyer):
    profile = SupplierFileProfileFactory(
        columns={"supplier_sku": "SKU", "unit_cost": "Cost"}, decimal_separator=","
    )

    answer = upload(buyer, profile.supplier, profile=profile.pk)

    assert answer.redirect_chain == [(f"{run_page()}change/", 302)]


def test_profile_alone_says_whose_file_it_is(buyer):
    profile = SupplierFileProfileFactory(columns={"supplier_sku": "SKU", "unit_cost": "Cost"})

    upload(buyer, profile.supplier, profile=profile.pk, supplier="")

    assert SupplierFile.objects.get().supplier == profile.supplier


@pytest.mark.parametrize(
    ("told", "words_of_it"),
    [
        ({"supplier": ""}, "Say whose file it is."),
        ({"profile": "other"}, "This is how files of"),
    ],
)
def test_upload_needs_to_know_whose_file_it_is(buyer, told, words_of_it):
    if told.get("profile"):
        told = {"profile": SupplierFileProfileFactory().pk}

    answer = upload(buyer, SupplierFactory(), **told)

    assert words_of_it in words(answer)
    assert SupplierFile.objects.count() == 0


def test_reading_without_a_price_is_not_saved(buyer):
    upload(buyer, SupplierFactory())

    answer = buyer.post(reading_page(), reading("save", column_unit_cost=""))

    assert "Name the cost of one unit or of a pack, not both." in words(answer)
    assert SupplierFileProfile.objects.count() == 0


def test_profile_of_another_supplier_is_not_overwritten(buyer):
    SupplierFileProfileFactory(code="potters")
    upload(buyer, SupplierFactory())

    answer = buyer.post(reading_page(), reading("save"))

    assert "Another supplier&#x27;s profile is called potters." in words(answer)
    assert SupplierFileProfile.objects.get().delimiter == ";"
    assert SupplierFile.objects.get().status == "RECEIVED"


def test_broken_file_says_so_on_its_page(buyer):
    answer = upload(buyer, SupplierFactory(), text='SKU;Cost\nA-1;"2\n')

    assert answer.status_code == 200
    assert "A quote opens here and does not close." in words(answer)


def test_file_that_its_profile_does_not_fit_is_proposed_anew(buyer):
    profile = SupplierFileProfileFactory(
        code="potters", columns={"supplier_sku": "Article", "unit_cost": "Price"}
    )

    answer = upload(buyer, profile.supplier, profile=profile.pk)

    text = words(answer)
    assert answer.redirect_chain == [(reading_page(), 302)]
    assert "It was refused: These columns are missing" in text
    assert '<option value="Cost" selected>Cost</option>' in text
    assert 'value="potters"' not in text


def test_imported_file_is_led_to_what_came_of_it(buyer):
    supplier = SupplierFactory()
    upload(buyer, supplier)
    buyer.post(reading_page(), reading("save"))
    page = run_page()
    operations.apply_supplier_file(
        run_id=SupplierFileRun.objects.get().pk, at=NOON, by=None, reason="As told by phone."
    )

    answer = upload(buyer, supplier)

    assert answer.redirect_chain == [(f"{page}change/", 302)]
    assert "This file is already imported. <a href=" in words(answer)
    assert SupplierFile.objects.count() == 1


def staged(buyer, profile, text="SKU;Cost\nA-1;9\nA-2;9\nA-3;9\n"):
    upload(buyer, profile.supplier, text=text, profile=profile.pk)
    return run_page()


@pytest.fixture
def profile():
    return SupplierFileProfileFactory(columns={"supplier_sku": "SKU", "unit_cost": "Cost"})


def test_file_is_taken_back_from_its_run(buyer, profile):
    page = staged(buyer, profile)

    buyer.post(f"{page}act/take-back/", {"key": "1"})

    assert SupplierFile.objects.get().status == "RECEIVED"
    assert buyer.get(reading_page()).status_code == 200


def test_differences_are_shown_old_and_new(buyer, profile):
    article = SupplierProductFactory(supplier=profile.supplier, supplier_sku="A-2")
    SupplierPriceFactory(supplier_product=article, unit_cost="8.50")

    page = buyer.get(f"{staged(buyer, profile)}change/")

    assert "price: 8.50 &rarr; 9.00" in words(page)


def test_stopped_file_is_applied_by_who_may_overrule_and_says_why(buyer, profile):
    article = SupplierProductFactory(supplier=profile.supplier, supplier_sku="A-2")
    SupplierPriceFactory(supplier_product=article, unit_cost="1")
    page = staged(buyer, profile)
    manager = browser_of(
        person_who_may("purchasing.view_supplierfilerun", "purchasing.overrule_supplierfilerun")
    )

    shown = words(buyer.get(f"{page}change/"))
    by_buyer = buyer.post(f"{page}act/overrule/", {"key": "1", "reason": "It is right."})
    buyer.post(f"{page}act/apply/", {"key": "1"})
    without_reason = manager.post(f"{page}act/overrule/", {"key": "1", "reason": " "})
    before = SupplierFileRun.objects.get().status
    manager.post(f"{page}act/overrule/", {"key": "1", "reason": "It is right."})

    run = SupplierFileRun.objects.get()
    assert "1 prices of 1 change by more than 30 percent" in shown
    assert f"{page}act/apply/" not in shown
    assert f"{page}act/overrule/" not in shown
    assert (by_buyer.status_code, without_reason.status_code, before) == (403, 200, "STAGED")
    assert (run.status, run.report["overruled_because"]) == ("DONE", "It is right.")


def test_large_file_is_begun_and_its_page_shows_how_far(
    buyer, profile, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(applying, "LINES_AT_ONCE", 2)
    page = staged(buyer, profile)

    with (
        mock.patch.object(tasks.apply_supplier_files, "delay") as wake,
        django_capture_on_commit_callbacks(execute=True),
    ):
        begun = buyer.post(f"{page}act/apply/", {"key": "1"}, follow=True)
    shown = buyer.get(f"{page}change/")
    tasks.apply_supplier_files()
    done = buyer.get(f"{page}change/")

    assert wake.call_count == 1
    assert "3 lines are being applied. This page shows how far." in words(begun)
    assert '<progress class="desk-progress" max="3" value="0">' in words(shown)
    assert shown["Refresh"] == "2"
    assert "Refresh" not in done
    assert "<progress" not in words(done)
    assert SupplierPrice.objects.count() == 3


def test_original_file_is_downloaded_as_it_came(buyer):
    file = SupplierFileFactory(name="Märch.html", content=b"<script>alert(1)</script>")

    answer = buyer.get(f"{FILES}{file.pk}/download/file/")

    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "permissions",
    [
        ("purchasing.view_supplierfile",),
        ("purchasing.receive_supplierfile",),
        ("purchasing.view_supplierfile", "purchasing.apply_supplierfilerun"),
    ],
)
def test_reading_page_is_closed_to_others(permissions):
    file = SupplierFileFactory()
    browser = browser_of(person_who_may(*permissions))

    answers = [
        browser.get(f"{FILES}{file.pk}/reading/"),
        browser.post(f"{FILES}{file.pk}/reading/", reading("save")),
        browser.post(f"{FILES}{file.pk}/act/discard/", {"key": "1"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert SupplierFile.objects.get().status == "RECEIVED"


def test_profile_is_saved_only_by_who_may(profile):
    SupplierFileFactory(supplier=profile.supplier)
    browser = browser_of(
        person_who_may("purchasing.view_supplierfile", "purchasing.receive_supplierfile")
    )

    shown = browser.get(reading_page())
    refused = browser.post(
        reading_page(), reading("save", column_name="", column_available_units="")
    )

    assert (shown.status_code, refused.status_code) == (200, 403)
    assert SupplierFileProfile.objects.count() == 1


def test_list_leads_to_what_came_of_each_file(buyer, profile):
    page = staged(buyer, profile)

    text = words(buyer.get(FILES))

    assert f'<a href="{page}change/">Waiting for a decision</a>' in text
