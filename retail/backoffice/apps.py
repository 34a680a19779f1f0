from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    name = "retail.backoffice"
    label = "backoffice"
    verbose_name = "Back office"
