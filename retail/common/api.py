"""What every viewset of the API shares."""

from __future__ import annotations

from rest_framework.viewsets import ReadOnlyModelViewSet

from retail.common.permissions import ModelPermissions


class ReadOnlyViewSet(ReadOnlyModelViewSet):
    """A list and its rows, to be read by those who may view the model."""

    permission_classes = (ModelPermissions,)
