"""What is asked about a supplier, and what is wrong with an answer."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import stdnum.exceptions
from django import forms
from stdnum import bic, iban
from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidFormat, InvalidLength

from purchasing.models import Supplier
from purchasing.tax_numbers import COUNTRY_OF_PREFIX, PREFIX, rule_of

# Source: Electronic Address Scheme (EAS) code list of CEF; ISO 6523 ICDs are four digits, what EAS
# adds to them begins with a nine, and a few codes are two letters (EM: an e-mail address).
ADDRESS = re.compile(r"(?:\d{4}|A[NQSU]|EM):[\x21-\x7e]{1,95}", re.ASCII)
WORDS = {
    InvalidLength: "it has too few or too many characters.",
    InvalidChecksum: "a digit is wrong.",
    InvalidFormat: "a character does not belong there.",
    InvalidComponent: "a part of it cannot be.",
}


class SupplierForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    """A supplier; tax number and bank account are checked and stored without blanks."""

    class Meta:
        model = Supplier
        fields: ClassVar = [
            *("code", "name", "is_active", "email", "language", "note"),
            *("street", "postcode", "city", "country", "tax_number", "electronic_address"),
            *("iban", "bic"),
            *("currency", "payment_days", "discount_percent", "discount_days"),
            *("lead_time_days", "delivery_terms", "minimum_order_amount", "over_receipt_percent"),
        ]

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):  # noqa: PLR2004 - ISO 4217
            raise forms.ValidationError("Three letters, such as GBP.")
        return currency

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].strip().upper()
        if country and not (len(country) == PREFIX and country.isascii() and country.isalpha()):
            raise forms.ValidationError("Two letters, such as GB.")
        return country

    def clean_iban(self) -> str:
        number: str = self.cleaned_data["iban"].strip()
        if not number:
            return ""
        try:
            return str(iban.validate(number))
        except stdnum.exceptions.ValidationError as error:
            raise forms.ValidationError(f"This is not an IBAN: {in_words(error)}") from error

    def clean_bic(self) -> str:
        code: str = self.cleaned_data["bic"].strip()
        if not code:
            return ""
        try:
            return str(bic.validate(code))
        except stdnum.exceptions.ValidationError as error:
            raise forms.ValidationError(f"This is not a BIC: {in_words(error)}") from error

    def clean_electronic_address(self) -> str:
        address = "".join(self.cleaned_data["electronic_address"].split())
        scheme, colon, identifier = address.partition(":")
        address = f"{scheme.upper()}{colon}{identifier}"
        if address and not ADDRESS.fullmatch(address):
            raise forms.ValidationError(
                "The scheme's code, a colon and the address: 0088:5798000000001."
            )
        return address

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "country" in cleaned and (number := cleaned.get("tax_number", "").strip()):
            try:
                cleaned["tax_number"] = checked_tax_number(number, country=cleaned["country"])
            except forms.ValidationError as error:
                self.add_error("tax_number", error)
        percent, days = cleaned.get("discount_percent"), cleaned.get("discount_days")
        if percent and days == 0:
            self.add_error("discount_days", "Say until when a bill is paid early.")
        elif percent == 0 and days:
            self.add_error("discount_percent", "Say what is taken off a bill that is paid early.")
        return cleaned


def checked_tax_number(number: str, *, country: str) -> str:
    """
    Return a tax number without blanks, points and dashes, once its check digits are right.

    The country is the one before the number, if it begins with one, else the supplier's own. It is
    kept before the number only where it is not the supplier's. A country whose numbers nobody has
    described is taken at its word.

    :raises forms.ValidationError: says in words what is wrong.
    """
    written = "".join(sign for sign in number.upper() if sign.isalnum())
    prefix = written[:PREFIX]
    named = COUNTRY_OF_PREFIX.get(prefix, prefix)
    if prefix in COUNTRY_OF_PREFIX:
        written = named + written[PREFIX:]
    own, abroad = rule_of(country), None if named == country else rule_of(named)
    # Letters in front may as well belong to a number of the supplier's own country.
    is_own = own.is_valid(written) if own else country and not (abroad and abroad.is_valid(written))
    if abroad is not None and not is_own:
        checked = _checked(abroad, written, country=named)
        return checked if checked.startswith(prefix) else prefix + checked
    return number if own is None else _checked(own, written, country=country)


def _checked(rule: Any, number: str, *, country: str) -> str:
    try:
        return str(rule.validate(number))
    except stdnum.exceptions.ValidationError as error:
        msg = f"This is not a tax number of {country}: {in_words(error)}"
        raise forms.ValidationError(msg) from error


def in_words(error: stdnum.exceptions.ValidationError) -> str:
    return next((words for kind, words in WORDS.items() if isinstance(error, kind)), "it is wrong.")
