"""
Taking in a file of past sales: its articles, customers, opening stock, then every document.

Each step can be repeated: what is known stays as it is, so an import that was broken off goes on
where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.db.models.functions import Upper

from catalog.models import Price, PriceList, Product, Variant
from channels.connectors.base import (
    IncomingAddress,
    IncomingBuyer,
    IncomingLine,
    IncomingOrder,
    IncomingStatus,
)
from channels.models import Channel
from customers.models import Customer
from inventory.models import Location, StockLevel, StockMovement
from inventory.operations import Issue, Received, Source, post_issues, receive_stock
from orders.models import Order, Return
from orders.operations.history import (
    IncomingReturn,
    IncomingReturnLine,
    ingest_orders,
    register_returns,
)
from orders.resources import SalesProfile, SalesStaging, StagedDocument
from orders.resources.profiles import LineRefused, SaleLine
from orders.resources.sales_staging import Article
from retail.common.errors import BusinessError
from retail.common.imports import Reject
from retail.common.money import ZERO, round_amount
from retail.common.tabular import Dialect, MissingColumn, Row, read_table

BATCH = 1000
LINES_BETWEEN_NEWS = 20_000
MOST_REFUSED = 50_000


class TooManyRefused(BusinessError):
    """So many lines are refused that the file is another one than it was said to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesFile:
    """A file of past sales, its import run, and where its sales are said to have happened."""

    path: Path
    sha256: str
    run_id: int
    profile: SalesProfile
    channel: Channel
    location: Location


@dataclass(slots=True, kw_only=True)
class SalesImportResult:
    """
    What became of a file: lines read are lines imported, refused or skipped as known.

    titles: our column name -> the file's title. lines_unknown: imported ones whose article nobody
    knows, which hold their orders. lines_not_goods: postage, fees and the like. held: orders that
    somebody has to look at.
    """

    titles: dict[str, str] = field(default_factory=dict)
    lines_read: int = 0
    lines_skipped: int = 0
    rejects: list[Reject] = field(default_factory=list)
    orders: int = 0
    returns: int = 0
    adjustments: int = 0
    lines_unknown: int = 0
    lines_not_goods: int = 0
    held: int = 0
    products: int = 0
    variants: int = 0
    customers: int = 0
    opening_units: int = 0

    @property
    def lines_imported(self) -> int:
        return self.lines_read - len(self.rejects) - self.lines_skipped


def import_sales(
    *, source: SalesFile, at: datetime, progress: Callable[[str, int, int], None]
) -> SalesImportResult:
    """
    Take in a whole file of past sales, each batch of documents in its own transaction.

    progress: called with the step's name, how far it is, and how far it goes.

    :raises MissingColumn: the file lacks a column the profile needs.
    """
    result, staging = SalesImportResult(), SalesStaging()
    staging.fill(_read(source, result, progress))
    result.rejects += staging.take_out_misfits(result.titles)
    result.lines_skipped = staging.mark_known(_known_documents(source.channel, staging))

    progress("Catalogue", 0, 1)
    articles, customers = staging.articles(), Customer.objects.count()
    result.products, result.variants = _make_catalogue(source.profile, articles)
    result.opening_units = _take_opening_stock(source, staging, articles, at)
    variants = _variant_ids(articles)
    count = staging.batch_count()
    for index, documents in enumerate(staging.batches()):
        progress("Orders", index, count)
        _import_batch(source, documents, variants, at, result)
    progress("Orders", count, count)
    result.customers = Customer.objects.count() - customers
    return result


def _read(
    source: SalesFile, result: SalesImportResult, progress: Callable[[str, int, int], None]
) -> Iterator[tuple[int, SaleLine, bool]]:
    """Yield the lines that can be read; the others become rejects of the result."""
    for row in read_table(source.path, Dialect(delimiter=",")):
        result.titles = result.titles or _titles(source.profile, row)
        result.lines_read += 1
        if result.lines_read % LINES_BETWEEN_NEWS == 0:
            progress("Reading", result.lines_read, 0)
        try:
            line = _sale_line(source.profile, result.titles, row)
        except LineRefused as refusal:
            _refuse(result, row, refusal)
        else:
            yield row.line_number, line, source.profile.is_goods(line.code)


def _sale_line(profile: SalesProfile, titles: Mapping[str, str], row: Row) -> SaleLine:
    if row.error:
        raise LineRefused(row.error_code, row.error)
    return profile.read_line({ours: row.columns[title] for ours, title in titles.items()})


def _refuse(result: SalesImportResult, row: Row, refusal: LineRefused) -> None:
    """Keep the line with its reason; stop when this cannot be a file of the profile."""
    result.rejects.append(
        Reject(
            line_number=row.line_number,
            code=refusal.code,
            text=refusal.message,
            columns=dict(row.columns),
        )
    )
    if len(result.rejects) > MOST_REFUSED:
        msg = f"More than {MOST_REFUSED:,} lines make no sense: is it the right profile?"
        raise TooManyRefused(msg, last=refusal.message)


def _titles(profile: SalesProfile, row: Row) -> dict[str, str]:
    """Return our column name -> the file's title."""
    found = {
        ours: next((title for title in titles if title in row.columns), "")
        for ours, titles in profile.titles.items()
    }
    if missing := [profile.titles[ours][0] for ours, title in found.items() if not title]:
        raise MissingColumn(missing, list(row.columns))
    return found


def _known_documents(channel: Channel, staging: SalesStaging) -> set[str]:
    """Return the documents of the file that are in the books already."""
    kinds: dict[str, list[str]] = {"SALE": [], "RETURN": [], "ADJUSTMENT": []}
    for document, kind in staging.documents():
        kinds[kind].append(document)
    known = set(
        Order.objects.filter(channel=channel, external_id__in=kinds["SALE"]).values_list(
            "external_id", flat=True
        )
    )
    known |= set(
        Return.objects.filter(channel=channel, external_id__in=kinds["RETURN"]).values_list(
            "external_id", flat=True
        )
    )
    references = {_reference(channel, document): document for document in kinds["ADJUSTMENT"]}
    known |= {
        references[reference]
        for reference in StockMovement.objects.filter(
            kind=StockMovement.Kind.ADJUSTMENT, reference__in=list(references)
        ).values_list("reference", flat=True)
    }
    return {document for document in known if document}


def _reference(channel: Channel, document: str) -> str:
    return f"{channel.code}/{document}"


@transaction.atomic
def _make_catalogue(profile: SalesProfile, articles: Sequence[Article]) -> tuple[int, int]:
    """
    Make a variant for every code that has none, with its usual price; return products, variants.

    Codes that differ in their last letters only (85123A, 85123B) are variants of one product.
    """
    known = set(_variant_ids(articles))
    new = [article for article in articles if article.code not in known]
    stems = {article.code: _stem(article.code) for article in articles}
    products = {
        stem: product_id
        for sku, product_id in Variant.objects.annotate(upper_sku=Upper("sku"))
        .filter(upper_sku__in=[article.code for article in articles])
        .values_list("upper_sku", "product")
        if (stem := stems.get(sku))
    }
    missing = {
        stems[article.code]: article for article in new if stems[article.code] not in products
    }
    created = Product.objects.bulk_create(
        [
            Product(name=article.name or article.code, status=Product.Status.ACTIVE)
            for article in missing.values()
        ],
        batch_size=BATCH,
    )
    products |= {stem: product.pk for stem, product in zip(missing, created, strict=True)}
    variants = Variant.objects.bulk_create(
        [
            Variant(
                product_id=products[stems[article.code]],
                sku=article.code,
                name=article.name,
                is_stocked=article.is_goods,
            )
            for article in new
        ],
        batch_size=BATCH,
    )
    price_list, _ = PriceList.objects.get_or_create(
        code=profile.code, defaults={"name": profile.name, "currency": profile.currency}
    )
    Price.objects.bulk_create(
        [
            Price(variant=variant, price_list=price_list, unit_price=article.usual_price)
            for variant, article in zip(variants, new, strict=True)
            if article.usual_price is not None
        ],
        batch_size=BATCH,
    )
    return len(created), len(variants)


def _stem(code: str) -> str:
    match = re.match(r"\d{5}", code)
    return match.group() if match else code


def _variant_ids(articles: Sequence[Article]) -> dict[str, int]:
    """Return code -> variant id for the codes that have a variant."""
    return dict(
        Variant.objects.annotate(upper_sku=Upper("sku"))
        .filter(upper_sku__in=[article.code for article in articles])
        .values_list("upper_sku", "pk")
    )


@transaction.atomic
def _take_opening_stock(
    source: SalesFile, staging: SalesStaging, articles: Sequence[Article], at: datetime
) -> int:
    """
    Bring in what must have been on the shelves before the file begins; return the units.

    As many as the stock of an article would otherwise fall below zero, less what is free now,
    at the profile's share of its usual price.
    """
    needs = staging.opening_needs()
    prices = {article.code: article.usual_price or ZERO for article in articles}
    variants = _variant_ids(articles)
    free = {
        variant_id: on_hand - allocated
        for variant_id, on_hand, allocated in StockLevel.objects.filter(
            location=source.location, variant_id__in=list(variants.values())
        ).values_list("variant", "on_hand", "allocated")
    }
    received = {}
    for code, units in needs.items():
        missing = units - free.get(variants[code], 0)
        if missing > 0:
            unit_cost = prices[code] * source.profile.opening_cost_share
            value = round_amount(unit_cost * missing, source.profile.currency)
            received[variants[code]] = Received(units=missing, value=value)
    if received:
        receive_stock(
            location=source.location,
            received=received,
            reference=f"OPENING/{source.sha256[:12]}",
            kind=StockMovement.Kind.OPENING,
            at=staging.first_moment() or at,
            source=Source(kind=StockMovement.SourceKind.IMPORT, document_id=source.run_id),
        )
    return sum(units.units for units in received.values())


@transaction.atomic
def _import_batch(
    source: SalesFile,
    documents: Sequence[StagedDocument],
    variants: Mapping[str, int],
    at: datetime,
    result: SalesImportResult,
) -> None:
    """Post one batch: sales, then corrections of stock, then what came back."""
    sales = [_order(source, document) for document in documents if document.kind == "SALE"]
    returns = [_return(document, variants) for document in documents if document.kind == "RETURN"]
    adjustments = [document for document in documents if document.kind == "ADJUSTMENT"]
    if sales:
        taken = ingest_orders(channel=source.channel, batch=sales, location=source.location, at=at)
        result.lines_unknown += taken.lines_unknown
        result.held += taken.held
    if adjustments:
        post_issues(issues=_corrections(source, adjustments, variants), at=at)
    if returns:
        register_returns(channel=source.channel, batch=returns, location=source.location, at=at)
    result.lines_not_goods += sum(
        not line.is_goods for document in documents for line in document.lines
    )
    result.orders += len(sales)
    result.returns += len(returns)
    result.adjustments += len(adjustments)


def _order(source: SalesFile, document: StagedDocument) -> IncomingOrder:
    lines = tuple(
        IncomingLine(
            external_line_id=str(position),
            quantity=line.quantity,
            unit_price=line.unit_price,
            total=line.unit_price * line.quantity,
            sku=line.code,
            name=line.description,
            is_stocked=line.is_goods,
        )
        for position, line in enumerate(document.lines, start=1)
    )
    return IncomingOrder(
        external_id=document.document,
        external_number=document.document,
        status=IncomingStatus.SHIPPED,
        currency=source.profile.currency,
        total=sum((line.total for line in lines), ZERO),
        placed_at=document.placed_at,
        updated_at=document.placed_at,
        lines=lines,
        buyer=_buyer(document),
        delivery_address=IncomingAddress(country=document.country) if document.country else None,
        is_paid=True,
    )


def _return(document: StagedDocument, variants: Mapping[str, int]) -> IncomingReturn:
    return IncomingReturn(
        external_id=document.document,
        buyer=_buyer(document),
        received_at=document.placed_at,
        lines=tuple(
            IncomingReturnLine(
                external_line_id=str(position),
                variant_id=variants[line.code],
                sku=line.code,
                name=line.description,
                quantity=-line.quantity,
                unit_price=line.unit_price,
                is_stocked=line.is_goods,
            )
            for position, line in enumerate(document.lines, start=1)
        ),
    )


def _buyer(document: StagedDocument) -> IncomingBuyer | None:
    return IncomingBuyer(account=document.account) if document.account else None


def _corrections(
    source: SalesFile, documents: Sequence[StagedDocument], variants: Mapping[str, int]
) -> list[Issue]:
    """Return what free goods without a buyer did to the stock; units that leave are positive."""
    return [
        Issue(
            location_id=source.location.pk,
            variant_id=variants[line.code],
            units=-line.quantity,
            kind=StockMovement.Kind.ADJUSTMENT,
            reference=_reference(source.channel, document.document),
            moved_at=document.placed_at,
            reason=line.description or "No reason given",
            source_kind=StockMovement.SourceKind.IMPORT,
            source_id=source.run_id,
        )
        for document in documents
        for line in document.lines
    ]
