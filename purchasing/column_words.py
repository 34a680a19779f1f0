"""
What suppliers call the columns of their lists, in the languages they write them in.

English, German, Polish, Latvian, Lithuanian, Italian, Spanish, French, Ukrainian and Russian. Of
two columns that fit equally well the one whose words stand further in front is taken.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

WORDS: dict[str, str] = {
    "supplier_sku": """
        supplier sku, supplier part no, supplier part number, vendor sku, sku, item no, item number,
        item code, part no, part number, article no, article number, article code, product code,
        product no, catalogue number, catalog number, cat no, stock code, art no, mpn,
        Lieferantenartikelnummer, Artikelnummer, Artikel Nr, Art Nr, ArtNr, ArtikelNr,
        Bestellnummer, Bestell Nr, Teilenummer, Materialnummer,
        kod produktu, kod towaru, indeks, symbol, numer katalogowy, nr katalogowy, nr kat,
        preces kods, artikuls, prekės kodas, artikulas,
        codice articolo, cod art, cod articolo, codice, código artículo, código, cod, referencia,
        code article, code produit, référence, ref,
        артикул, код товару, код товара, каталожный номер, каталожний номер,
        kod, kods, kodas, код, code, article, Artikel, articolo, artículo, index, item, part, id
    """,
    "gtin": """
        gtin, ean, ean13, ean 13, ean code, ean kod, kod ean, EAN Nummer, barcode, bar code, upc,
        Strichcode, kod kreskowy, svītrkods, svītru kods, brūkšninis kodas, barkodas,
        codice a barre, codice ean, código de barras, cod barras, código ean, code barre,
        code barres, code ean, gencod, штрихкод, штрих код, штрих-код
    """,
    "name": """
        product name, item name, article name, name, description, title, product description,
        Bezeichnung, Artikelbezeichnung, Artikelname, Produktname, Beschreibung,
        nazwa produktu, nazwa towaru, nazwa, opis, preces nosaukums, nosaukums, apraksts,
        prekės pavadinimas, pavadinimas, aprašymas, descrizione, denominazione, nome,
        descripción, desc art, denominación, nombre, désignation, libellé, nom,
        назва товару, название товара, назва позиції, назва, название, наименование,
        найменування, опис, описание, model, desc, product, produkt, prodotto, producto, produit
    """,
    "unit_cost": """
        unit cost, cost price, purchase price, buying price, net price, nett price, trade price,
        dealer price, wholesale price, your price, cost, price net, net unit price,
        EK, EK Preis, EK netto, Einkaufspreis, Händlerpreis, Nettopreis, Preis netto,
        cena zakupu, cena netto, cena hurtowa, iepirkuma cena, vairumcena, cena bez pvn,
        pirkimo kaina, didmeninė kaina, kaina be pvm, prezzo acquisto, prezzo di acquisto,
        prezzo netto, costo, precio coste, precio de coste, precio compra, precio neto, coste,
        prix achat, prix d'achat, prix net, prix ht, pa ht, prix unitaire ht,
        закупівельна ціна, закупочная цена, ціна закупки, цена закупки, оптова ціна, оптовая цена,
        unit price, price each, price, Einzelpreis, Listenpreis, Preis, cena, kaina,
        prezzo listino, prezzo, listino, tarifa, precio, prix, tarif, ціна, цена, list price
    """,
    "pack_cost": """
        pack price, price per pack, pack cost, case price, carton price, VPE Preis, Preis je VPE,
        cena za opakowanie, cena opakowania, cena par iepakojumu, pakuotės kaina,
        prezzo confezione, precio caja, precio por caja, prix colis, prix du colis,
        ціна за упаковку, цена за упаковку
    """,
    "pack_size": """
        pack size, pack qty, pack quantity, units per pack, qty per pack, pieces per pack,
        case size, case qty, carton qty, qty in pack, pack, VPE, VE, Verpackungseinheit,
        Stück je VE,
        ilość w opakowaniu, sztuk w opakowaniu, szt w opak, wielkość opakowania, opakowanie,
        gab iepakojumā, iepakojums, vnt pakuotėje, pakuotė, pezzi per confezione, pz conf,
        confezione, unidades por caja, uds caja, envase, colisage, conditionnement,
        в упаковці, в упаковке, кількість в упаковці, количество в упаковке, упаковка
    """,
    "minimum_quantity": """
        moq, minimum order quantity, minimum quantity, min order qty, min order quantity, min qty,
        minimum order, min order, Mindestbestellmenge, Mindestmenge, Mindestabnahme,
        minimum logistyczne, ilość minimalna, minimalna ilość, minimalne zamówienie, min zam,
        minimālais pasūtījums, minimālais daudzums, minimalus kiekis, minimalus užsakymas,
        quantità minima, qta minima, ordine minimo, cantidad mínima, pedido mínimo,
        quantité minimum, quantité minimale, qté min, minimum de commande,
        мінімальне замовлення, мінімальний обсяг замовлення, минимальный заказ, мин заказ
    """,
    "order_multiple": """
        order multiple, order multiples, multiple, multiples, sold in multiples, Bestellschritt,
        Vielfaches, wielokrotność, kartotinumas, daudzkārtne, multiplo, múltiplo,
        multiple de commande, кратність, кратность
    """,
    "lead_time_days": """
        lead time days, lead time, delivery time, delivery days, Lieferzeit, Lieferzeit Tage,
        Wiederbeschaffungszeit, czas dostawy, czas realizacji, piegādes laiks,
        pristatymo terminas, tempo di consegna, giorni di consegna, plazo de entrega,
        délai de livraison, délai, термін поставки, срок поставки
    """,
    "available_units": """
        stock level, stock qty, stock quantity, available stock, available qty, free stock, on hand,
        qty available, in stock, stock, available, availability, inventory, Lagerbestand, Bestand,
        verfügbar, verfügbare Menge, stan magazynowy, dostępna ilość, stan, dostępność, dostępne,
        atlikums, krājumi, noliktavā, likutis, sandėlyje, giacenza, disponibilità,
        stock disponible, existencias, disponible, disponibilidad, stock dispo, quantité disponible,
        залишок, наявність, остаток, наличие, ilość, daudzums, kiekis, quantità, cantidad, quantité,
        кількість, количество, Menge, qty, quantity
    """,
    "our_sku": """
        our sku, your sku, customer sku, buyer sku, customer part no, customer part number,
        your part number, Ihre Artikelnummer, Kundenartikelnummer, Kunden Artikelnummer,
        kod klienta, kod odbiorcy, klienta kods, pirkėjo kodas, codice cliente,
        referencia cliente, code client, référence client, код клієнта, код клиента
    """,
    "back_in_stock_on": """
        back in stock, restock date, eta, next delivery, expected date, available from,
        wieder lieferbar, verfügbar ab, Liefertermin, dostępny od, data dostawy,
        pieejams no, prieinama nuo, disponibile dal, fecha reposición, disponible desde,
        date de réapprovisionnement, disponible le, дата надходження, дата поступления
    """,
    "valid_from": """
        valid from, price valid from, effective from, effective date, gültig ab, gültig von,
        Preis gültig ab, ważne od, ważna od, cena od, obowiązuje od, spēkā no, galioja nuo,
        valido dal, válido desde, valable du, valable à partir du, дійсна з, діє з, действует
    """,
    "currency": """
        currency, currency code, curr, ccy, Währung, waluta, valūta, valiuta, valuta, divisa,
        moneda, devise, валюта
    """,
}
# What customers of a shop pay: taken for our price only when there is no other, and said so.
RETAIL = """
    rrp, srp, msrp, retail, retail price, selling price, UVP, VK, VK Preis, Verkaufspreis, brutto,
    Bruttopreis, pvp, cena detaliczna, cena brutto, cena sprzedaży, mazumcena, mažmeninė kaina,
    prezzo al pubblico, prezzo pubblico, prix public, prix de vente, ppc, ttc, incl vat, inc vat,
    роздрібна ціна, розничная цена, ррц
"""
TOTALS = """
    grand total, subtotal, total, totals, sum, Gesamtsumme, Zwischensumme, Gesamt, Summe,
    razem, suma, ogółem, kopā, pavisam, iš viso, viso, totale, somma, suma total, totaux, somme,
    разом, всього, усього, підсумок, итого, всего
"""
LONGEST_TITLE = 200
_WITHOUT_MARKS = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe"})
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_APART = re.compile(r"[^\w]|_")


def normalized(title: str) -> str:
    """Return a title in small letters without accents and signs: Art.-Nr. is "art nr"."""
    parted = _CAMEL.sub(" ", title[:LONGEST_TITLE]).casefold().translate(_WITHOUT_MARKS)
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", parted) if not unicodedata.combining(c)
    )
    return " ".join(_APART.sub(" ", plain).split())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normalized(words) for words in text.split(",")))


_KNOWN = {name: _listed(words) for name, words in WORDS.items()}
_RETAIL = _listed(RETAIL)
_TOTALS = tuple(sorted(_listed(TOTALS), key=len, reverse=True))
EXACT, WITHIN, AS_RETAIL, LEAST_OF_A_START = 1.0, 0.6, 0.4, 7
STEP = 0.0005


@lru_cache(maxsize=1 << 15)
def likeness(title: str, name: str) -> float:
    """Tell how well a column's title, normalized, fits one of our names: 0 not at all, 1 wholly."""
    best = 0.0
    for place, words in enumerate(_KNOWN[name]):
        if title == words:
            best = max(best, EXACT - STEP * place)
        elif f" {words} " in f" {title} " or (
            len(words) >= LEAST_OF_A_START and title.startswith(words)
        ):
            part = len(words) / len(title)
            best = max(best, WITHIN + (EXACT - WITHIN) * part / 2 - STEP * place)
    if name == "unit_cost" and is_retail(title):
        return AS_RETAIL
    return best


def is_retail(title: str) -> bool:
    """Tell whether a title, normalized, speaks of what a shop's customers pay."""
    return any(f" {words} " in f" {title} " for words in _RETAIL)


def total_word(text: str) -> str:
    """Return the word for a total that a cell begins with, as it stands there, or nothing."""
    parts = text.split()
    for words in _TOTALS:
        begin = " ".join(parts[: len(words.split())]).strip(" :.,;=")
        # SUM-12 is a code.
        if normalized(begin) == words and "-" not in begin and "," not in begin:
            return begin
    return ""
