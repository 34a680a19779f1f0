"""Goods received that were not billed, and goods billed that did not come: what it stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Case, F, IntegerField, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce

from inventory.operations.levels import Ids
from purchasing.models import (
    Account,
    GoodsReceipt,
    GoodsReceiptLine,
    LedgerLine,
    MatchAllocation,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierReturn,
    SupplierReturnLine,
)
from retail.common.money import ZERO, round_amount, round_part

PAYABLE = ("APPROVED", "EXPORTED", "PAID")
IS_CREDIT = Q(invoice_line__invoice__kind=SupplierInvoice.Kind.CREDIT_NOTE)
IS_DEDUCTION = Q(invoice_line__is_deduction=True)
# A line that takes away of a bill counts as one of a credit note does, and the other way round.
GIVES_BACK = (IS_CREDIT & ~IS_DEDUCTION) | (~IS_CREDIT & IS_DEDUCTION)


@dataclass(frozen=True, slots=True)
class OpenGoods:
    """
    A receipt line: its accepted units, what they were worth, and the units that are open.

    Open is what came and is neither billed by a payable document nor sent back for a credit or a
    replacement; below zero what was billed and then sent back.
    """

    accepted: int
    value: Decimal
    units: int

    def value_of(self, units: int) -> Decimal:
        """Return what units of it are worth, in book currency to the cent."""
        if not self.accepted:
            return ZERO
        return round_part(self.value, units, self.accepted, settings.RETAIL_CURRENCY)


def open_goods(receipt_line_ids: Collection[int]) -> dict[int, OpenGoods]:
    """Return receipt line id -> what is open of it, by its documents."""
    billed = (
        MatchAllocation.objects.filter(
            receipt_line=OuterRef("pk"),
            is_price_only=False,
            invoice_line__invoice__status__in=PAYABLE,
        )
        .values("receipt_line")
        .annotate(sum=Sum(Case(When(GIVES_BACK, then=-F("units")), default=F("units"))))
        .values("sum")
    )
    sent_back = (
        SupplierReturnLine.objects.filter(
            receipt_line=OuterRef("pk"), supplier_return__shipped_at__isnull=False
        )
        .exclude(supplier_return__expects=SupplierReturn.Expects.NOTHING)
        .values("receipt_line")
        .annotate(sum=Sum("units"))
        .values("sum")
    )
    lines = GoodsReceiptLine.objects.filter(pk__in=list(receipt_line_ids)).annotate(
        open_units=Case(
            When(receipt__status=GoodsReceipt.Status.REVERSED, then=0),
            default=F("accepted")
            - Coalesce(Subquery(billed, output_field=IntegerField()), 0)
            - Coalesce(Subquery(sent_back, output_field=IntegerField()), 0),
        )
    )
    return {
        pk: OpenGoods(accepted=accepted, value=value, units=units)
        for pk, accepted, value, units in lines.values_list("pk", "accepted", "value", "open_units")
    }


@dataclass(frozen=True, kw_only=True)
class GrniLine:
    """
    An order line whose goods and bills do not make up for each other, and why, in book currency.

    received: goods at the cost of their receipts, less what was sent back. invoiced: what payable
    documents bill of them. The difference of both is a price difference, a quantity difference
    (units billed less units received, at the receipt's cost) and an exchange difference, to the
    cent. `booked` of it has gone to stock, cost of sales and other accounts already, `cleared`
    somebody wrote off; the rest is the `balance` of the account, below zero for goods that came
    and were not billed. Units and amounts of a moment in the past are those of its postings.
    """

    order_line_id: int
    order_id: int
    number: str
    position: int
    supplier_id: int
    supplier: str
    variant_id: int
    sku: str
    received_units: int
    invoiced_units: int
    received: Decimal
    invoiced: Decimal
    quantity_difference: Decimal
    price_difference: Decimal
    exchange_difference: Decimal
    booked: Decimal
    cleared: Decimal
    balance: Decimal
    to_clear: Mapping[str, Decimal]
    since: date
    days: int

    @property
    def difference(self) -> Decimal:
        return self.invoiced - self.received


def grni_lines(
    *, as_of: datetime, order_line_ids: Collection[int] | None = None, is_open: bool = True
) -> list[GrniLine]:
    """
    Return the order lines with a balance at a moment, the oldest first; five queries.

    order_line_ids: only these. is_open: without those that have come out at nothing. Their
    balances add up to `account_balance(GRNI)`.
    """
    sums = _sums(as_of, order_line_ids, is_open=is_open)
    ids = list(sums)
    goods, waiting = _open_goods(as_of, ids), _waiting(as_of, ids)
    received = _received(as_of, ids)
    lines = PurchaseOrderLine.objects.filter(pk__in=Ids(ids)).select_related(
        "order__supplier", "variant"
    )
    explained = [
        _explained(
            line,
            sums[line.pk],
            goods=goods[line.pk],
            waiting=waiting[line.pk],
            received=received.get(line.pk, _Received()),
            as_of=as_of,
        )
        for line in lines.order_by("pk")
    ]
    return sorted(explained, key=lambda line: (line.since, line.order_line_id))


def account_balance(account: str, *, as_of: datetime) -> Decimal:
    """Return what an account of the ledger of buying stood at, positive a debit."""
    lines = LedgerLine.objects.filter(account=account, posting__posted_at__lte=as_of)
    balance: Decimal | None = lines.aggregate(sum=Sum("amount"))["sum"]
    return balance or ZERO


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the postings of an order line add up to."""

    balance: Decimal
    received: Decimal
    invoiced: Decimal
    price: Decimal
    exchange: Decimal
    cleared: Decimal
    cleared_price: Decimal
    cleared_quantity: Decimal
    cleared_exchange: Decimal


@dataclass(frozen=True, slots=True)
class _Open:
    """What is open of a receipt, or waits of a bill's line: units, amount on the account, since."""

    units: Decimal
    amount: Decimal
    since: date
    at_cost: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class _Received:
    """Units of an order line that are here or gone for nothing; all that came, and its worth."""

    units: int = 0
    accepted: int = 0
    value: Decimal = ZERO

    def worth(self, units: Decimal) -> Decimal | None:
        """Return what so many units are worth at the receipts' cost, if anything came."""
        return _cents(self.value * units / self.accepted) if self.accepted else None


def _sums(
    as_of: datetime, order_line_ids: Collection[int] | None, *, is_open: bool
) -> dict[int, _Sums]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT line.order_line_id,
                   coalesce(sum(amount) FILTER (WHERE account = 'GRNI'), 0) AS balance,
                   -coalesce(sum(amount) FILTER (WHERE account = 'GRNI' AND kind = ANY(%(goods)s)),
                             0) AS received,
                   coalesce(sum(amount) FILTER (WHERE kind = ANY(%(bills)s)), 0) AS invoiced,
                   coalesce(sum(amount) FILTER (
                       WHERE kind = ANY(%(bills)s)
                         AND account IN ('STOCK', 'COST_OF_SALES', 'ROUNDING')), 0) AS price,
                   coalesce(sum(amount) FILTER (
                       WHERE kind = ANY(%(bills)s) AND account = 'EXCHANGE_DIFFERENCE'), 0),
                   -coalesce(sum(amount) FILTER (
                       WHERE kind = 'CLEARED' AND account = 'GRNI'), 0),
                   coalesce(sum(amount) FILTER (
                       WHERE kind = 'CLEARED' AND account = 'COST_OF_SALES'), 0),
                   coalesce(sum(amount) FILTER (
                       WHERE kind = 'CLEARED' AND account = 'QUANTITY_DIFFERENCE'), 0),
                   coalesce(sum(amount) FILTER (
                       WHERE kind = 'CLEARED' AND account = 'EXCHANGE_DIFFERENCE'), 0)
              FROM purchasing_ledgerline AS line
              JOIN purchasing_ledgerposting AS posting ON posting.id = line.posting_id
             WHERE line.order_line_id IS NOT NULL AND line.account <> 'PURCHASES'
               AND (%(ids)s::bigint[] IS NULL OR line.order_line_id = ANY(%(ids)s))
               AND posting.posted_at <= %(as_of)s
             GROUP BY line.order_line_id
            HAVING NOT %(is_open)s OR sum(amount) FILTER (WHERE account = 'GRNI') <> 0
            """,
            {
                "goods": ["RECEIPT", "RECEIPT_REVERSED", "RETURN"],
                "bills": ["INVOICE", "INVOICE_VOIDED", "GOODS_FOUND"],
                "ids": None if order_line_ids is None else list(order_line_ids),
                "as_of": as_of,
                "is_open": is_open,
            },
        )
        return {pk: _Sums(*amounts) for pk, *amounts in cursor.fetchall()}


def _open_goods(as_of: datetime, order_line_ids: list[int]) -> dict[int, list[_Open]]:
    """Return order line id -> its receipts of which something is open."""
    return _of_lines(
        """
        SELECT came.order_line_id, round(-open.amount * came.accepted / came.value), open.amount,
               receipt.received_at::date, 0::numeric
          FROM (SELECT line.receipt_line_id, sum(line.amount) AS amount
                  FROM purchasing_ledgerline AS line
                  JOIN purchasing_ledgerposting AS posting ON posting.id = line.posting_id
                 WHERE line.order_line_id = ANY(%(ids)s) AND line.account = 'GRNI'
                   AND line.receipt_line_id IS NOT NULL AND posting.posted_at <= %(as_of)s
                 GROUP BY line.receipt_line_id
                HAVING sum(line.amount) <> 0) AS open
          JOIN purchasing_goodsreceiptline AS came ON came.id = open.receipt_line_id
          JOIN purchasing_goodsreceipt AS receipt ON receipt.id = came.receipt_id
         ORDER BY came.id
        """,
        as_of,
        order_line_ids,
    )


def _waiting(as_of: datetime, order_line_ids: list[int]) -> dict[int, list[_Open]]:
    """
    Return order line id -> lines of payable bills that wait for goods on it.

    Their rate is the one they were posted at: what the line is worth in the ledger over its net
    amount.
    """
    return _of_lines(
        """
        SELECT open.order_line_id,
               CASE WHEN printed.is_price_only OR whole.amount = 0 THEN 0
                    ELSE round(open.amount * printed.quantity / whole.amount)
                         * sign(whole.amount) END,
               open.amount, invoice.invoiced_on,
               CASE WHEN printed.net_amount = 0 THEN 0
                    ELSE ordered.unit_cost * abs(whole.amount) / printed.net_amount END
          FROM (SELECT line.order_line_id, line.invoice_line_id, sum(line.amount) AS amount
                  FROM purchasing_ledgerline AS line
                  JOIN purchasing_ledgerposting AS posting ON posting.id = line.posting_id
                 WHERE line.order_line_id = ANY(%(ids)s) AND line.account = 'GRNI'
                   AND line.receipt_line_id IS NULL AND line.invoice_line_id IS NOT NULL
                   AND posting.posted_at <= %(as_of)s
                 GROUP BY line.order_line_id, line.invoice_line_id
                HAVING sum(line.amount) <> 0) AS open
          JOIN purchasing_purchaseorderline AS ordered ON ordered.id = open.order_line_id
          JOIN purchasing_supplierinvoiceline AS printed ON printed.id = open.invoice_line_id
          JOIN purchasing_supplierinvoice AS invoice ON invoice.id = printed.invoice_id
          JOIN (SELECT line.invoice_line_id, sum(line.amount) AS amount
                  FROM purchasing_ledgerline AS line
                  JOIN purchasing_ledgerposting AS posting ON posting.id = line.posting_id
                 WHERE posting.kind = 'INVOICE' AND line.invoice_line_id IS NOT NULL
                 GROUP BY line.invoice_line_id) AS whole
            ON whole.invoice_line_id = open.invoice_line_id
         ORDER BY open.invoice_line_id
        """,
        as_of,
        order_line_ids,
    )


def _of_lines(query: str, as_of: datetime, order_line_ids: list[int]) -> dict[int, list[_Open]]:
    found: dict[int, list[_Open]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(query, {"ids": order_line_ids, "as_of": as_of})
        for order_line_id, *figures in cursor.fetchall():
            found[order_line_id].append(_Open(*figures))
    return found


def _received(as_of: datetime, order_line_ids: list[int]) -> dict[int, _Received]:
    """Return order line id -> what came of it, as far as it was not reversed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT came.order_line_id, sum(came.accepted - coalesce(gone.units, 0)),
                   sum(came.accepted), sum(came.value)
              FROM purchasing_goodsreceiptline AS came
              JOIN purchasing_goodsreceipt AS receipt ON receipt.id = came.receipt_id
              LEFT JOIN LATERAL (
                    SELECT sum(line.units) AS units
                      FROM purchasing_supplierreturnline AS line
                      JOIN purchasing_supplierreturn AS returned
                        ON returned.id = line.supplier_return_id
                     WHERE line.receipt_line_id = came.id AND returned.expects <> 'NOTHING'
                       AND returned.shipped_at <= %(as_of)s) AS gone ON true
             WHERE came.order_line_id = ANY(%(ids)s) AND receipt.received_at <= %(as_of)s
               AND (receipt.reversed_at IS NULL OR receipt.reversed_at > %(as_of)s)
             GROUP BY came.order_line_id
            """,
            {"ids": order_line_ids, "as_of": as_of},
        )
        return {pk: _Received(*figures) for pk, *figures in cursor.fetchall()}


def _explained(
    line: PurchaseOrderLine,
    sums: _Sums,
    *,
    goods: list[_Open],
    waiting: list[_Open],
    received: _Received,
    as_of: datetime,
) -> GrniLine:
    """
    Say what the balance of an order line is made of.

    Goods that are not billed are quantity, at their receipts' cost. Units billed that did not come
    are quantity at the cost of the goods that did, else at the order's at the bill's rate; what
    they are billed beyond that is price, and in a foreign currency first what the rate changed.
    """
    is_foreign = line.order.currency != settings.RETAIL_CURRENCY
    open_units = sum((row.units for row in goods), ZERO)
    quantity = sum((row.amount for row in goods), ZERO)
    exchange, price = ZERO, ZERO
    if not open_units:
        # As many came as were billed or went back: what is left is no question of units.
        exchange, price = (quantity, ZERO) if is_foreign else (ZERO, quantity)
        quantity = ZERO
    for row in waiting:
        at_bill = _cents(row.units * row.at_cost)
        at_receipt = received.worth(row.units)
        counted = at_bill if at_receipt is None else at_receipt
        drift = at_bill - counted if is_foreign else ZERO
        quantity, exchange = quantity + counted, exchange + drift
        price += row.amount - counted - drift
    dates = [row.since for row in (*goods, *waiting)]
    since = min(dates, default=as_of.date())
    billed = received.units - open_units + sum((row.units for row in waiting), ZERO)
    return GrniLine(
        order_line_id=line.pk,
        order_id=line.order_id,
        number=line.order.number,
        position=line.position,
        supplier_id=line.order.supplier_id,
        supplier=line.order.supplier.name,
        variant_id=line.variant_id,
        sku=line.variant.sku,
        received_units=int(received.units),
        invoiced_units=int(billed),
        received=sums.received,
        invoiced=sums.invoiced,
        quantity_difference=quantity,
        price_difference=price + sums.price,
        exchange_difference=exchange + sums.exchange,
        booked=sums.price + sums.exchange,
        cleared=sums.cleared,
        balance=sums.balance,
        to_clear={
            Account.QUANTITY_DIFFERENCE: quantity - sums.cleared_quantity,
            Account.COST_OF_SALES: price - sums.cleared_price,
            Account.EXCHANGE_DIFFERENCE: exchange - sums.cleared_exchange,
        },
        since=since,
        days=(as_of.date() - since).days,
    )


def _cents(amount: Decimal) -> Decimal:
    return round_amount(amount, settings.RETAIL_CURRENCY)
