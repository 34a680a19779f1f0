"""
Who may use the API.

Apart from the viewsets, because REST framework imports this while it is itself being imported.
"""

from __future__ import annotations

from rest_framework.permissions import DjangoModelPermissions

_MAY_VIEW = ["%(app_label)s.view_%(model_name)s"]


class ModelPermissions(DjangoModelPermissions):
    """Django's permissions of the viewset's model; reading needs `view`, too."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": _MAY_VIEW,
        "HEAD": _MAY_VIEW,
        "OPTIONS": _MAY_VIEW,
    }
