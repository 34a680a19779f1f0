"""
The admin that every app builds on, and the admin of the common rows.

    class SupplierAdmin(BaseAdmin):
        acts = (Act("block", "Block", "purchasing.change_supplier", perform=block_supplier),)
"""

from retail.common.admin.acts import Act, ActForm, Download, LineTable, PageAct
from retail.common.admin.base import BaseAdmin, BaseInline, ViewOnlyAdmin, ViewOnlyInline
from retail.common.admin.filters import DayRangeFilter
from retail.common.admin.people import GroupAdmin, UserAdmin
from retail.common.admin.records import ImportRejectAdmin, ImportRunAdmin, TaskRunAdmin

__all__ = [
    "Act",
    "ActForm",
    "BaseAdmin",
    "BaseInline",
    "DayRangeFilter",
    "Download",
    "GroupAdmin",
    "ImportRejectAdmin",
    "ImportRunAdmin",
    "LineTable",
    "PageAct",
    "TaskRunAdmin",
    "UserAdmin",
    "ViewOnlyAdmin",
    "ViewOnlyInline",
]
