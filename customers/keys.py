"""What a buyer is recognised by: accounts, e-mails and phones in the form they are compared in."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

import idna

from customers.models import CustomerIdentity

LONGEST_KEY = 254

# Addresses a marketplace makes up to forward mail: another channel never shows the same one, and
# some are reused. Source: the marketplaces' seller manuals.
_RELAY_DOMAIN = re.compile(
    r"(^|\.)(marketplace\.amazon\.[a-z.]+|allegromail\.[a-z]+|members\.ebay\.[a-z.]+"
    r"|relay\.walmart\.com)$"
)

# Mailboxes that several people of a company read, and those that nobody reads.
_SHARED_MAILBOXES = frozenset(
    {
        "accounting",
        "accounts",
        "admin",
        "biuro",
        "billing",
        "bok",
        "buchhaltung",
        "contact",
        "einkauf",
        "finance",
        "hello",
        "help",
        "info",
        "invoice",
        "invoices",
        "kontakt",
        "mail",
        "no-reply",
        "noreply",
        "office",
        "order",
        "orders",
        "post",
        "purchasing",
        "reception",
        "rechnung",
        "rechnungen",
        "sales",
        "service",
        "shop",
        "sklep",
        "support",
        "team",
        "webmaster",
        "zamowienia",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """
    One thing a buyer told about themselves, equal to another when both mean the same.

    `channel_code` is the channel it holds on, empty when it holds everywhere. Only a key that
    `is_linking` tells who somebody is; the others are kept as they are.
    """

    kind: CustomerIdentity.Kind
    channel_code: str
    normalised: str
    raw: str = field(compare=False)
    is_linking: bool = field(compare=False)


def account_key(channel_code: str, account: str) -> Key | None:
    """Return the key of an account on a channel, None when there is none."""
    account = clean_text(account)
    if not account or not channel_code or len(account) > LONGEST_KEY:
        return None
    return Key(
        kind=CustomerIdentity.Kind.CHANNEL_ACCOUNT,
        channel_code=channel_code,
        normalised=account,
        raw=account,
        is_linking=True,
    )


def email_key(channel_code: str, email: str) -> Key | None:
    """
    Return the key of an e-mail address, None when it is no address.

    Dots and +tags stay: two addresses that differ by them may be two people. An address that a
    marketplace made up counts on that channel only; a shared mailbox links nobody.
    """
    raw = clean_text(email)
    local, at_sign, domain = raw.lower().partition("@")
    domain = _ascii_domain(domain)
    if not (local and at_sign and domain) or re.search(r"\s", local) or len(raw) > LONGEST_KEY:
        return None
    normalised = f"{local}@{domain}"
    if len(normalised) > LONGEST_KEY:
        return None
    return Key(
        kind=CustomerIdentity.Kind.EMAIL,
        channel_code=channel_code if _RELAY_DOMAIN.search(domain) else "",
        normalised=normalised,
        raw=raw,
        is_linking=local.partition("+")[0] not in _SHARED_MAILBOXES,
    )


def phone_key(phone: str) -> Key | None:
    """
    Return the key of a phone number, None when it holds no digit; it never links.

    The number stays as dialled but for blanks and punctuation, and 00 in front becomes +: without
    its country a national number cannot be made international.
    """
    raw = clean_text(phone)
    digits = re.sub(r"[^0-9]", "", raw)
    if not digits or len(raw) > LONGEST_KEY:
        return None
    is_international = raw.startswith(("+", "00"))
    return Key(
        kind=CustomerIdentity.Kind.PHONE,
        channel_code="",
        normalised="+" + digits.removeprefix("00") if is_international else digits,
        raw=raw,
        is_linking=False,
    )


def clean_text(text: str) -> str:
    """Return the text composed, without outer blanks and without what no database stores."""
    return unicodedata.normalize("NFC", text.replace("\0", "")).strip()


def _ascii_domain(domain: str) -> str:
    """
    Return the domain as it stands in the DNS, empty when it is none.

    By IDNA 2008: the older rules turn one registered domain (straße.de) into another (strasse.de).
    """
    domain = domain.rstrip(".")
    if "." not in domain or re.search(r"[\s@]", domain):
        return ""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return ""
