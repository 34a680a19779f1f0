"""The one router of the API; every app registers its viewsets on it."""

from rest_framework.routers import DefaultRouter

router = DefaultRouter()
