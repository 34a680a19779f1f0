"""What the columns of a table of invoices are called, in the languages suppliers write them in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from purchasing.column_words import WORDS, normalized

# A word stands for the first column that has it: in an invoice "Bestellnummer" is the order.
_OF_INVOICES: dict[str, str] = {
    "number": """
        invoice number, invoice no, invoice nr, invoice, bill number, document number, document no,
        Rechnungsnummer, Rechnungs Nr, Rechnung Nr, Rechnung, Belegnummer, Beleg Nr,
        numer faktury, nr faktury, faktura, numer dokumentu, nr dokumentu,
        rēķina numurs, rēķina nr, rēķins, pavadzīmes numurs, sąskaitos numeris, sąskaitos nr,
        sąskaita, numero fattura, n fattura, nr fattura, fattura, numero documento,
        número de factura, número factura, nº factura, factura, numéro de facture, numéro facture,
        n facture, facture, номер рахунку, номер рахунку-фактури, номер счета, номер счета-фактуры
    """,
    "supplier_tax_number": """
        supplier tax number, supplier vat number, supplier vat, vat number, vat no, vat id,
        vat reg no, tax number, tax id, USt IdNr, USt Id, USt ID Nr, UStIdNr, UStID, Steuernummer,
        nip, nip sprzedawcy, nip dostawcy, pvn numurs, pvn reģistrācijas numurs, pvm kodas,
        pvm mokėtojo kodas, partita iva, p iva, piva, codice fiscale, nif, cif, número iva,
        numéro tva, n tva, tva intracommunautaire, siret, іпн, єдрпоу, инн
    """,
    "supplier": """
        supplier, supplier name, vendor, vendor name, seller, Lieferant, Lieferantenname,
        Kreditor, Verkäufer, dostawca, nazwa dostawcy, sprzedawca, kontrahent, piegādātājs,
        pārdevējs, tiekėjas, pardavėjas, fornitore, cedente, proveedor, vendedor, fournisseur,
        vendeur, постачальник, поставщик, продавець, продавец
    """,
    "kind": """
        kind, document kind, document type, type, Belegart, Dokumentart, rodzaj dokumentu,
        typ dokumentu, dokumenta veids, dokumento tipas, tipo documento, tipo de documento,
        type de document, вид документа, тип документа
    """,
    "due_on": """
        due date, due on, due, payment due, payment date, Fälligkeit, Fälligkeitsdatum, fällig am,
        zahlbar bis, termin płatności, data płatności, apmaksas termiņš, apmokėti iki,
        mokėjimo terminas, scadenza, data scadenza, vencimiento, fecha vencimiento,
        fecha de vencimiento, échéance, date d'échéance, термін оплати, срок оплаты
    """,
    "issued_on": """
        invoice date, date, document date, issue date, date of invoice, Rechnungsdatum, Datum,
        Belegdatum, data wystawienia, data faktury, data dokumentu, data, rēķina datums, datums,
        sąskaitos data, data fattura, data documento, fecha factura, fecha de factura, fecha,
        date de facture, date facture, дата рахунку, дата счета, дата документа, дата
    """,
    "order_number": """
        order number, order no, order, purchase order, purchase order number, po number, po no, po,
        your order, our order, customer order, Bestellnummer, Bestell Nr, Bestellung,
        Ihre Bestellung, Auftragsnummer, numer zamówienia, nr zamówienia, zamówienie,
        pasūtījuma numurs, pasūtījuma nr, pasūtījums, užsakymo numeris, užsakymo nr, užsakymas,
        numero ordine, n ordine, ordine, número de pedido, nº pedido, pedido,
        numéro de commande, n commande, commande, номер замовлення, замовлення, номер заказа, заказ
    """,
    "order_position": """
        order line, order position, po line, Bestellposition, Bestellpos, pozycja zamówienia,
        riga ordine, línea pedido, ligne de commande, рядок замовлення, строка заказа
    """,
    "delivery_note": """
        delivery note, delivery note number, delivery note no, packing slip, Lieferschein,
        Lieferscheinnummer, Lieferschein Nr, wz, nr wz, numer wz, pavadzīme, važtaraštis, ddt,
        numero ddt, bolla, albarán, nº albarán, bon de livraison, bl, накладна, накладная
    """,
    "position": """
        line, line number, line no, position, pos, lp, l p, riga, línea, ligne, nr p k, eil nr,
        рядок, строка, № п п
    """,
    "quantity": """
        quantity, qty, units, quantity invoiced, invoiced quantity, Menge, Anzahl, Stück, ilość,
        daudzums, skaits, kiekis, quantità, qta, q tà, cantidad, cant, uds, quantité, qté,
        кількість, количество, к сть, кол во
    """,
    "unit": """
        unit, uom, unit code, unit of measure, Einheit, ME, Mengeneinheit, jednostka, jm, j m,
        jednostka miary, mērvienība, mato vnt, matavimo vienetas, um, u m, unità di misura, unidad,
        unité, одиниця, од виміру, единица, ед изм
    """,
    "net_amount": """
        net amount, line amount, line total, line net, net line amount, net value, net, amount,
        Nettobetrag, Netto, Positionsbetrag, Betrag, Gesamtpreis, wartość netto, kwota netto,
        netto, wartość, summa bez pvn, summa, suma be pvm, importo, importo netto, prezzo totale,
        imponibile, importe, importe neto, base imponible, montant ht, total ht, montant,
        сума без пдв, сума, сумма без ндс, сумма
    """,
    "tax_rate": """
        tax rate, vat rate, vat percent, vat, tax, MwSt Satz, MwSt, USt, USt Satz, Steuersatz,
        stawka vat, stawka, pvn likme, pvn, pvm tarifas, pvm, aliquota iva, aliquota, iva, tipo iva,
        taux tva, tva, ставка пдв, пдв, ставка ндс, ндс
    """,
    "net_total": """
        total net, net total, invoice net, invoice net total, subtotal, Nettosumme, Summe netto,
        Gesamt netto, Rechnungsbetrag netto, razem netto, suma netto, kopā bez pvn,
        iš viso be pvm, totale imponibile, total neto, total sin iva, total facture ht,
        разом без пдв, итого без ндс
    """,
    "tax_total": """
        total tax, tax total, total vat, vat total, vat amount, tax amount, Steuerbetrag,
        Summe MwSt, MwSt Betrag, USt Betrag, razem vat, kwota vat, pvn summa, pvm suma,
        totale iva, imposta, total iva, cuota iva, total tva, montant tva, сума пдв, сумма ндс
    """,
    "total": """
        total, invoice total, total gross, gross total, grand total, gross, gross amount,
        amount due, Gesamtbetrag, Rechnungsbetrag, Bruttobetrag, Brutto, Gesamt brutto, Endbetrag,
        razem brutto, kwota brutto, brutto, do zapłaty, kopā ar pvn, kopā, iš viso su pvm, iš viso,
        totale documento, totale fattura, totale, total factura, total con iva, total ttc, ttc,
        montant ttc, разом з пдв, разом, всього, итого, всего
    """,
    "iban": "iban, account, bank account, Konto, konto bankowe, rachunek bankowy, cuenta, compte",
    "payment_reference": """
        payment reference, reference, Verwendungszweck, Zahlungsreferenz, tytuł przelewu,
        maksājuma mērķis, mokėjimo paskirtis, causale, concepto, référence de paiement
    """,
    "buyer_sku": WORDS["our_sku"],
    "gtin": WORDS["gtin"],
    "supplier_sku": WORDS["supplier_sku"],
    "unit_price": f"unit net price, {WORDS['unit_cost']}",
    "currency": WORDS["currency"],
    "description": WORDS["name"],
}
# Without these there is no invoice; the last two stand for each other.
REQUIRED = ("number", "issued_on", "currency")
OF_SUPPLIER = ("supplier_tax_number", "supplier")
# Where the name of a column in a message is not our name of it.
_SHOWN = {
    "number": "invoice number",
    "issued_on": "date",
    "due_on": "due date",
    "net_total": "total net",
    "tax_total": "total tax",
}


def _known() -> dict[str, str]:
    """Return words -> column; a word of several columns stands for the first."""
    known: dict[str, str] = {}
    for name, words in _OF_INVOICES.items():
        for word in words.split(","):
            known.setdefault(normalized(word), name)
    return known


_COLUMNS = _known()
NAMES = tuple(_OF_INVOICES)


def shown(name: str) -> str:
    """Return what a message calls one of our columns."""
    return _SHOWN.get(name, name.replace("_", " "))


def columns_of(titles: Sequence[str]) -> dict[str, int]:
    """
    Return our name of a column -> its place, for the titles that are known; the first one counts.

    A title may have a unit or currency behind: "Unit price (EUR)", "VAT %".
    """
    found: dict[str, int] = {}
    for place, title in enumerate(titles):
        plain = normalized(title.partition("(")[0]) or normalized(title)
        name = _COLUMNS.get(plain) or _COLUMNS.get(plain.replace(" ", ""))
        if name is not None:
            found.setdefault(name, place)
    return found


def missing_from(found: Iterable[str]) -> list[str]:
    """Return what a table of invoices has to have and these columns do not."""
    names = set(found)
    missing = [shown(name) for name in REQUIRED if name not in names]
    if not names & set(OF_SUPPLIER):
        missing.append("supplier tax number or supplier")
    if "net_amount" not in names and not {"quantity", "unit_price"} <= names:
        missing.append("net amount, or quantity and unit price")
    return missing
