"""The catalog for other programs, to be read."""

from __future__ import annotations

from django.db.models import Prefetch
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.routers import BaseRouter

from catalog.models import Category, Price, PriceList, Product, Variant
from retail.common.api import ReadOnlyViewSet


class CategorySerializer(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ("id", "name", "parent")


class PriceListSerializer(serializers.ModelSerializer[PriceList]):
    class Meta:
        model = PriceList
        fields = (
            "id",
            "code",
            "name",
            "currency",
            "is_tax_included",
            "priority",
            "valid_from",
            "valid_to",
        )


class PriceSerializer(serializers.ModelSerializer[Price]):
    class Meta:
        model = Price
        fields = (
            "id",
            "variant",
            "price_list",
            "min_quantity",
            "unit_price",
            "valid_from",
            "valid_to",
        )


class VariantSerializer(serializers.ModelSerializer[Variant]):
    tax_class = serializers.SlugRelatedField(slug_field="code", read_only=True)

    class Meta:
        model = Variant
        fields = (
            "id",
            "product",
            "sku",
            "gtin",
            "name",
            "options",
            "weight_grams",
            "volume_ml",
            "is_stocked",
            "base_unit",
            "tax_class",
            "updated_at",
        )


class ProductSerializer(serializers.ModelSerializer[Product]):
    brand = serializers.SlugRelatedField(slug_field="name", read_only=True)
    variants = VariantSerializer(many=True, read_only=True)

    class Meta:
        model = Product
        fields = (
            "id",
            "name",
            "brand",
            "category",
            "status",
            "description",
            "variants",
            "updated_at",
        )


class ProductFilter(filters.FilterSet):
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Product
        fields = ("status", "brand", "category")


class VariantFilter(filters.FilterSet):
    sku = filters.CharFilter(lookup_expr="iexact")
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Variant
        fields = ("gtin", "product", "is_stocked")


class CategoryViewSet(ReadOnlyViewSet):
    queryset = Category.objects.order_by("pk")
    serializer_class = CategorySerializer
    filterset_fields = ("parent",)


class ProductViewSet(ReadOnlyViewSet):
    queryset = (
        Product.objects.select_related("brand")
        .prefetch_related(
            Prefetch("variants", Variant.objects.select_related("tax_class").order_by("pk"))
        )
        .order_by("pk")
    )
    serializer_class = ProductSerializer
    filterset_class = ProductFilter


class VariantViewSet(ReadOnlyViewSet):
    queryset = Variant.objects.select_related("tax_class").order_by("pk")
    serializer_class = VariantSerializer
    filterset_class = VariantFilter


class PriceListViewSet(ReadOnlyViewSet):
    queryset = PriceList.objects.order_by("pk")
    serializer_class = PriceListSerializer
    filterset_fields = ("currency",)


class PriceViewSet(ReadOnlyViewSet):
    queryset = Price.objects.order_by("pk")
    serializer_class = PriceSerializer
    filterset_fields = ("variant", "price_list")


def register(router: BaseRouter) -> None:
    """Put the catalog's addresses on the router."""
    router.register("categories", CategoryViewSet)
    router.register("products", ProductViewSet)
    router.register("variants", VariantViewSet)
    router.register("price-lists", PriceListViewSet)
    router.register("prices", PriceViewSet)
