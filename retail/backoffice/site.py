"""
How the back office looks: Unfold's settings.

The settings module imports this before Django is set up, so it names functions and imports none.
"""

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Retail back office",
    "SITE_HEADER": "Back office",
    "SITE_SUBHEADER": "Stock, orders and buying",
    "SITE_SYMBOL": "storefront",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("backoffice/favicon.svg"),
        },
    ],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda _request: static("backoffice/desk.css")],
    "DASHBOARD_CALLBACK": "retail.backoffice.dashboard.home",
    # Unfold's own search of models would load every row it finds.
    "COMMAND": {"search_models": False, "search_callback": "retail.backoffice.search.find"},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "retail.backoffice.navigation.navigation",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .013 236.62)",
            "100": "oklch(95.1% .026 236.824)",
            "200": "oklch(90.1% .058 230.902)",
            "300": "oklch(82.8% .111 230.318)",
            "400": "oklch(74.6% .16 232.661)",
            "500": "oklch(58.8% .158 241.966)",
            "600": "oklch(50% .134 242.749)",
            "700": "oklch(44.3% .11 240.79)",
            "800": "oklch(39.1% .09 240.876)",
            "900": "oklch(29.3% .066 243.157)",
            "950": "oklch(22% .05 243.157)",
        },
    },
}
