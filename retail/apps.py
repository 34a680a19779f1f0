from django.apps import AppConfig


class RetailConfig(AppConfig):
    """The project package itself, an app so that its management commands are found."""

    name = "retail"
    verbose_name = "Retail back office"
