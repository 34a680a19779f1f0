"""The one router of the API; every app registers its viewsets on it."""

from rest_framework.routers import DefaultRouter

from catalog import api as catalog
from channels import api as channels
from customers import api as customers
from inventory import api as inventory
from orders import api as orders
from purchasing import api as purchasing

router = DefaultRouter()
for app_api in (catalog, channels, customers, inventory, orders, purchasing):
    app_api.register(router)
