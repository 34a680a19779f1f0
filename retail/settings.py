"""
Every setting, read from the environment.

Without variables the program is set for production and refuses to start until the secrets are
given. RETAIL_DEMO=1 relaxes what a demo on one's own machine cannot have (HTTPS, secrets).
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured

from retail.backoffice import site
from retail.embedded import postgres, valkey

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# Which kind of installation this is.

RETAIL_DEMO = env.bool("RETAIL_DEMO", default=False)
DEMO_DIR = Path(env.str("DEMO_DIR", default=str(BASE_DIR / ".demo"))).absolute()
DEBUG = env.bool("DEBUG", default=False)

# Known to everybody who reads this file: good for nothing but the demo.
DEMO_SECRET_KEY = "demo-only-" + "k" * 50
DEMO_FIELD_KEY = "ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHktMDA="
SHORTEST_SECRET_KEY = 50


def _secret(name: str, *, in_demo: str) -> str:
    """Return a secret of the environment, or the demo's own when this is the demo."""
    secret = env.str(name, default=in_demo if RETAIL_DEMO else "")
    if not secret:
        message = f"Set {name}: there is no default outside the demo (docs/operations.md)."
        raise ImproperlyConfigured(message)
    if not RETAIL_DEMO and in_demo in secret.split(","):
        message = f"{name} is the demo's, which everybody knows: make one of your own."
        raise ImproperlyConfigured(message)
    return secret


SECRET_KEY = _secret("SECRET_KEY", in_demo=DEMO_SECRET_KEY)
if len(SECRET_KEY) < SHORTEST_SECRET_KEY:
    message = f"SECRET_KEY is a sample or too short: use {SHORTEST_SECRET_KEY} random characters."
    raise ImproperlyConfigured(message)

# The first key encrypts channel credentials, all decrypt: put a new one in front to rotate.
# Apart from SECRET_KEY on purpose, so that changing that one loses no data.
RETAIL_FIELD_KEYS = _secret("RETAIL_FIELD_KEYS", in_demo=DEMO_FIELD_KEY).split(",")

# The shop.

RETAIL_SHOP_NAME = env.str("RETAIL_SHOP_NAME", default="Hearth and Home" if RETAIL_DEMO else "")
# Where people reach the program, for links in e-mails.
RETAIL_URL = env.str("RETAIL_URL", default="http://localhost:8000" if RETAIL_DEMO else "")
RETAIL_CURRENCY = env.str("RETAIL_CURRENCY", default="GBP")
# Refunds above it wait for a second person, in whatever currency the order has.
RETAIL_REFUND_LIMIT = Decimal(env.str("RETAIL_REFUND_LIMIT", default="100"))
RETAIL_COUNTRY = env.str("RETAIL_COUNTRY", default="GB")
# Our own tax number; suppliers' invoices to another one wait for a person. Empty: nobody looks.
RETAIL_TAX_NUMBER = env.str("RETAIL_TAX_NUMBER", default="GB980780684" if RETAIL_DEMO else "")
# The account that suppliers are paid from, by payment files in euro.
RETAIL_IBAN = env.str("RETAIL_IBAN", default="GB33BUKB20201555555555" if RETAIL_DEMO else "")
RETAIL_BIC = env.str("RETAIL_BIC", default="BUKBGB22" if RETAIL_DEMO else "")

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["retail.formats"]

# The house.

INSTALLED_APPS = [
    # Unfold replaces templates of the admin and of import-export, so it stands before them.
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "django_celery_beat",
    "pgtrigger",
    "pghistory",
    "django_structlog",
    "retail.common",
    "catalog",
    "customers",
    "channels",
    "inventory",
    "orders",
    "purchasing",
    "retail.backoffice",
    "retail",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Gives every log line of the request one id; after the user is known, to name them too.
    "django_structlog.middlewares.RequestMiddleware",
    # Hands the user and the address to the history triggers.
    "pghistory.middleware.HistoryMiddleware",
]

ROOT_URLCONF = "retail.urls"
WSGI_APPLICATION = "retail.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# The database.

# A connection that waits for ever for a lock, or sits in an open transaction, stops the shop:
# PostgreSQL ends it. In milliseconds; 0 turns a limit off.
_TIMEOUTS = {
    "lock_timeout": env.int("RETAIL_LOCK_TIMEOUT_MS", default=10_000),
    "statement_timeout": env.int("RETAIL_STATEMENT_TIMEOUT_MS", default=300_000),
    "idle_in_transaction_session_timeout": env.int("RETAIL_IDLE_TIMEOUT_MS", default=300_000),
}

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db("DATABASE_URL", default=postgres.url(DEMO_DIR / "postgres")),
}
# Web and worker processes do one thing at a time, so each keeps one connection; a pool inside a
# process would have nothing to share.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})["options"] = " ".join(
    f"-c {name}={value}" for name, value in _TIMEOUTS.items()
)

# Signing in.

AUTH_USER_MODEL = "common.User"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# The web.

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if RETAIL_DEMO else []
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

_HTTPS = env.bool("RETAIL_HTTPS", default=not RETAIL_DEMO)
SECURE_SSL_REDIRECT = _HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/$"]  # asked by load balancers without HTTPS
SESSION_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SECURE = _HTTPS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = _HTTPS
SECURE_HSTS_PRELOAD = _HTTPS
if env.bool("RETAIL_BEHIND_PROXY", default=False):
    # Only when a proxy in front sets this header itself; anybody could send it otherwise.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

STATIC_URL = "static/"
STATIC_ROOT = Path(
    env.str("STATIC_ROOT", default=str((DEMO_DIR if RETAIL_DEMO else BASE_DIR) / "staticfiles"))
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if RETAIL_DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
WHITENOISE_USE_FINDERS = RETAIL_DEMO  # the demo starts without collectstatic

# Originals of documents; never served by address, only through views that check permissions.
MEDIA_ROOT = Path(
    env.str("MEDIA_ROOT", default=str((DEMO_DIR if RETAIL_DEMO else BASE_DIR) / "media"))
)
FILE_UPLOAD_PERMISSIONS = 0o640

# Where suppliers' files come from: folders below the one, and web addresses outside our network.

SUPPLIER_DROP_DIR = env.str(
    "SUPPLIER_DROP_DIR", default=str(DEMO_DIR / "supplier-drop") if RETAIL_DEMO else ""
)
# Hosts of the own network that a file may be fetched from all the same.
SUPPLIER_FETCH_OWN_HOSTS = env.list("SUPPLIER_FETCH_OWN_HOSTS", default=[])
# Where invoices come from: a folder in which they are laid, and a mailbox (Maildir or mbox) that
# another program fills. Empty: neither.
RETAIL_INVOICE_DROP = env.str(
    "RETAIL_INVOICE_DROP", default=str(DEMO_DIR / "invoice-drop") if RETAIL_DEMO else ""
)
RETAIL_INVOICE_MAILBOX = env.str("RETAIL_INVOICE_MAILBOX", default="")
# Where files for accounting and the bank are laid; without it they are only downloaded.
RETAIL_HANDOVER_DIR = env.str(
    "RETAIL_HANDOVER_DIR", default=str(DEMO_DIR / "handover") if RETAIL_DEMO else ""
)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # a purchase order of some hundred lines is one form

# Mail: purchase orders go to suppliers. The demo's stay in a folder.

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="shop@localhost")
EMAIL_TIMEOUT = 20
if RETAIL_DEMO:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DEMO_DIR / "mail"
else:
    vars().update(env.email("EMAIL_URL", default="smtp://localhost:25"))

# The look of the back office, with its menu.

UNFOLD = site.UNFOLD

# The API.

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["retail.common.permissions.ModelPermissions"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "retail.common.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Retail back office",
    "DESCRIPTION": "Catalog, stock, orders, purchasing and customers of one retailer.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    # The page's files come from this server, never from another host.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # Choices that stand in several columns have one name.
    "ENUM_NAME_OVERRIDES": {
        "ProgressEnum": "purchasing.models.PurchaseOrder.Progress",
        "OwnerEnum": "channels.models.Channel.Owner",
        "ChargeKindEnum": "purchasing.models.PurchaseOrderCharge.Kind",
    },
}

# A cell that begins with = would run as a formula in the reader's spreadsheet.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
IMPORT_EXPORT_USE_TRANSACTIONS = True

# Work in the background.

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=valkey.url(DEMO_DIR / "valkey"))
CELERY_TIMEZONE = TIME_ZONE
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
# What became of a task stands in rows of ours, beside the business object it was about.
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
# A task is done when it has ended, not when it was fetched: a dead worker's task comes back.
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A task that kills its own process would otherwise start again for ever.
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SOFT_TIME_LIMIT = 840
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # one log format for web and worker, below
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Sending is a doorbell, the truth is a row: a broker that is down must not hold up a request.
CELERY_BROKER_CONNECTION_TIMEOUT = 3
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
if CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # Longer than the time limit and than any countdown, else a task would run twice.
        "visibility_timeout": 1800,
        # By default a dead worker's task is looked for every 100 seconds only.
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
    }
CELERY_BEAT_SCHEDULER = "retail.beat:SingleScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5

# Logs.

DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")

_SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            # The default would draw every local variable of every frame, seconds for each error.
            "processor": structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
            if RETAIL_DEMO
            else structlog.processors.JSONRenderer(),
            "foreign_pre_chain": _SHARED_PROCESSORS
            if RETAIL_DEMO
            else [*_SHARED_PROCESSORS, structlog.processors.format_exc_info],
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # The demo's screen shows what happens in the shop, not every page that is opened.
        "django_structlog": {"level": "WARNING" if RETAIL_DEMO else LOG_LEVEL},
        "celery.worker.strategy": {"level": "WARNING" if RETAIL_DEMO else LOG_LEVEL},
        "httpx2": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED_PROCESSORS,
        structlog.processors.StackInfoRenderer(),
        *([] if RETAIL_DEMO else [structlog.processors.format_exc_info]),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
