"""Forms of the admin in tests."""

from typing import Any


def form_of(page: Any) -> dict[str, Any]:
    """Return the answers that a page of the admin shows, as a browser would send them back."""
    fields = list(page.context["adminform"].form)
    for inline in page.context["inline_admin_formsets"]:
        fields += inline.formset.management_form
        for row in inline.formset.initial_forms:
            fields += row
    shown = {field.html_name: field.value() for field in fields}
    return {
        name: "on" if value is True else value
        for name, value in shown.items()
        if value is not None and value is not False
    }
