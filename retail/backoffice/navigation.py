"""The menu, by desk: what somebody at that desk opens in a day, not which app it is stored by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from retail.backoffice import due_calendar, order_reports, purchase_reports, stock_reports

INVOICE_DESK = "admin:purchasing_supplierinvoice_queue"


@dataclass(frozen=True)
class Item:
    """A line of the menu: the list of one model."""

    title: str
    icon: str
    model: str


@dataclass(frozen=True)
class Desk:
    title: str
    items: tuple[Item, ...]


DESKS: tuple[Desk, ...] = (
    Desk(
        "Orders desk",
        (
            Item("Orders", "shopping_bag", "orders.Order"),
            Item("Holds", "pan_tool", "orders.OrderHold"),
            Item("Disagreements", "gavel", "orders.ChannelConflict"),
            Item("Cancellations", "cancel", "orders.OrderCancellation"),
            Item("Order lines", "list_alt", "orders.OrderLine"),
            Item("Parcels", "local_shipping", "orders.Parcel"),
            Item("Pickups", "hand_package", "orders.Pickup"),
            Item("Decisions of places", "fork_right", "orders.RoutingDecision"),
            Item("Rejected by places", "wrong_location", "orders.RoutingRejection"),
            Item("Returns", "assignment_return", "orders.Return"),
            Item("Exchanges", "swap_horiz", "orders.Exchange"),
            Item("Claims", "report", "orders.Claim"),
            Item("Refunds", "currency_exchange", "orders.Refund"),
            Item("Payments", "payments", "orders.Payment"),
            Item("Till receipts", "receipt", "orders.StoreReceipt"),
            Item("Day closes of tills", "point_of_sale", "orders.RegisterDay"),
            Item("Oversold", "production_quantity_limits", "orders.OversellIncident"),
        ),
    ),
    Desk(
        "Warehouse desk",
        (
            Item("Pick lists", "shopping_cart", "orders.PickList"),
            Item("Pick, pack and ship", "package_2", "orders.Fulfillment"),
            Item("Stock", "inventory_2", "inventory.StockLevel"),
            Item("Deliveries", "barcode_scanner", "purchasing.Delivery"),
            Item("Goods receipts", "move_to_inbox", "purchasing.GoodsReceipt"),
            Item("Returns to suppliers", "assignment_return", "purchasing.SupplierReturn"),
            Item("Held for suppliers", "front_hand", "purchasing.HeldGoods"),
            Item("Transfers", "conveyor_belt", "inventory.Transfer"),
            Item("Counts", "fact_check", "inventory.StockCount"),
            Item("To be counted", "rule_settings", "inventory.CountRequest"),
            Item("Promised and put aside", "bookmark", "inventory.Allocation"),
            Item("Promises taken back", "bookmark_remove", "inventory.WithdrawnPromise"),
            Item("Stock movements", "swap_vert", "inventory.StockMovement"),
            Item("Locations", "warehouse", "inventory.Location"),
        ),
    ),
    Desk(
        "Catalog desk",
        (
            Item("Products", "sell", "catalog.Product"),
            Item("Variants", "style", "catalog.Variant"),
            Item("Prices", "payments", "catalog.Price"),
            Item("Price lists", "price_change", "catalog.PriceList"),
            Item("Barcodes", "barcode", "catalog.Barcode"),
            Item("Categories", "account_tree", "catalog.Category"),
            Item("Brands", "verified", "catalog.Brand"),
        ),
    ),
    Desk(
        "Buying desk",
        (
            Item("What to buy", "add_shopping_cart", "purchasing.ReplenishmentProposal"),
            Item("Purchase orders", "receipt_long", "purchasing.PurchaseOrder"),
            Item("Ordered for customers", "bookmark", "purchasing.OrderedFor"),
            Item("Slipped deliveries", "event_busy", "purchasing.DeliverySlip"),
            Item("Returns to suppliers", "assignment_return", "purchasing.SupplierReturn"),
            Item("Suppliers", "handshake", "purchasing.Supplier"),
            Item("Supplier articles", "format_list_bulleted", "purchasing.SupplierProduct"),
            Item("Supplier prices", "euro_symbol", "purchasing.SupplierPrice"),
            Item("Supplier files", "upload_file", "purchasing.SupplierFile"),
            Item("Supplier file imports", "fact_check", "purchasing.SupplierFileRun"),
            Item("Rules of what to buy", "rule_settings", "purchasing.ReplenishmentRule"),
            Item("When it was worked out", "calculate", "purchasing.ReplenishmentRun"),
        ),
    ),
    Desk(
        "Invoices desk",
        (
            Item("Supplier invoices", "request_quote", "purchasing.SupplierInvoice"),
            Item("Exceptions", "rule", "purchasing.MatchException"),
            Item("Files with invoices", "upload_file", "purchasing.InvoiceDocument"),
            Item("Handed to accounting", "outbox", "purchasing.PayableExport"),
            Item("Payment files", "account_balance_wallet", "purchasing.PaymentBatch"),
            Item("To be handed over", "outgoing_mail", "purchasing.Handover"),
            Item("What the bank said", "price_check", "purchasing.PaymentNotice"),
            Item("Ledger of buying", "menu_book", "purchasing.LedgerPosting"),
            Item("Landed costs", "local_shipping", "purchasing.LandedCost"),
            Item("Stock value", "account_balance", "inventory.CostPool"),
            Item("Cost movements", "timeline", "inventory.CostMovement"),
            Item("Closed books", "lock", "inventory.ClosedPeriod"),
            Item("Stock at the end of days", "history", "inventory.StockSnapshot"),
        ),
    ),
    Desk(
        "Customers",
        (
            Item("Customers", "person", "customers.Customer"),
            Item("Addresses", "home_pin", "customers.Address"),
        ),
    ),
    Desk(
        "Channels",
        (
            Item("Channels", "hub", "channels.Channel"),
            Item("Listings", "storefront", "channels.Listing"),
            Item("Offers explained", "calculate", "inventory.AvailabilitySnapshot"),
            Item("Safety stock", "shield", "inventory.SafetyStock"),
            Item("Kept for a channel", "pin_drop", "inventory.ChannelReserve"),
            Item("Sold from where", "alt_route", "inventory.ChannelStockSource"),
            Item("To be sent", "outgoing_mail", "channels.OutboxEntry"),
            Item("Messages received", "inbox", "channels.InboundMessage"),
            Item("How far we have read", "update", "channels.SyncCursor"),
            Item("Stock changes to tell", "sync", "inventory.AvailabilityChange"),
        ),
    ),
    Desk(
        "Setup",
        (
            Item("Imported files", "file_open", "common.ImportRun"),
            Item("Rejected lines", "rule_folder", "common.ImportReject"),
            Item("Supplier file profiles", "tune", "purchasing.SupplierFileProfile"),
            Item("Who approves orders", "approval", "purchasing.PurchaseApprovalRule"),
            Item("Invoice tolerances", "straighten", "purchasing.TolerancePolicy"),
            Item("Who may accept how much", "approval_delegation", "purchasing.DecisionLimit"),
            Item("Served from where", "alt_route", "orders.RoutingRule"),
            Item("Where postcodes lie", "map", "orders.PostcodeCentroid"),
            Item("What is paid when", "price_check", "orders.PaymentRule"),
            Item("Tax classes", "percent", "catalog.TaxClass"),
            Item("Exchange rates", "currency_exchange", "catalog.ExchangeRate"),
            Item("Schedule", "schedule", "django_celery_beat.PeriodicTask"),
            Item("Runs of scheduled work", "history", "common.TaskRun"),
            Item("People", "group", "common.User"),
            Item("Roles", "badge", "auth.Group"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu as Unfold reads it, with what this person may open."""
    today = [_entry("Home", "dashboard", reverse("admin:index"))]
    if request.user.has_perm("common.view_taskrun"):
        today.append(_entry("Health", "monitor_heart", reverse("health-tasks")))
    if request.user.has_perm("inventory.view_stocklevel"):
        today.append(_entry("What is where", "travel_explore", reverse("stock-where")))
    if request.user.has_perm("purchasing.view_supplierinvoice"):
        today.append(_entry("Invoice desk", "gavel", reverse(INVOICE_DESK)))
    return [
        {"title": "Today", "items": today},
        *(
            {
                "title": desk.title,
                "collapsible": True,
                "items": [
                    _entry(item.title, item.icon, _list_url(item.model))
                    for item in desk.items
                    if _may_open(request, item.model)
                ],
            }
            for desk in DESKS
        ),
        {"title": "Reports", "collapsible": True, "items": _reports(request)},
    ]


def _reports(request: HttpRequest) -> list[dict[str, Any]]:
    may_see_stock = request.user.has_perm(stock_reports.PERMISSION)
    over_stock = stock_reports.menu() if may_see_stock else ()
    shown = (
        *over_stock,
        *order_reports.menu(request),
        *purchase_reports.menu(request),
        *due_calendar.menu(request),
    )
    return [_entry(title, icon, link) for title, icon, link in shown]


def _may_open(request: HttpRequest, label: str) -> bool:
    """Tell whether the model has an admin and lets the person see its list."""
    model = apps.get_model(label)
    if not admin.site.is_registered(model):
        return False
    return admin.site.get_model_admin(model).has_view_permission(request)


@cache
def _list_url(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_').lower()}_changelist")


def _entry(title: str, icon: str, link: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}
