"""`python -m bench`: run every measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from retail.embedded import postgres

ROOT = Path(__file__).resolve().parent.parent
BENCH_DIR = Path(os.environ.get("BENCH_DIR", ROOT / ".bench")).absolute()
NAMES = (
    *("supplier-file", "ingest", "history", "orders", "promises", "receipts", "ledger"),
    *("invoice-desk", "matching"),
)


def main() -> None:
    """Start a durable server of its own unless one is named, then measure."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--json", type=Path, default=BENCH_DIR / "results.json")
    parser.add_argument("--only", choices=NAMES, nargs="+", default=NAMES, help="Some of them.")
    options = parser.parse_args()
    os.environ.setdefault("RETAIL_DEMO", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail.settings")
    is_embedded = "DATABASE_URL" not in os.environ
    if is_embedded:
        os.environ["DATABASE_URL"] = postgres.start(BENCH_DIR / "postgres")
    try:
        _measure(options)
    finally:
        if is_embedded:
            postgres.stop(BENCH_DIR / "postgres")


def _measure(options: argparse.Namespace) -> None:
    # Django reads the address of the database when it is set up, which must not be earlier.
    import django  # noqa: PLC0415 - as said above

    django.setup()

    from bench import (  # noqa: PLC0415 - needs Django set up
        harness,
        history,
        ingest,
        invoice_desk,
        ledger,
        matching,
        orders,
        promises,
        receipts,
        supplier_file,
    )

    modules = (
        *(supplier_file, ingest, history, orders, promises, receipts, ledger),
        *(invoice_desk, matching),
    )
    measures: list[harness.Measure] = []
    for name, module in zip(NAMES, modules, strict=True):
        if name in options.only:
            with harness.fresh_database("retail_bench"):
                measures += module.measure()
    harness.print_table(measures)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    harness.write_json(measures, options.json)


if __name__ == "__main__":
    main()
