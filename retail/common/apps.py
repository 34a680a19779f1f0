from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "retail.common"
    label = "common"
    verbose_name = "Shop"
