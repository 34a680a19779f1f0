"""What must not stand in the repository: addresses of package registries, paths of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written in pieces, so that this file is not its own finding.
REGISTRIES = re.compile(
    "|".join(["py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.(org|com)"])
)
MACHINE_PATHS = re.compile(r"(?<![\w.-])/(work|root|farm)/[\w.]")


@pytest.fixture(scope="module")
def tracked_texts():
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout: nothing is tracked")
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        try:
            texts[name] = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    return texts


@pytest.mark.parametrize(
    "forbidden",
    [pytest.param(REGISTRIES, id="registries"), pytest.param(MACHINE_PATHS, id="machine_paths")],
)
def test_tracked_files_name_no_registry_and_no_machine(tracked_texts, forbidden):
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in tracked_texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if forbidden.search(line)
    ]

    assert found == []


def test_locked_requirements_are_pinned_by_hash_and_name_no_index(tracked_texts):
    locks = {name: text for name, text in tracked_texts.items() if name.startswith("requirements/")}

    unpinned = [
        f"{name}: {line}"
        for name, text in locks.items()
        for line in text.splitlines()
        if re.match(r"[\w-]", line) and not re.match(r"[\w\[\].,-]+==\S+.* \\$", line)
    ]

    assert sorted(locks) == ["requirements/dev.txt", "requirements/runtime.txt"]
    assert unpinned == []
    assert not any("://" in text or "--index" in text for text in locks.values())
