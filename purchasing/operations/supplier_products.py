"""Articles of suppliers that are none of ours yet: linked, taken into the catalog, or declined."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from catalog.models import Category, TaxClass, Variant
from catalog.operations import create_draft
from catalog.queries import gtin_key
from purchasing.models import Supplier, SupplierProduct
from purchasing.queries import exact_gtin_matches
from retail.common.errors import BusinessError
from retail.common.models import User


class AlreadyLinked(BusinessError):
    """The supplier's article is one of ours already; `sku` says which."""


class ArticleOfOtherGtin(BusinessError):
    """The supplier's GTIN and ours are two different ones."""


class ProposalDeclined(BusinessError):
    """Somebody said that we do not deal in it."""


@transaction.atomic
def link_supplier_product(
    *, product_id: int, variant_id: int, accepts_other_gtin: bool = False
) -> SupplierProduct:
    """
    Say which of our articles a supplier's article is; the same one again changes nothing.

    accepts_other_gtin: a person has seen that the GTINs differ.
    Locks: the supplier, then its article.

    :raises AlreadyLinked: it is another of ours.
    :raises ArticleOfOtherGtin: both have a GTIN, not the same, and nobody accepted that.
    :raises ProposalDeclined: it was declined; undo that first.
    """
    product = _lock(product_id)
    if product.variant_id == variant_id:
        return product
    _refuse_settled(product)
    variant = Variant.objects.get(pk=variant_id)
    if is_other_gtin(product, variant) and not accepts_other_gtin:
        msg = (
            f"{product} has the GTIN {product.gtin}, our {variant} has {variant.gtin}:"
            " it may be another article."
        )
        raise ArticleOfOtherGtin(msg, supplier_gtin=product.gtin, gtin=variant.gtin)
    product.variant = variant
    product.save(update_fields=["variant"])
    return product


@transaction.atomic
def unlink_supplier_product(*, product_id: int) -> SupplierProduct:
    """
    Take back that a supplier's article is one of ours: it is a proposal again.

    Orders already placed keep their lines. Locks: the supplier, then its article.
    """
    product = _lock(product_id)
    if product.variant_id is not None:
        product.variant = None
        product.save(update_fields=["variant"])
    return product


@transaction.atomic
def create_article_from(
    *,
    product_id: int,
    sku: str,
    name: str,
    at: datetime,
    category: Category | None = None,
    tax_class: TaxClass | None = None,
    takes_gtin: bool = True,
) -> Variant:
    """
    Bring a supplier's article into our catalog, as a draft that nobody can buy yet, and link it.

    takes_gtin: the supplier's GTIN becomes ours. A second call with the same SKU returns the first
    article.
    Locks: the supplier, then its article.

    :raises AlreadyLinked: it is another of ours.
    :raises ProposalDeclined: it was declined; undo that first.
    :raises InvalidArticle, CodeTaken: as `create_draft`; nothing is stored.
    """
    product = _lock(product_id)
    if product.variant is not None and product.variant.sku == sku.strip():
        return product.variant
    _refuse_settled(product)
    variant = create_draft(
        sku=sku,
        name=name,
        gtin=product.gtin if takes_gtin else "",
        category=category,
        tax_class=tax_class,
        at=at,
    )
    product.variant = variant
    product.save(update_fields=["variant"])
    return variant


@transaction.atomic
def link_by_gtin(*, product_ids: Collection[int] | None = None) -> Mapping[int, int]:
    """
    Link every proposal whose GTIN is that of exactly one of our articles.

    product_ids: among these; None for all. Returns supplier article id -> our variant id of what
    was linked now; what is linked or declined stays as it is, so a second call finds nothing.
    Locks: the suppliers, then the articles, by primary key.
    """
    found = exact_gtin_matches(product_ids=product_ids)
    supplier_ids = SupplierProduct.objects.filter(pk__in=list(found)).values("supplier")
    list(
        Supplier.objects.filter(pk__in=supplier_ids)
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    products = list(
        SupplierProduct.objects.filter(
            pk__in=list(found), variant__isnull=True, declined_at__isnull=True
        )
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    # A GTIN that was changed before the lock is matched again by the next call, not by an old look.
    products = [product for product in products if gtin_key(product.gtin) == found[product.pk].key]
    for product in products:
        product.variant_id = found[product.pk].variant_id
    SupplierProduct.objects.bulk_update(products, ["variant"], batch_size=1000)
    return {product.pk: found[product.pk].variant_id for product in products}


@transaction.atomic
def decline_supplier_product(*, product_id: int, at: datetime, by: User) -> SupplierProduct:
    """
    Say that we do not deal in a supplier's article, so that it is proposed no more.

    A second call keeps who said it first. Locks: the supplier, then its article.

    :raises AlreadyLinked: it is one of ours.
    """
    product = _lock(product_id)
    if product.declined_at is not None:
        return product
    _refuse_settled(product)
    product.declined_at, product.declined_by = at, by
    product.save(update_fields=["declined_at", "declined_by"])
    return product


@transaction.atomic
def propose_again(*, product_id: int) -> SupplierProduct:
    """Take back that a supplier's article was declined. Locks: the supplier, then its article."""
    product = _lock(product_id)
    if product.declined_at is not None:
        product.declined_at = product.declined_by = None
        product.save(update_fields=["declined_at", "declined_by"])
    return product


def is_other_gtin(product: SupplierProduct, variant: Variant) -> bool:
    """Tell whether both have a GTIN and it is not the same, zeros in front apart."""
    theirs, ours = gtin_key(product.gtin), gtin_key(variant.gtin or "")
    return bool(theirs and ours and theirs != ours)


def _lock(product_id: int) -> SupplierProduct:
    """Lock the supplier as the applying of its files does, then the article."""
    supplier_id = SupplierProduct.objects.values_list("supplier", flat=True).get(pk=product_id)
    Supplier.objects.select_for_update(of=("self",), no_key=True).get(pk=supplier_id)
    return (
        SupplierProduct.objects.select_for_update(of=("self",), no_key=True)
        .select_related("variant")
        .get(pk=product_id)
    )


def _refuse_settled(product: SupplierProduct) -> None:
    if product.variant is not None:
        msg = f"{product} is our {product.variant} already: unlink it first."
        raise AlreadyLinked(msg, sku=product.variant.sku)
    if product.declined_at is not None:
        msg = f"{product} was declined: propose it again first."
        raise ProposalDeclined(msg)
