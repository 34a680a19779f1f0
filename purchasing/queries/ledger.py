"""The ledger of buying by account and month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce, TruncMonth

from purchasing.models import Account, LedgerLine
from retail.common.money import ZERO


@dataclass(frozen=True, kw_only=True)
class AccountMonth:
    """What moved an account in a month, and what it stood at before and after; book currency."""

    account: str
    month: date
    opening: Decimal
    debit: Decimal
    credit: Decimal

    @property
    def label(self) -> str:
        return str(Account(self.account).label)

    @property
    def closing(self) -> Decimal:
        return self.opening + self.debit - self.credit


def account_months(*, first: date, last: date) -> list[AccountMonth]:
    """
    Return each account's months from one day's month to another's, in one query.

    A month without a posting is left out, but for the first of an account that stood at something.
    """
    begin, end = first.replace(day=1), last.replace(day=1)
    zero = ZERO
    sums = (
        LedgerLine.objects.annotate(month=TruncMonth("posting__posted_at"))
        .values("account", "month")
        .annotate(
            debit=Coalesce(Sum("amount", filter=Q(amount__gt=0)), zero),
            credit=-Coalesce(Sum("amount", filter=Q(amount__lt=0)), zero),
        )
        .order_by("account", "month")
        .values_list("account", "month", "debit", "credit")
    )
    balances: dict[str, Decimal] = dict.fromkeys(Account.values, ZERO)
    rows: dict[str, list[AccountMonth]] = {account: [] for account in Account.values}
    for account, moment, debit, credit in sums:
        month = moment.date()
        if begin <= month <= end:
            rows[account].append(
                AccountMonth(
                    account=account,
                    month=month,
                    opening=balances[account],
                    debit=debit,
                    credit=credit,
                )
            )
        if month <= end:
            balances[account] += debit - credit
    for account, months in rows.items():
        if not months and balances[account]:
            months.append(
                AccountMonth(
                    account=account,
                    month=begin,
                    opening=balances[account],
                    debit=ZERO,
                    credit=ZERO,
                )
            )
    return [row for months in rows.values() for row in months]
