"""What stands in one body of a FatturaPA file, as it stands there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from purchasing.einvoices.documents import Charge, Syntax
from purchasing.einvoices.elements import Element
from purchasing.einvoices.values import account_of
from retail.common.money import ZERO

SYNTAX = Syntax.FATTURA_PA
ONE = Decimal(1)
CENT = Decimal("0.01")
HUNDRED = Decimal(100)
SPLIT_PAYMENT = "S"

# Source: technical specifications of FatturaPA, codes of <Natura>; UNCL 5305 beside them.
_CATEGORIES = {
    "N1": "O",
    "N2": "O",
    "N3": "E",
    "N3.1": "G",
    "N3.2": "K",
    "N4": "E",
    "N5": "E",
    "N6": "AE",
    "N7": "O",
}
# <TipoCessionePrestazione>: discount, reward, rebate; the fourth, AC, is what comes on top.
DEDUCTIONS = frozenset({"SC", "PR", "AB"})
ON_TOP = "AC"
_WORDS_OF_CHARGES = (
    (Charge.FREIGHT, ("trasport", "spedizion", "corriere", "nolo", "consegna", "porto")),
    (Charge.PACKING, ("imball", "confezion", "pallet")),
    (Charge.INSURANCE, ("assicuraz",)),
    (Charge.CUSTOMS, ("dogan", "dazi")),
)


@dataclass(frozen=True, kw_only=True)
class Discount:
    """<ScontoMaggiorazione>: a discount or a surcharge, in percent or as an amount."""

    is_surcharge: bool
    percent: Decimal | None
    amount: Decimal | None

    @property
    def says_nothing(self) -> bool:
        return self.percent is None and self.amount is None

    def of(self, base: Decimal, *, by_percent: bool = False) -> Decimal:
        """Return what it changes a price or total by, signed; both are given: the amount goes."""
        if self.amount is not None and not (by_percent and self.percent is not None):
            change = self.amount
        else:
            change = base * (self.percent or ZERO) / HUNDRED
        return change if self.is_surcharge else -change


@dataclass(frozen=True, kw_only=True)
class Detail:
    """<DettaglioLinee>, with its price worked out."""

    position: str
    kind: str
    codes: tuple[tuple[str, str], ...]
    description: str
    quantity: Decimal
    unit: str
    price: Decimal
    discounts: tuple[Discount, ...]
    amount: Decimal
    rate: Decimal
    nature: str
    is_withheld_from: bool
    unit_price: Decimal
    adjustment: Decimal
    is_worked_out_right: bool

    @property
    def category(self) -> str:
        return category_of(self.nature, self.rate)


@dataclass(frozen=True, kw_only=True)
class Fund:
    """<DatiCassaPrevidenziale>: a contribution to a pension fund, added to the fee."""

    amount: Decimal
    rate: Decimal
    nature: str
    is_withheld_from: bool

    @property
    def category(self) -> str:
        return category_of(self.nature, self.rate)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """<DatiRiepilogo>: the tax of one rate and nature."""

    rate: Decimal
    nature: str
    extra: Decimal
    rounding: Decimal
    taxable: Decimal
    tax: Decimal
    due: str

    @property
    def category(self) -> str:
        return category_of(self.nature, self.rate)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """<DatiOrdineAcquisto> or <DatiDDT>: a document, and the lines it is about (none: all)."""

    number: str
    item: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Instalment:
    """<DettaglioPagamento>."""

    due_on: date | None
    amount: Decimal | None
    iban: str
    bic: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Body:
    """<FatturaElettronicaBody>: one document of the file."""

    position: int
    type_code: str
    currency: str
    issued_on: date
    number: str
    stated_total: Decimal | None
    rounding: Decimal
    stamp: Decimal
    discounts: tuple[Discount, ...]
    funds: tuple[Fund, ...]
    withheld: Decimal
    has_withholding: bool
    reasons: tuple[str, ...]
    orders: tuple[Reference, ...]
    delivery_notes: tuple[Reference, ...]
    preceding: tuple[tuple[str, date | None], ...]
    details: tuple[Detail, ...]
    summaries: tuple[Summary, ...]
    instalments: tuple[Instalment, ...]
    empty_texts: tuple[str, ...]


def category_of(nature: str, rate: Decimal) -> str:
    """Return the tax category of UNCL 5305 for a <Natura> and a rate."""
    if nature:
        return _CATEGORIES.get(nature, _CATEGORIES.get(nature.partition(".")[0], "O"))
    return "S" if rate else "Z"


def charge_of(words: str) -> Charge:
    """Return which charge the words of a line on top of the goods mean."""
    plain = words.casefold()
    for charge, stems in _WORDS_OF_CHARGES:
        if any(stem in plain for stem in stems):
            return charge
    return Charge.OTHER


def read_body(node: Element, position: int) -> Body:
    """:raises UnreadableDocument: INCOMPLETE, BAD_VALUE, TEMPLATE."""
    general = node.part("DatiGenerali")
    head = general.part("DatiGeneraliDocumento")
    issued_on = head.required_day("Data", term="date <Data>")
    withholdings = list(head.all("DatiRitenuta"))
    return Body(
        position=position,
        type_code=head.text("TipoDocumento").upper(),
        currency=head.required("Divisa", term="currency <Divisa>").upper(),
        issued_on=issued_on,
        number=head.required("Numero", term="number <Numero>"),
        stated_total=_number(head, "ImportoTotaleDocumento"),
        rounding=_number(head, "Arrotondamento") or ZERO,
        stamp=_number(head, "DatiBollo/ImportoBollo") or ZERO,
        discounts=_discounts(head),
        funds=tuple(_fund(part) for part in head.all("DatiCassaPrevidenziale")),
        withheld=_sum(_number(part, "ImportoRitenuta") for part in withholdings),
        has_withholding=bool(withholdings),
        reasons=tuple(head.texts("Causale")),
        orders=tuple(_reference(part, "IdDocumento") for part in general.all("DatiOrdineAcquisto")),
        delivery_notes=tuple(_reference(part, "NumeroDDT") for part in general.all("DatiDDT")),
        preceding=tuple(
            (number, _day(part, "Data"))
            for part in general.all("DatiFattureCollegate")
            if (number := part.text("IdDocumento"))
        ),
        details=tuple(_detail(part) for part in node.all("DatiBeniServizi/DettaglioLinee")),
        summaries=tuple(_summary(part) for part in node.all("DatiBeniServizi/DatiRiepilogo")),
        instalments=tuple(
            _instalment(part, issued_on) for part in node.all("DatiPagamento/DettaglioPagamento")
        ),
        empty_texts=tuple(_empty_texts(node)),
    )


def _number(node: Element, path: str) -> Decimal | None:
    return node.number(path, term=f"<{path.rpartition('/')[2]}>")


def _day(node: Element, path: str) -> date | None:
    return node.day(path, term=f"<{path}>")


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount or ZERO for amount in amounts), ZERO)


def _empty_texts(node: Element) -> list[str]:
    """Return the names of elements that are written and say nothing, which the schema forbids."""
    names = ("Descrizione", "Causale", "NumeroCivico", "IdDocumento", "Natura", "UnitaMisura")
    return sorted(
        {
            name
            for name in names
            for part in node.node.iter("{*}" + name)
            if not len(part) and not (part.text or "").strip()
        }
    )


def _discounts(node: Element) -> tuple[Discount, ...]:
    return tuple(
        Discount(
            is_surcharge=part.text("Tipo").upper() == "MG",
            percent=_number(part, "Percentuale"),
            amount=_number(part, "Importo"),
        )
        for part in node.all("ScontoMaggiorazione")
    )


def _fund(node: Element) -> Fund:
    return Fund(
        amount=_number(node, "ImportoContributoCassa") or ZERO,
        rate=_number(node, "AliquotaIVA") or ZERO,
        nature=node.text("Natura").upper(),
        is_withheld_from=node.text("Ritenuta").upper() == "SI",
    )


def _reference(node: Element, name: str) -> Reference:
    return Reference(
        number=node.text(name),
        item=node.text("NumItem"),
        lines=tuple(node.texts("RiferimentoNumeroLinea")),
    )


def _summary(node: Element) -> Summary:
    return Summary(
        rate=_number(node, "AliquotaIVA") or ZERO,
        nature=node.text("Natura").upper(),
        extra=_number(node, "SpeseAccessorie") or ZERO,
        rounding=_number(node, "Arrotondamento") or ZERO,
        taxable=node.required_number("ImponibileImporto", term="<ImponibileImporto>"),
        tax=node.required_number("Imposta", term="<Imposta>"),
        due=node.text("EsigibilitaIVA").upper(),
    )


def _instalment(node: Element, issued_on: date) -> Instalment:
    due_on = _day(node, "DataScadenzaPagamento")
    days = node.text("GiorniTerminiPagamento")
    if due_on is None and days.isdecimal() and len(days) <= 3:  # noqa: PLR2004 - as the schema has it
        begin = _day(node, "DataRiferimentoTerminiPagamento") or issued_on
        due_on = date.fromordinal(min(begin.toordinal() + int(days), date.max.toordinal()))
    return Instalment(
        due_on=due_on,
        amount=_number(node, "ImportoPagamento"),
        iban=account_of(node.text("IBAN")),
        bic=account_of(node.text("BIC")),
        reference=node.text("CodicePagamento"),
    )


def _detail(node: Element) -> Detail:
    stated = _number(node, "Quantita")
    quantity = ONE if stated is None else stated
    price = _number(node, "PrezzoUnitario") or ZERO
    discounts = _discounts(node)
    amount = _number(node, "PrezzoTotale")
    amount = quantity * price if amount is None else amount
    unit_price, adjustment, is_right = _worked_out(quantity, price, discounts, amount)
    return Detail(
        position=node.text("NumeroLinea"),
        kind=node.text("TipoCessionePrestazione").upper(),
        codes=tuple(
            (part.text("CodiceTipo"), part.text("CodiceValore"))
            for part in node.all("CodiceArticolo")
        ),
        description=node.text("Descrizione"),
        quantity=quantity,
        unit=node.text("UnitaMisura"),
        price=price,
        discounts=discounts,
        amount=amount,
        rate=_number(node, "AliquotaIVA") or ZERO,
        nature=node.text("Natura").upper(),
        is_withheld_from=node.text("Ritenuta").upper() == "SI",
        unit_price=unit_price,
        adjustment=adjustment,
        is_worked_out_right=is_right,
    )


def _worked_out(
    quantity: Decimal, price: Decimal, discounts: tuple[Discount, ...], amount: Decimal
) -> tuple[Decimal, Decimal, bool]:
    """
    Return the net unit price, what is added to quantity x price, and whether it gives the amount.

    Source: control 00423. Discounts are on the unit price, one after the other; many programs
    write them for the whole line, which is taken as well when the line's amount says so.
    """
    chains = [_after(discounts, price, by_percent=by_percent) for by_percent in (False, True)]
    for net in chains:
        if abs(quantity * net - amount) <= CENT:
            return net, ZERO, True
    lump = sum((discount.of(quantity * price) for discount in discounts), ZERO)
    if discounts and abs(quantity * price + lump - amount) <= CENT:
        return price, lump, True
    return chains[0], ZERO, False


def _after(discounts: tuple[Discount, ...], price: Decimal, *, by_percent: bool) -> Decimal:
    for discount in discounts:
        price += discount.of(price, by_percent=by_percent)
    return price
