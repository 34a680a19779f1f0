"""`python -m retail.embedded stop|remove FOLDER`: the servers of one demo or test folder."""

import sys
from pathlib import Path

from retail.embedded import postgres, valkey

ACTS = {"stop": (postgres.stop, valkey.stop), "remove": (postgres.remove, valkey.remove)}


def main(act: str, folder: str) -> None:
    """Apply the act to the database server and the broker of the folder."""
    for server_act, name in zip(ACTS[act], ("postgres", "valkey"), strict=True):
        server_act(Path(folder) / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
