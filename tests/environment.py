"""
The surroundings of a test run: a database server of its own that nobody would miss.

A plugin named in pyproject.toml, because pytest-django reads the settings before any conftest.
"""

import atexit
import os
from pathlib import Path

from retail.embedded import postgres

ROOT = Path(__file__).resolve().parent.parent
TEST_DIR = Path(os.environ.get("TEST_DIR", ROOT / ".test")).absolute()

os.environ.setdefault("RETAIL_DEMO", "1")
# Who the practice shop is: a test that looks at it says so itself.
for name in ("RETAIL_SHOP_NAME", "RETAIL_TAX_NUMBER", "RETAIL_IBAN", "RETAIL_BIC"):
    os.environ[name] = ""
# Nothing is listening: a test that sends a task for real starts a broker for itself.
os.environ.setdefault("CELERY_BROKER_URL", "memory://")
os.environ["MEDIA_ROOT"] = str(TEST_DIR / "media")
os.environ["STATIC_ROOT"] = str(TEST_DIR / "staticfiles")
(TEST_DIR / "staticfiles").mkdir(parents=True, exist_ok=True)  # its absence is a warning

if "DATABASE_URL" not in os.environ:
    # Workers of pytest-xdist inherit the address and so start nothing.
    os.environ["DATABASE_URL"] = postgres.start(TEST_DIR / "postgres", durable=False)
    atexit.register(postgres.stop, TEST_DIR / "postgres")
