"""
A small web shop to practice with, served over real HTTP from memory.

It knows nothing of this product: it has ids, stock and buyers of its own, sells on its own, and
misbehaves on request the way real shops do. `manage.py fake_shop` runs it.
"""

from channels.fakeshop.client import PracticeShop
from channels.fakeshop.server import ShopServer
from channels.fakeshop.shop import Shop

__all__ = ["PracticeShop", "Shop", "ShopServer"]
