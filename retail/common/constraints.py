"""What the database refused, in the words the model gives for it."""

from __future__ import annotations

from functools import cache

from django.apps import apps
from django.db import Error

# PostgreSQL, appendix A "Error Codes": lock_not_available, deadlock_detected.
_SOMEBODY_ELSE_HOLDS_IT = frozenset({"55P03", "40P01"})
# PostgreSQL itself only uses the subclasses of integrity_constraint_violation; our triggers use it.
_OUR_TRIGGER = "23000"


def refusal_text(error: Error) -> str | None:
    """
    Return what to tell the person whose act the database refused; None when it is no refusal.

    A violated constraint speaks with its `violation_error_message`; one that has none is a
    mistake of ours, as is every other error. A trigger that names a rule speaks for itself.
    """
    if (name := _constraint_name(error)) in _messages():
        return _messages()[name]
    if name and getattr(error.__cause__, "sqlstate", None) == _OUR_TRIGGER:
        return str(error.__cause__.diag.message_primary)  # type: ignore[union-attr]  # psycopg's
    if getattr(error.__cause__, "sqlstate", None) in _SOMEBODY_ELSE_HOLDS_IT:
        return "Somebody else is working on this at the moment. Nothing was changed; try again."
    return None


def _constraint_name(error: Error) -> str:
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


@cache
def _messages() -> dict[str, str]:
    """Constraint name -> its words, for the constraints that were given some."""
    return {
        constraint.name: str(constraint.violation_error_message)
        for model in apps.get_models()
        for constraint in model._meta.constraints  # noqa: SLF001 - Django's documented model API
        if constraint.violation_error_message != constraint.default_violation_error_message
    }
