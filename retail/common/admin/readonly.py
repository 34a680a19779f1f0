"""How a value is shown that nobody may type over."""

from __future__ import annotations

from decimal import Decimal

import unfold.forms
from django.contrib.admin import helpers
from django.utils.safestring import SafeString
from unfold.fields import UnfoldAdminReadonlyField

from retail.common.fields import MoneyField
from retail.common.money import display_rate


class ReadonlyField(UnfoldAdminReadonlyField):  # type: ignore[misc]  # Unfold has no type information
    """
    Amounts of money without idle zeros, and the words of a status that lists show as a label.

    Such a column gives its code and its words; Unfold would print both on a document's page.
    """

    def _get_contents(self) -> SafeString | str:
        if self.resolved_field:
            field, shown, value = self.resolved_field
            if isinstance(field, MoneyField) and isinstance(value, Decimal):
                return display_rate(value)
            if field is None and getattr(shown, "label", False) and isinstance(value, tuple):
                return str(value[1])
        contents: SafeString | str = super()._get_contents()
        return contents


# Neither Django nor Unfold asks an admin which class to show a value with.
unfold.forms.UnfoldAdminReadonlyField = ReadonlyField
helpers.AdminReadonlyField = ReadonlyField
