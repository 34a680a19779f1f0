"""What a person does with a supplier's article: link it, take it into the catalog, decline it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog.forms import ScanField
from catalog.models import Category, TaxClass, Variant
from catalog.operations import LONGEST_NAME, LONGEST_SKU
from catalog.queries import category_paths
from purchasing import operations
from purchasing.models import SupplierProduct
from purchasing.queries import exact_gtin_matches, proposed_sku
from retail.common.admin import Act, ActForm, PageAct
from retail.common.errors import BusinessError

PERMISSION = "purchasing.change_supplierproduct"
LINKS_SHOWN = 20


def is_proposal(product: SupplierProduct) -> bool:
    return product.variant_id is None and product.declined_at is None


def is_linked(product: SupplierProduct) -> bool:
    return product.variant_id is not None


def is_declined(product: SupplierProduct) -> bool:
    return product.declined_at is not None


class LinkForm(ActForm):
    """Which of our articles it is."""

    article = ScanField(
        label="Our article", help_text="Scan a barcode, or type an SKU, a GTIN or a name."
    )


def plan_link(
    _request: HttpRequest, product: SupplierProduct, cleaned: Mapping[str, Any], _now: datetime
) -> Sequence[str]:
    return tuple(_plan_link(product, cleaned["article"].variant))


def _plan_link(product: SupplierProduct, variant: Variant) -> Iterator[str]:
    yield (
        f"{product} of {product.supplier}, {product.name or 'without a name'}, becomes our"
        f" {variant}, {variant.full_name}."
    )
    if operations.is_other_gtin(product, variant):
        yield (
            f"Look twice: the supplier's GTIN is {product.gtin}, ours is {variant.gtin}."
            " It may be another article, or a pack of it."
        )
    if not variant.is_active:
        yield f"We no longer deal in {variant}."
    others = (
        SupplierProduct.objects.filter(supplier=product.supplier_id, variant=variant)
        .exclude(pk=product.pk)
        .order_by("pk")
        .values_list("supplier_sku", flat=True)
    )
    if others:
        yield (
            f"The supplier sells it as {', '.join(others)} already. When it is ordered, the"
            " cheaper one is taken."
        )


def link(
    _request: HttpRequest, product: SupplierProduct, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    variant = cleaned["article"].variant
    # The plan that was confirmed says so when the GTINs differ.
    operations.link_supplier_product(
        product_id=product.pk, variant_id=variant.pk, accepts_other_gtin=True
    )
    return f"{product} is our {variant}."


def unlink(
    _request: HttpRequest, product: SupplierProduct, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.unlink_supplier_product(product_id=product.pk)
    return f"{product} is a proposal again."


class CreateForm(ActForm):
    """What our new article is called; the rest is entered in the catalog before it is sold."""

    sku = forms.CharField(label="Our SKU", max_length=LONGEST_SKU)
    name = forms.CharField(max_length=LONGEST_NAME)
    tax_class = forms.ModelChoiceField(queryset=TaxClass.objects.order_by("code", "pk"))
    category = forms.ChoiceField(required=False)
    takes_gtin = forms.BooleanField(label="Take the supplier's GTIN", required=False)

    def __init__(self, *args: Any, document: Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        paths = sorted((path, pk) for pk, path in category_paths().items())
        self.fields["category"].choices = [("", "None yet"), *((pk, path) for path, pk in paths)]
        if isinstance(document, SupplierProduct):
            self.fields["sku"].initial = proposed_sku(document)
            self.fields["name"].initial = document.name[:LONGEST_NAME]
            self.fields["takes_gtin"].initial = bool(document.gtin)
            if document.gtin:
                self.fields[
                    "takes_gtin"
                ].help_text = (
                    f"{document.gtin}. Not when it is that of a pack and ours is one piece."
                )
            else:
                del self.fields["takes_gtin"]

    def clean_category(self) -> Category | None:
        chosen = self.cleaned_data["category"]
        return Category.objects.get(pk=chosen) if chosen else None


def create(
    _request: HttpRequest, product: SupplierProduct, cleaned: Mapping[str, Any], now: datetime
) -> str:
    variant = operations.create_article_from(
        product_id=product.pk,
        sku=cleaned["sku"],
        name=cleaned["name"],
        category=cleaned["category"],
        tax_class=cleaned["tax_class"],
        takes_gtin=cleaned.get("takes_gtin", False),
        at=now,
    )
    return f"{variant} is a draft in the catalog. Complete and activate it there before it is sold."


def decline(
    request: HttpRequest, product: SupplierProduct, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.decline_supplier_product(product_id=product.pk, at=now, by=request.user)
    return f"{product} is declined."


def propose_again(
    _request: HttpRequest, product: SupplierProduct, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.propose_again(product_id=product.pk)
    return f"{product} is a proposal again."


ACTS = (
    Act(
        name="link",
        label="Link to our article",
        permission=PERMISSION,
        perform=link,
        plan=plan_link,
        form=LinkForm,
        is_offered=is_proposal,
        icon="link",
    ),
    Act(
        name="create",
        label="Make an article of it",
        permission=PERMISSION,
        perform=create,
        form=CreateForm,
        is_offered=is_proposal,
        consequences=lambda _product: (
            "A new product with one variant is put into the catalog, as a draft.",
            "Nobody can buy it until somebody activates it there.",
        ),
        icon="add_box",
    ),
    Act(
        name="decline",
        label="Decline",
        permission=PERMISSION,
        perform=decline,
        is_offered=is_proposal,
        consequences=lambda _product: (
            "It leaves the proposals, and the supplier's next file does not bring it back.",
            "Its price is kept up to date all the same. You can take this back.",
        ),
        icon="block",
    ),
    Act(
        name="propose-again",
        label="Propose again",
        permission=PERMISSION,
        perform=propose_again,
        is_offered=is_declined,
        icon="undo",
    ),
    Act(
        name="unlink",
        label="Unlink",
        permission=PERMISSION,
        perform=unlink,
        is_offered=is_linked,
        consequences=lambda product: (
            f"{product} is no longer our {product.variant}; it is a proposal again.",
            "Orders already placed keep their lines. New ones no longer find this price.",
            "The supplier's next file links it again, if GTIN or SKU are the same as ours.",
        ),
        is_dangerous=True,
        icon="link_off",
    ),
)


def plan_links_by_gtin(
    _request: HttpRequest, _cleaned: Mapping[str, Any], _now: datetime
) -> Sequence[str]:
    return tuple(_plan_links(exact_gtin_matches()))


def _plan_links(found: Mapping[int, Any]) -> Iterator[str]:
    if not found:
        return
    yield f"{len(found):,} articles of suppliers are linked to ours, because the GTIN is the same."
    shown = dict(list(found.items())[:LINKS_SHOWN])
    skus = dict(
        Variant.objects.filter(pk__in={one.variant_id for one in shown.values()}).values_list(
            "pk", "sku"
        )
    )
    for product in (
        SupplierProduct.objects.filter(pk__in=list(shown))
        .select_related("supplier")
        .order_by("supplier__name", "supplier_sku", "pk")
    ):
        our_sku = skus[shown[product.pk].variant_id]
        yield f"{product} of {product.supplier}, {product.name}: our {our_sku}"
    if len(found) > LINKS_SHOWN:
        yield f"and {len(found) - LINKS_SHOWN:,} more."


def link_all_by_gtin(
    _request: HttpRequest, _cleaned: Mapping[str, Any], _now: datetime
) -> tuple[str, Model | None]:
    linked = operations.link_by_gtin()
    return f"{len(linked):,} articles of suppliers were linked to ours.", None


LINK_ALL = PageAct(
    name="link-by-gtin",
    label="Link all with our GTIN",
    permission=PERMISSION,
    perform=link_all_by_gtin,
    plan=plan_links_by_gtin,
    consequences=(
        "Every proposal whose GTIN only one of our articles has is linked to it.",
        "Where two articles of a supplier have the same GTIN, one of them is a pack: those stay.",
    ),
    icon="link",
)


@admin.action(description="Link to our article of the same GTIN", permissions=["change"])
def link_chosen(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[SupplierProduct]
) -> None:
    """Link those of the chosen whose GTIN is that of one of our articles."""
    chosen = list(queryset.values_list("pk", flat=True))
    linked = operations.link_by_gtin(product_ids=chosen)
    left = len(chosen) - len(linked)
    model_admin.message_user(request, f"{len(linked):,} were linked.", messages.SUCCESS)
    if left:
        told = f"{left:,} stay as they are: no article of ours, or more than one, has their GTIN."
        model_admin.message_user(request, told, messages.WARNING)


@admin.action(description="Decline", permissions=["change"])
def decline_chosen(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[SupplierProduct]
) -> None:
    """Decline each chosen article in its own transaction, so a refusal stops only that one."""
    now, declined = timezone.now(), 0
    for pk in queryset.order_by("pk").values_list("pk", flat=True):
        try:
            operations.decline_supplier_product(product_id=pk, at=now, by=request.user)
        except BusinessError as refusal:
            model_admin.message_user(request, refusal.message, messages.WARNING)
        else:
            declined += 1
    model_admin.message_user(request, f"{declined:,} were declined.", messages.SUCCESS)
