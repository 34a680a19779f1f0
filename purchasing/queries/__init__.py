"""Reads over several models of buying."""

from purchasing.queries.approvals import Caught, Judgment, PricedLine, judge
from purchasing.queries.comparing import Difference, StagedLine, staged_lines
from purchasing.queries.comparison import (
    Comparison,
    OtherBill,
    ReceiptBehind,
    invoice_comparison,
)
from purchasing.queries.credits import CreditToNote, credits_to_note
from purchasing.queries.cross_dock import CrossDock, cross_dock
from purchasing.queries.deliveries import (
    DeliveryRow,
    deliveries_found,
    delivery_rows,
    lines_for_held,
    orders_to_receive,
)
from purchasing.queries.digests import Digest, digests_to_mail
from purchasing.queries.exceptions import (
    ExceptionsOfOwner,
    decision_limit,
    exceptions_by_owner,
    exceptions_to_decide,
    is_amendable,
    is_waiting,
)
from purchasing.queries.fetched import runs_to_apply
from purchasing.queries.incoming import (
    STILL_TO_COME,
    Incoming,
    incoming_to_level,
    incoming_units,
    still_to_come,
)
from purchasing.queries.integrity import differences
from purchasing.queries.invoice_desk import (
    STILL_BLOCKING,
    DeskAge,
    DeskQueue,
    DeskState,
    DeskTab,
    Neighbours,
    WaitingBill,
    desk_neighbours,
    desk_role_tabs,
    desk_state_tabs,
    first_at_desk,
    is_at_desk,
    standing_exceptions,
    waiting_bills,
)
from purchasing.queries.invoices import (
    goods_not_invoiced,
    invoices_like,
    lines_to_bill,
)
from purchasing.queries.matching import (
    OrderLineSuggestion,
    invoices_to_match,
    suggested_order_lines,
)
from purchasing.queries.offers import Offer, supplier_offers
from purchasing.queries.orders import order_warnings
from purchasing.queries.proposals import (
    IS_PROPOSAL,
    GtinMatch,
    Suggestion,
    exact_gtin_matches,
    link_suggestions,
    proposed_sku,
)
from purchasing.queries.reliability import (
    LeadTime,
    LeadTimeSource,
    Reliability,
    article_reliability,
    measured_lead_times,
    supplier_reliability,
)
from purchasing.queries.supplier_returns import (
    ToGoBack,
    customers_goods_to_go_back,
    last_costs,
    replaced_units,
)
from purchasing.queries.timeline import TimelineStep, invoice_timeline
from purchasing.queries.waiting import (
    OPEN_ORDERS,
    Waiting,
    coming_for_order,
    expected_day,
    no_longer_wanted,
    waiting_for_lines,
)

__all__ = [
    "IS_PROPOSAL",
    "OPEN_ORDERS",
    "STILL_BLOCKING",
    "STILL_TO_COME",
    "Caught",
    "Comparison",
    "CreditToNote",
    "CrossDock",
    "DeliveryRow",
    "DeskAge",
    "DeskQueue",
    "DeskState",
    "DeskTab",
    "Difference",
    "Digest",
    "ExceptionsOfOwner",
    "GtinMatch",
    "Incoming",
    "Judgment",
    "LeadTime",
    "LeadTimeSource",
    "Neighbours",
    "Offer",
    "OrderLineSuggestion",
    "OtherBill",
    "PricedLine",
    "ReceiptBehind",
    "Reliability",
    "StagedLine",
    "Suggestion",
    "TimelineStep",
    "ToGoBack",
    "Waiting",
    "WaitingBill",
    "article_reliability",
    "coming_for_order",
    "credits_to_note",
    "cross_dock",
    "customers_goods_to_go_back",
    "decision_limit",
    "deliveries_found",
    "delivery_rows",
    "desk_neighbours",
    "desk_role_tabs",
    "desk_state_tabs",
    "differences",
    "digests_to_mail",
    "exact_gtin_matches",
    "exceptions_by_owner",
    "exceptions_to_decide",
    "expected_day",
    "first_at_desk",
    "goods_not_invoiced",
    "incoming_to_level",
    "incoming_units",
    "invoice_comparison",
    "invoice_timeline",
    "invoices_like",
    "invoices_to_match",
    "is_amendable",
    "is_at_desk",
    "is_waiting",
    "judge",
    "last_costs",
    "lines_for_held",
    "lines_to_bill",
    "link_suggestions",
    "measured_lead_times",
    "no_longer_wanted",
    "order_warnings",
    "orders_to_receive",
    "proposed_sku",
    "replaced_units",
    "runs_to_apply",
    "staged_lines",
    "standing_exceptions",
    "still_to_come",
    "suggested_order_lines",
    "supplier_offers",
    "supplier_reliability",
    "waiting_bills",
    "waiting_for_lines",
]
