"""The settings as a production reads them: what it must be given and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from retail import settings

ROOT = Path(__file__).resolve().parents[2]
ASK = "from retail import settings; print(settings.DEBUG, settings.SECURE_SSL_REDIRECT)"


def _production(**changes):
    return {
        "PATH": os.defpath,
        "SECRET_KEY": "s3cret-" * 10,
        "RETAIL_FIELD_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": "postgresql://retail@database.example.com/retail",
        "ALLOWED_HOSTS": "shop.example.com",
        **changes,
    }


def _read_settings(environment):
    return subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if value is not None},
        check=False,
        capture_output=True,
        text=True,
    )


def test_settings_of_a_production_are_safe_by_default():
    run = _read_settings(_production())

    assert (run.returncode, run.stdout) == (0, "False True\n")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SECRET_KEY": None}, "Set SECRET_KEY"),
        ({"SECRET_KEY": settings.DEMO_SECRET_KEY}, "SECRET_KEY is the demo's"),
        ({"SECRET_KEY": "change-me"}, "SECRET_KEY is a sample or too short"),
        ({"RETAIL_FIELD_KEYS": None}, "Set RETAIL_FIELD_KEYS"),
        (
            {"RETAIL_FIELD_KEYS": f"{Fernet.generate_key().decode()},{settings.DEMO_FIELD_KEY}"},
            "RETAIL_FIELD_KEYS is the demo's",
        ),
    ],
)
def test_settings_refuse_a_production_without_secrets_of_its_own(changes, message):
    run = _read_settings(_production(**changes))

    assert run.returncode == 1
    assert message in run.stderr
