"""Files of past sales: how each kind is read, and the staging of their lines."""

from orders.resources.profiles import PROFILES, SalesProfile
from orders.resources.sales_staging import SalesStaging, StagedDocument, StagedLine

__all__ = ["PROFILES", "SalesProfile", "SalesStaging", "StagedDocument", "StagedLine"]
