# The web process, the worker and the clock run from this one image (compose.yaml).

ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE} AS build

WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements/runtime.txt requirements/
# pip refuses whatever does not have the hash of the lock, wherever it came from.
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt


FROM ${PYTHON_IMAGE}

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=retail.settings \
    STATIC_ROOT=/srv/static \
    MEDIA_ROOT=/srv/media \
    SUPPLIER_DROP_DIR=/srv/supplier-drop \
    RETAIL_HANDOVER_DIR=/srv/handover

RUN useradd --system --uid 10001 --no-create-home retail \
    && install -d -o retail -g retail /srv/media /srv/static /srv/supplier-drop /srv/handover
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .

# Collecting needs settings but neither secrets nor a database: these exist during this step only.
RUN RETAIL_DEMO=0 DATABASE_URL=postgresql:///none CELERY_BROKER_URL=memory:// \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    RETAIL_FIELD_KEYS="$(python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')" \
    python manage.py collectstatic --noinput --verbosity 0

USER retail
EXPOSE 8000
VOLUME /srv/media /srv/supplier-drop /srv/handover
CMD ["gunicorn", "retail.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "4", \
     "--max-requests", "2000", "--max-requests-jitter", "200", "--timeout", "60"]
