"""What the shop sells and at which price: the one source that every channel is fed from."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Upper
from stdnum import ean

from retail.common.fields import CurrencyField, MoneyField, amount_not_negative, within
from retail.common.history import keep_history
from retail.common.status import guard_status


def validate_gtin(value: str) -> None:
    """
    Pass a GTIN of 8, 12, 13 or 14 digits whose check digit is right.

    Source: GS1 General Specifications, section 7.9, check digit calculation.
    """
    if not ean.is_valid(value):
        msg = "%(value)s is not a valid GTIN: wrong length or wrong check digit."
        raise ValidationError(msg, code="gtin", params={"value": value})


class Category(models.Model):
    """A place in the tree that products are arranged in."""

    name = models.CharField(max_length=100)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )

    class Meta:
        verbose_name_plural = "categories"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["parent", "name"],
                nulls_distinct=False,
                name="catalog_category_name_once_per_parent",
                violation_error_message="There is a category of this name here already.",
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")),
                name="catalog_category_not_its_own_parent",
                violation_error_message="A category cannot lie within itself.",
            ),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(name__contains=">"),
                name="catalog_category_name_without_arrow",
                violation_error_message="A category's name has no > in it: that parts the names"
                " of a path.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """The name a maker sells under."""

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class TaxClass(models.Model):
    """What kind of goods this is to the tax office: standard, reduced, zero."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        verbose_name_plural = "tax classes"

    def __str__(self) -> str:
        return self.name


class ExchangeRate(models.Model):
    """Units of book currency that one unit of a foreign currency was worth on a day."""

    currency = CurrencyField()
    valid_on = models.DateField()
    rate = models.DecimalField(max_digits=16, decimal_places=8)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["currency", "valid_on"], name="catalog_exchangerate_one_per_day"
            ),
            models.CheckConstraint(
                condition=Q(rate__gt=0, rate__lt=1_000_000),
                name="catalog_exchangerate_positive",
                violation_error_message="An exchange rate is greater than zero.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.valid_on}"


class ProductQuerySet(models.QuerySet["Product"]):
    def for_update(self) -> ProductQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
@keep_history()
class Product(models.Model):
    """
    What a customer would call one article; its variants are what is counted and sold.

    DRAFT until it is complete, ACTIVE while it is sold, DISCONTINUED when it will not be bought
    again; a discontinued product is still sold until its stock is gone, and may come back.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "Draft"
        ACTIVE = "ACTIVE", "Active"
        DISCONTINUED = "DISCONTINUED", "Discontinued"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.DRAFT: frozenset({Status.ACTIVE, Status.DISCONTINUED}),
        Status.ACTIVE: frozenset({Status.DISCONTINUED}),
        Status.DISCONTINUED: frozenset({Status.ACTIVE}),
    }

    name = models.CharField(max_length=200)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    description = models.TextField(blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            GinIndex(
                OpClass(Upper("name"), name="gin_trgm_ops"), name="catalog_product_name_search"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class VariantQuerySet(models.QuerySet["Variant"]):
    def for_update(self) -> VariantQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@keep_history()
class Variant(models.Model):
    """
    One thing that can be counted, bought and sold, named by its SKU.

    Quantities of a variant are whole numbers of its base unit. A variant that is not stocked
    (postage, a fee, a service) is sold without a promise.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    sku = models.CharField("SKU", max_length=64)
    gtin = models.CharField(
        "GTIN", max_length=14, unique=True, null=True, blank=True, validators=[validate_gtin]
    )
    name = models.CharField(max_length=200, blank=True, help_text="What sets it apart: Red, 42.")
    options = models.JSONField(default=dict, blank=True, help_text="Option name to value.")
    weight_grams = models.IntegerField(null=True, blank=True)
    volume_ml = models.IntegerField(
        "volume", null=True, blank=True, help_text="Packed, in milliliters (cubic centimeters)."
    )
    is_stocked = models.BooleanField(default=True)
    is_active = models.BooleanField(
        default=True, help_text="Off: none is bought or promised any more; what lies there may go."
    )
    base_unit = models.CharField(max_length=20, default="piece")
    tax_class = models.ForeignKey(TaxClass, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = VariantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                Upper("sku"),
                name="catalog_variant_sku_once_whatever_the_case",
                violation_error_message="Another variant has this SKU.",
            ),
            models.CheckConstraint(
                condition=~Q(sku="") & Q(sku=Func("sku", function="btrim")),
                name="catalog_variant_sku_without_outer_blanks",
                violation_error_message="An SKU is not empty and has no blanks around it.",
            ),
            models.CheckConstraint(
                condition=Q(gtin__isnull=True) | Q(gtin__regex=r"^([0-9]{8}|[0-9]{12,14})$"),
                name="catalog_variant_gtin_shape",
                violation_error_message="A GTIN has 8, 12, 13 or 14 digits.",
            ),
            models.CheckConstraint(
                condition=(Q(weight_grams__isnull=True) | within("weight_grams", 0, 100_000_000))
                & (Q(volume_ml__isnull=True) | within("volume_ml", 0, 1_000_000_000)),
                name="catalog_variant_weight_not_negative",
                violation_error_message="Weight and volume are not negative.",
            ),
        ]
        indexes: ClassVar = [
            GinIndex(OpClass(Upper("sku"), name="gin_trgm_ops"), name="catalog_variant_sku_search"),
        ]

    def __str__(self) -> str:
        return self.sku

    @property
    def full_name(self) -> str:
        """What a person calls it: the product, and what sets the variant apart."""
        return f"{self.product.name}, {self.name}" if self.name else self.product.name


@keep_history()
class BundleComponent(models.Model):
    """
    Units of a variant that one unit of a bundle is made of.

    A bundle has no stock of its own (`is_stocked` is off): what can be sold of it follows from its
    components. A component is not itself a bundle.
    """

    bundle = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="components")
    component = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="bundles")
    units = models.IntegerField(default=1, help_text="Units of the component in one bundle.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bundle", "component"],
                name="catalog_bundlecomponent_once",
                violation_error_message="The bundle has this component already.",
            ),
            models.CheckConstraint(
                condition=~Q(bundle=F("component")),
                name="catalog_bundlecomponent_not_itself",
                violation_error_message="A bundle is not a part of itself.",
            ),
            models.CheckConstraint(
                condition=within("units", 1, 1_000_000),
                name="catalog_bundlecomponent_units_positive",
                violation_error_message="A bundle holds at least one unit of each component.",
            ),
        ]

    def __str__(self) -> str:
        return f"bundle component {self.pk}"


class Barcode(models.Model):
    """Any code that can be scanned, and how many units of which variant it stands for."""

    code = models.CharField(max_length=100, unique=True)
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="barcodes")
    pack_size = models.IntegerField(default=1, help_text="Units behind one scan.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=within("pack_size", 1, 1_000_000),
                name="catalog_barcode_pack_size_positive",
                violation_error_message="A barcode stands for at least one unit.",
            ),
            models.CheckConstraint(
                condition=~Q(code="") & Q(code=Func("code", function="btrim")),
                name="catalog_barcode_code_without_outer_blanks",
                violation_error_message="A barcode is not empty and has no blanks around it.",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class PriceList(models.Model):
    """Prices in one currency, with or without tax; the higher priority wins over the lower."""

    code = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    currency = CurrencyField()
    is_tax_included = models.BooleanField(default=True)
    priority = models.IntegerField(default=0)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True, help_text="First moment it is over.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_to__isnull=True)
                | Q(valid_from__lt=F("valid_to")),
                name="catalog_pricelist_ends_after_it_begins",
                violation_error_message="A price list ends after it begins.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TsTzRange(Func):
    """The time from one moment up to, not including, another; null is open-ended."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class PriceQuerySet(models.QuerySet["Price"]):
    def valid_at(self, moment: datetime) -> PriceQuerySet:
        """Keep prices, of price lists, that hold at this moment."""
        return self.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=moment),
            Q(valid_to__isnull=True) | Q(valid_to__gt=moment),
            Q(price_list__valid_from__isnull=True) | Q(price_list__valid_from__lte=moment),
            Q(price_list__valid_to__isnull=True) | Q(price_list__valid_to__gt=moment),
        )

    def for_update(self) -> PriceQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@keep_history()
class Price(models.Model):
    """The unit price of a variant in a price list, from a quantity on, for a time."""

    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="prices")
    price_list = models.ForeignKey(PriceList, on_delete=models.CASCADE, related_name="prices")
    min_quantity = models.IntegerField(default=1)
    unit_price = MoneyField()
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True, help_text="First moment it is over.")

    objects = PriceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_to__isnull=True)
                | Q(valid_from__lt=F("valid_to")),
                name="catalog_price_ends_after_it_begins",
                violation_error_message="A price ends after it begins.",
            ),
            ExclusionConstraint(
                name="catalog_price_no_overlap",
                expressions=[
                    ("variant", RangeOperators.EQUAL),
                    ("price_list", RangeOperators.EQUAL),
                    ("min_quantity", RangeOperators.EQUAL),
                    (TsTzRange("valid_from", "valid_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="Another price is valid at the same time.",
            ),
            models.CheckConstraint(
                condition=within("min_quantity", 1, 1_000_000_000),
                name="catalog_price_min_quantity_positive",
                violation_error_message="A price holds from one unit on or more.",
            ),
            models.CheckConstraint(
                condition=amount_not_negative("unit_price"),
                name="catalog_price_not_negative",
                violation_error_message="A price is not negative.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit_price} from {self.min_quantity}"
