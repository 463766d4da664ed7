"""Lendbook's settings, read from the environment (.env.example explains each); no business rule lives here."""

import hashlib
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from lendbook import instance
from lendbook.addresses import fault_of

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(env.str("LENDBOOK_ENV_FILE", str(BASE_DIR / ".env")))

INSTANCE = env.str("LENDBOOK_INSTANCE", "dev")
PROD = INSTANCE == "prod"
DATA_DIR = instance.make_folders(env.str("LENDBOOK_DATA_DIR", str(BASE_DIR / "instances")), INSTANCE)

KEY_IS_GIVEN = bool(env.str("SECRET_KEY", ""))
SECRET_KEY = env.str("SECRET_KEY", "") or instance.secret_key(DATA_DIR)
DEBUG = env.bool("DEBUG", False)
# Where `make run` listens.
BIND = env.str("LENDBOOK_BIND", "127.0.0.1")
PORT = env.str("PORT", "8000")
WEB_WORKERS = env.int("LENDBOOK_WEB_WORKERS", 2)
WEB_THREADS = 4
_own_hosts = [] if PROD else ["127.0.0.1", "localhost", "[::1]", BIND]
ALLOWED_HOSTS = [host.strip() for host in env.list("ALLOWED_HOSTS", default=_own_hosts)]
CSRF_TRUSTED_ORIGINS = [origin.strip() for origin in env.list("CSRF_TRUSTED_ORIGINS", default=[])]
# Addresses or networks of proxies whose X-Forwarded-For is believed, when they are the ones who call.
TRUSTED_PROXIES = [name.strip() for name in env.list("LENDBOOK_TRUSTED_PROXIES", default=[]) if name.strip()]
if _no_address := fault_of(TRUSTED_PROXIES):
    raise ImproperlyConfigured(
        f"LENDBOOK_TRUSTED_PROXIES names '{_no_address}', which is no address; give e.g. 127.0.0.1 or 172.16.0.0/12."
    )
PUBLIC_URL = env.str("LENDBOOK_PUBLIC_URL", "").rstrip("/")
# Where a second copy of every backup goes, e.g. a USB disk.
BACKUP_SECOND = env.str("LENDBOOK_BACKUP_SECOND", "")

if PROD:
    if DEBUG:
        raise ImproperlyConfigured("prod does not run with DEBUG: take DEBUG out of the environment or .env.")
    if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("django-insecure"):
        raise ImproperlyConfigured(
            "prod does not run with a default SECRET_KEY: unset it (Lendbook makes its own) or give 50 characters."
        )
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("prod needs its host names, and no *: set e.g. ALLOWED_HOSTS=books.example.in")

# One .env may give its key to several instances; what one of them signs is worth nothing in another all the same.
if KEY_IS_GIVEN:
    SECRET_KEY = f"{SECRET_KEY}:{INSTANCE}"
# Names what several instances may share, a Redis for example: the instance's name and a mark of its key.
_own_name = f"lendbook-{INSTANCE}-{hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:8]}"

INSTALLED_APPS = [
    "lendbook.apps.LendbookConfig",
    "shop",
    "ledger",
    "trackers",
    "expenses",
    "lendbook.apps.LendbookAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "simple_history",
    "import_export",
    "django_q",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "lendbook.broken.CommitsMiddleware",
    "lendbook.headers.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "lendbook.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "lendbook.devices.DeviceMiddleware",
    "lendbook.login.IdleMiddleware",
    "lendbook.audit.AuditMiddleware",
    "lendbook.second_factor.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "shop.access.BookMiddleware",
]

ROOT_URLCONF = "lendbook.urls"
WSGI_APPLICATION = "lendbook.wsgi.application"
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
            "builtins": ["shop.templatetags.rupees", "shop.templatetags.frame"],
        },
    }
]

if env.str("DATABASE_URL", ""):
    DATABASES = {"default": env.db("DATABASE_URL")}
else:  # not by way of an address, in which a % or # of the folder's name would have a meaning
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "db.sqlite3")}}
_database = DATABASES["default"]
_database["CONN_MAX_AGE"] = None  # a new connection costs more than a page; SQLite enqueues 12 times faster
if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE takes the write lock at BEGIN: four writers met no "database is locked" (182 of 400 without it).
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
    }
    _database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # a file, so that threads and processes share it
else:
    _database["CONN_HEALTH_CHECKS"] = True  # a restarted server costs one reconnect, not one error page
    _database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
# The PostgreSQL role, made by deploy/grafana/role.sql, that may read the report views and nothing else.
REPORTS_ROLE = env.str("LENDBOOK_REPORTS_ROLE", "lendbook_reports")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 2},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "lendbook_cache"}}
CACHES["default"]["KEY_PREFIX"] = _own_name

# At-least-once delivery: every task may run twice and says in its docstring what the second run does.
Q_CLUSTER = {
    "name": _own_name,
    "log_level": "WARNING",
    "workers": env.int("LENDBOOK_WORKERS", 2),
    "timeout": 3600,
    "retry": 3700,
    "max_attempts": 3,
    "catch_up": False,
    "save_limit": 200,
    "queue_limit": 50,
    "poll": 0.2,
    "label": "Background work",
}
if REDIS_URL:
    Q_CLUSTER["redis"] = REDIS_URL
else:
    Q_CLUSTER["orm"] = "default"

# Nothing leaves the machine until a key is given here.
OPENAI_API_KEY = env.str("OPENAI_API_KEY", "")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", "https://api.openai.com/v1")
OPENAI_MODEL = env.str("OPENAI_MODEL", "gpt-4o-mini")
OPENAI_DAILY_CALLS = env.int("OPENAI_DAILY_CALLS", 50)

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
PASSWORD_RESET_TIMEOUT = 48 * 3600  # how long a link lives by which a person sets his password
SECOND_FACTOR_COMPULSORY = PROD  # for owners and superusers
# A session of somebody who works in a book ends after so many minutes without a request.
IDLE_MINUTES = env.int("LENDBOOK_IDLE_MINUTES", 60)
SESSION_ENGINE = "lendbook.sessions"
# Below either of them every page of the office warns of a disk that fills up; 0 switches one off.
DISK_WARN_PERCENT = env.float("LENDBOOK_DISK_WARN_PERCENT", 5)
DISK_WARN_MB = env.float("LENDBOOK_DISK_WARN_MB", 500)
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en-in"
LANGUAGES = [("en-in", "English"), ("ta", "தமிழ்"), ("hi", "हिन्दी")]
USE_TZ = True
TIME_ZONE = "Asia/Kolkata"  # how moments are shown; business dates follow each book's own zone
FORMAT_MODULE_PATH = ["lendbook.formats"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static" if PROD else None  # elsewhere the files are served as they lie
WHITENOISE_USE_FINDERS = not PROD  # pages work without collectstatic outside prod
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PROD
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
MEDIA_ROOT = DATA_DIR
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "imports"  # large uploads never touch a folder that others can read
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 11 * 1024 * 1024

SESSION_COOKIE_NAME = f"lendbook_{INSTANCE}_session"
CSRF_COOKIE_NAME = f"lendbook_{INSTANCE}_csrf"
LANGUAGE_COOKIE_NAME = f"lendbook_{INSTANCE}_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
DEVICE_COOKIE_NAME = f"lendbook_{INSTANCE}_device"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PROD:
    # Behind a TLS proxy that sets X-Forwarded-Proto; LENDBOOK_TLS=False for a shop's own closed network.
    _tls = env.bool("LENDBOOK_TLS", True)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _tls
    SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _tls else 0
    # Both bind every other name of the domain to TLS for a year, and preload for ever: only who chose them has them.
    SECURE_HSTS_PRELOAD = _tls and env.bool("LENDBOOK_HSTS_PRELOAD", False)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = _tls and (SECURE_HSTS_PRELOAD or env.bool("LENDBOOK_HSTS_SUBDOMAINS", False))
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _tls else None

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
SIMPLE_HISTORY_REVERT_DISABLED = True
# Django would have HSTS reach all subdomains and browsers' own lists; that is the domain's owner to choose.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LENDBOOK_LOG_LEVEL", "WARNING")},
}
