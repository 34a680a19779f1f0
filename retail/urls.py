"""Addresses: the back office at the root, the API below /api/."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from retail.api import router
from retail.backoffice import order_reports, purchase_reports, stock_reports
from retail.backoffice.due_calendar import due_calendar
from retail.backoffice.health import tasks
from retail.backoffice.stock_where import stock_where


@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """Answer that this process is alive; it asks no other service, so none can make it fail."""
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("health/", health, name="health"),
    path("health/tasks/", admin.site.admin_view(tasks), name="health-tasks"),
    path("stock/where/", admin.site.admin_view(stock_where), name="stock-where"),
    path("stock/where/<int:variant_id>/", admin.site.admin_view(stock_where), name="stock-where"),
    path(
        "reports/stock-as-of/",
        admin.site.admin_view(stock_reports.stock_as_of),
        name="report-stock-as-of",
    ),
    path("reports/abc/", admin.site.admin_view(stock_reports.abc), name="report-abc"),
    path("reports/cover/", admin.site.admin_view(stock_reports.cover), name="report-cover"),
    path(
        "reports/dead-stock/",
        admin.site.admin_view(stock_reports.dead_stock),
        name="report-dead-stock",
    ),
    path(
        "reports/oversold/", admin.site.admin_view(order_reports.oversold), name="report-oversold"
    ),
    *(
        path(
            f"reports/{report.name}/",
            admin.site.admin_view(view),
            name=f"report-{report.name}",
        )
        for report, view in purchase_reports.PAGES.items()
    ),
    path("payables/calendar/", admin.site.admin_view(due_calendar), name="due-calendar"),
    path("api/v1/", include(router.urls)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    path("", admin.site.urls),
]
