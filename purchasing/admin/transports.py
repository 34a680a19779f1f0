"""Where a supplier's files come from: what is asked about it, and fetching them at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from purchasing import operations, tasks
from purchasing.fetching import FetchFailed, folder_below, public_key
from purchasing.models import SupplierFileProfile, Transport
from retail.common.admin import Act

# As the form asks for them; the secret goes in apart from them and never comes out again.
FIELDS = (
    *("transport", "address", "file_pattern", "username", "host_key"),
    *("poll_minutes", "is_applied_unattended"),
)
READONLY = ("has_secret", "polled_at", "poll_error")
FIELDSET = (
    "Where its files come from",
    {
        "fields": (
            ("transport", "address"),
            ("file_pattern", "poll_minutes"),
            ("username", "has_secret"),
            ("new_secret", "host_key"),
            "is_applied_unattended",
            ("polled_at", "poll_error"),
        )
    },
)
# What was seen at one place says nothing about another.
PLACE = {"transport", "address", "username"}


class SecretInput(UnfoldAdminTextareaWidget):
    """Lines to type that no page shows again, not even the one that refuses another field."""

    def format_value(self, value: Any) -> str:  # noqa: ARG002 - Django's signature
        return ""


class TransportForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    """The part of a profile's form that says where its files come from."""

    new_secret = forms.CharField(
        label="Password, token or private key",
        required=False,
        widget=SecretInput(attrs={"rows": 2, "autocomplete": "off"}),
        help_text="Stored encrypted and never shown again. Leave empty to keep the stored one."
        " By HTTPS without a user name it is sent as a bearer token.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        checks = {
            Transport.FOLDER: self._check_folder,
            Transport.SFTP: self._check_sftp,
            Transport.HTTPS: self._check_https,
        }
        if check := checks.get(cleaned.get("transport", "")):
            check(cleaned)
        return cleaned

    def save(self, commit: bool = True) -> SupplierFileProfile:  # noqa: FBT001, FBT002 - Django's signature
        if secret := self.cleaned_data["new_secret"].replace("\r\n", "\n"):
            self.instance.secret = secret
        if PLACE & set(self.changed_data):
            self.instance.poll_state, self.instance.poll_error = {}, ""
            self.instance.polled_at = None
        profile: SupplierFileProfile = super().save(commit=commit)
        return profile

    def _check_folder(self, cleaned: Mapping[str, Any]) -> None:
        root = settings.SUPPLIER_DROP_DIR
        self._check(
            "address", folder_below, Path(root) if root else None, cleaned.get("address", "")
        )

    def _check_sftp(self, cleaned: Mapping[str, Any]) -> None:
        self._check_address(cleaned, scheme="sftp", example="sftp://files.example.com/out")
        if not cleaned.get("username"):
            self.add_error("username", "Who we are to the server.")
        if not (cleaned.get("new_secret") or self.instance.secret):
            self.add_error("new_secret", "A password or a private key opens the door.")
        self._check("host_key", public_key, cleaned.get("host_key", ""))

    def _check_https(self, cleaned: Mapping[str, Any]) -> None:
        self._check_address(cleaned, scheme="https", example="https://example.com/prices.csv")

    def _check_address(self, cleaned: Mapping[str, Any], *, scheme: str, example: str) -> None:
        try:
            parts = urlsplit(cleaned.get("address", ""))
            is_right = parts.scheme == scheme and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_right = False
        if not is_right:
            self.add_error("address", f"An address such as {example}.")
        elif parts.username or parts.password:
            self.add_error("address", "User name and password have fields of their own.")

    def _check(self, field: str, check: Any, *arguments: Any) -> None:
        try:
            check(*arguments)
        except FetchFailed as failure:
            self.add_error(field, str(failure))


class TransportShown:
    """The columns and fields of a profile's admin that tell whether fetching works."""

    @display(description="Secret stored", boolean=True)
    def has_secret(self, profile: SupplierFileProfile) -> bool:
        return bool(profile.secret)

    @display(description="Fetching", label={"": "info", "WORKS": "success", "FAILS": "danger"})
    def fetching(self, profile: SupplierFileProfile) -> tuple[str, str]:
        """Tell how the last look went; nothing where nobody looks."""
        if not is_fetched(profile) or profile.polled_at is None:
            return "", "" if not is_fetched(profile) else "Not yet"
        return ("FAILS", "Fails") if profile.poll_error else ("WORKS", "Works")


def fetch_now(
    _request: HttpRequest,
    profile: SupplierFileProfile,
    _cleaned: Mapping[str, Any],
    _now: datetime,
) -> str:
    """Make the profile due and wake the task; the clock does the same when that fails."""
    operations.ask_for_files(profile_id=profile.pk)
    transaction.on_commit(tasks.fetch_supplier_files.delay, robust=True)
    return f"The files of {profile} are being looked for. This page says when that was done."


def is_fetched(profile: SupplierFileProfile) -> bool:
    return profile.transport != Transport.UPLOAD


FETCH_NOW = Act(
    name="fetch-now",
    label="Fetch now",
    permission="purchasing.receive_supplierfile",
    perform=fetch_now,
    is_offered=is_fetched,
    consequences=lambda profile: (
        "Its files are looked for within a minute.",
        "A file that may still be written is taken the next time, a few minutes later.",
        "What no guard stops is applied at once."
        if profile.is_applied_unattended
        else "What comes waits under Supplier files until somebody applies it.",
    ),
    icon="cloud_download",
)
