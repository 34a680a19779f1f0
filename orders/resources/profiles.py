"""What is known about the sales files of one source: titles, formats, and which code is what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from retail.common.errors import BusinessError
from retail.common.tabular import NotANumber, parse_decimal, parse_integer


class LineRefused(BusinessError):
    """A line of a sales file cannot be taken in; the code names why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleLine:
    """A line of a sales file in our words; `quantity` keeps the sign it came with."""

    document: str
    code: str
    description: str
    quantity: int
    sold_at: datetime
    unit_price: Decimal
    account: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesProfile:
    """
    The rules by which one source's sales files are read.

    titles: our column name -> the titles it may have in the file.
    goods: codes of things that lie on a shelf; every other code is postage, a fee, a voucher.
    opening_cost_share: what a unit of the opening stock is taken to have cost, as a share of its
    usual price, since such a file tells no cost.
    """

    code: str
    name: str
    currency: str
    timezone: ZoneInfo
    titles: Mapping[str, tuple[str, ...]]
    date_formats: tuple[str, ...]
    goods: re.Pattern[str]
    sale_document: re.Pattern[str]
    return_document: re.Pattern[str]
    opening_cost_share: Decimal
    countries: Mapping[str, str]

    def read_line(self, columns: Mapping[str, str]) -> SaleLine:
        """
        Translate one line, its columns named by our names.

        :raises LineRefused: the line is no sale, no return and no correction of stock.
        """
        document = columns["document"].strip().upper()
        if not (self.sale_document.match(document) or self.return_document.match(document)):
            raise LineRefused(
                "not_a_sale", f"{document or 'This line'} is neither sale nor return."
            )
        return SaleLine(
            document=document,
            code=_required(columns, "code").upper(),
            description=" ".join(columns["description"].split()),
            quantity=_quantity(columns["quantity"]),
            sold_at=_moment(columns["sold_at"], self.date_formats, self.timezone),
            unit_price=_price(columns["unit_price"]),
            account=columns["account"].strip().removesuffix(".0"),
            country=self._country(columns["country"].strip().upper()),
        )

    def _country(self, name: str) -> str:
        """Return the code of a country named in words, or by the code itself."""
        return name if name in self.countries.values() else self.countries.get(name, "")

    def is_goods(self, code: str) -> bool:
        """Tell whether a code stands for something that is counted."""
        return self.goods.match(code) is not None


# The same few prices, quantities and moments come back all the time: half a million lines are
# read in half the time when each is worked out once.


@lru_cache(maxsize=10_000)
def _moment(text: str, date_formats: tuple[str, ...], timezone: ZoneInfo) -> datetime:
    for date_format in date_formats:
        try:
            return _parse_moment(text.strip(), date_format).replace(tzinfo=timezone)
        except ValueError:
            continue
    raise LineRefused("date", f"“{text}” is not a date and time.")


@lru_cache(maxsize=10_000)
def _quantity(text: str) -> int:
    try:
        quantity = parse_integer(text)
    except NotANumber as error:
        raise LineRefused("quantity", f"“{text}” is not a whole number.") from error
    if quantity == 0:
        raise LineRefused("quantity", "A quantity of zero moves nothing.")
    return quantity


@lru_cache(maxsize=10_000)
def _price(text: str) -> Decimal:
    try:
        price = parse_decimal(text, ".")
    except NotANumber as error:
        raise LineRefused("price", f"“{text}” is not a price.") from error
    if price < 0:
        raise LineRefused("price", "A negative price is a bookkeeping entry, not a sale.")
    return price


def _required(columns: Mapping[str, str], name: str) -> str:
    text = columns[name].strip()
    if not text:
        raise LineRefused(name, f"The line has no {name}.")
    return text


def _parse_moment(text: str, date_format: str) -> datetime:
    if date_format == "ISO 8601":
        # Ten times as fast as strptime, which counts on half a million lines.
        return datetime.fromisoformat(text).replace(tzinfo=None)
    return datetime.strptime(text, date_format)  # noqa: DTZ007 - the profile knows the zone


# Source of the country codes: ISO 3166-1. Names that are no single country stay empty.
_ONLINE_RETAIL_COUNTRIES = {
    "AUSTRALIA": "AU",
    "AUSTRIA": "AT",
    "BAHRAIN": "BH",
    "BELGIUM": "BE",
    "BERMUDA": "BM",
    "BRAZIL": "BR",
    "CANADA": "CA",
    "CHANNEL ISLANDS": "JE",
    "CYPRUS": "CY",
    "CZECH REPUBLIC": "CZ",
    "DENMARK": "DK",
    "EIRE": "IE",
    "FINLAND": "FI",
    "FRANCE": "FR",
    "GERMANY": "DE",
    "GREECE": "GR",
    "HONG KONG": "HK",
    "ICELAND": "IS",
    "ISRAEL": "IL",
    "ITALY": "IT",
    "JAPAN": "JP",
    "KOREA": "KR",
    "LEBANON": "LB",
    "LITHUANIA": "LT",
    "MALTA": "MT",
    "NETHERLANDS": "NL",
    "NIGERIA": "NG",
    "NORWAY": "NO",
    "POLAND": "PL",
    "PORTUGAL": "PT",
    "RSA": "ZA",
    "SAUDI ARABIA": "SA",
    "SINGAPORE": "SG",
    "SPAIN": "ES",
    "SWEDEN": "SE",
    "SWITZERLAND": "CH",
    "THAILAND": "TH",
    "UNITED ARAB EMIRATES": "AE",
    "UNITED KINGDOM": "GB",
    "USA": "US",
}

# Source: UCI Machine Learning Repository, "Online Retail" and "Online Retail II" (D. Chen): an
# invoice number starting with C is a cancellation; the second edition has other column titles.
ONLINE_RETAIL = SalesProfile(
    code="online-retail",
    name="Online Retail",
    currency="GBP",
    timezone=ZoneInfo("Europe/London"),
    titles=MappingProxyType(
        {
            "document": ("InvoiceNo", "Invoice"),
            "code": ("StockCode",),
            "description": ("Description",),
            "quantity": ("Quantity",),
            "sold_at": ("InvoiceDate",),
            "unit_price": ("UnitPrice", "Price"),
            "account": ("CustomerID", "Customer ID"),
            "country": ("Country",),
        }
    ),
    date_formats=("ISO 8601", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M"),
    goods=re.compile(r"(\d{5}[A-Z]*|DCGS.*|SP\d+|PADS)$", re.IGNORECASE),
    sale_document=re.compile(r"\d+$"),
    return_document=re.compile(r"C\d+$"),
    opening_cost_share=Decimal("0.5"),
    countries=MappingProxyType(_ONLINE_RETAIL_COUNTRIES),
)

PROFILES: Mapping[str, SalesProfile] = MappingProxyType({ONLINE_RETAIL.code: ONLINE_RETAIL})
