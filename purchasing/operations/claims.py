"""Turning the lines of a pool's bills into claims on its order lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Case, F, Sum, When

from purchasing.line_finding import Keys, LineFinder
from purchasing.matching_facts import OrderFacts, plain
from purchasing.models import SupplierInvoiceLine
from purchasing.operations.pools import BILLED_ORDERS, MATCHABLE, PAYABLE, Pool
from purchasing.splitting import Claim, Share
from purchasing.total_tests import share_of_discount
from retail.common.among import among
from retail.common.money import ZERO, cent

Kind = SupplierInvoiceLine.Kind


@dataclass(frozen=True)
class Claims:
    """
    The claims of a pool in the order they are served.

    price_only: ids of those that give back money and no units. others: id -> the order of another
    supplier that the line names.
    """

    all: list[Claim]
    price_only: frozenset[int]
    others: Mapping[int, OrderFacts]


def claims_of(pool: Pool) -> Claims:
    """
    Return the claims of a pool, in an order that the documents give themselves.

    What is payable first, then lines that name their order, then those that name a delivery, then
    by date and number.
    """
    fixed = _fixed_shares(pool)
    finder = _finder(pool, fixed)
    discounts = _discounts(pool)
    placed, others = [], {}
    for line in pool.lines.values():
        invoice = pool.invoices[line.invoice_id]
        if invoice.status not in MATCHABLE and line.id not in fixed:
            continue
        found = finder.find(line)
        gives_back = pool.gives_back(line)
        discount = discounts.get(line.invoice_id)
        claim = Claim(
            id=line.id,
            units=line.quantity,
            net_amount=line.net_amount,
            currency=invoice.currency,
            order_line_ids=found.order_line_ids,
            is_credit=gives_back,
            is_price_only=gives_back and line.is_price_only,
            is_service=line.kind == Kind.SERVICE,
            receipt_line_ids=found.receipt_line_ids,
            fixed=tuple(fixed.get(line.id, ())),
        )
        if discount and not line.is_deduction and not claim.is_price_only:
            claim.net_amount -= share_of_discount(discount[0], line.net_amount, discount[1])
            claim.rounding = cent(invoice.currency)
        if found.other_order is not None:
            others[line.id] = found.other_order
        # The keys come last: they decide only between documents that are alike in everything.
        place = (
            not claim.fixed,
            not found.is_named,
            not found.receipt_line_ids,
            invoice.invoiced_on,
            invoice.number_normalised,
            line.position,
            line.id,
        )
        placed.append((place, claim))
    placed.sort(key=lambda pair: pair[0])
    claims = [claim for _, claim in placed]
    price_only = frozenset(claim.id for claim in claims if claim.is_price_only)
    return Claims(all=claims, price_only=price_only, others=others)


def _fixed_shares(pool: Pool) -> dict[int, list[Share]]:
    """Return line id -> its shares, of lines of payable bills."""
    payable = {pk for pk, invoice in pool.invoices.items() if invoice.status in PAYABLE}
    fixed: dict[int, list[Share]] = defaultdict(list)
    if payable:
        for match in pool.matches:
            if pool.lines[match.invoice_line_id].invoice_id in payable:
                fixed[match.invoice_line_id].append(
                    Share(
                        match.invoice_line_id,
                        match.order_line_id,
                        match.receipt_line_id,
                        match.units,
                    )
                )
    return fixed


def _finder(pool: Pool, fixed: Mapping[int, list[Share]]) -> LineFinder:
    billed: Counter[int] = Counter()
    for line_id, shares in fixed.items():
        line = pool.lines[line_id]
        gives_back = pool.gives_back(line)
        if gives_back and line.is_price_only:
            continue
        for share in shares:
            billed[share.order_line_id] += -share.units if gives_back else share.units
    lines = [
        line for line in pool.order_lines if pool.orders[line.order_id].status in BILLED_ORDERS
    ]
    return LineFinder(
        numbers=pool.numbers,
        order_lines=lines,
        articles=pool.articles,
        brought=_brought(pool),
        open_ids={line.id for line in lines if billed[line.id] < line.billable},
    )


def _brought(pool: Pool) -> dict[str, dict[int, Keys]]:
    """Return delivery note -> order line id -> receipt lines, of the deliveries of this pool."""
    found: dict[str, dict[int, Keys]] = {}
    for line in pool.receipt_lines:
        if note := plain(pool.receipts[line.receipt_id].delivery_note):
            of_note = found.setdefault(note, {})
            of_note[line.order_line_id] = of_note.get(line.order_line_id, Keys()) | {line.id}
    return found


def _discounts(pool: Pool) -> dict[int, tuple[Decimal, Decimal]]:
    """
    Return invoice id -> its discount and the goods it is on, both in all.

    A discount of the whole document lowers the price of each of its lines.
    """
    of_pool = SupplierInvoiceLine.objects.filter(invoice__in=among(pool.invoices))
    # On a bill a discount takes away; so it does on a credit note, from what is given back.
    taken = Case(When(is_deduction=True, then=F("net_amount")), default=-F("net_amount"))
    discounts = dict(
        of_pool.filter(charge=SupplierInvoiceLine.Charge.DISCOUNT)
        .order_by("invoice")
        .values("invoice")
        .annotate(taken=Sum(taken))
        .values_list("invoice", "taken")
    )
    if not discounts:
        return {}
    goods = dict(
        of_pool.filter(invoice__in=list(discounts), is_deduction=False)
        .exclude(kind=Kind.CHARGE)
        .order_by("invoice")
        .values("invoice")
        .annotate(goods=Sum("net_amount"))
        .values_list("invoice", "goods")
    )
    return {pk: (discounts[pk] or ZERO, goods[pk]) for pk in discounts if goods.get(pk)}
