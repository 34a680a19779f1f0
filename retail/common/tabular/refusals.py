"""Why a whole file is refused."""

from __future__ import annotations

from collections.abc import Collection

from retail.common.errors import BusinessError


class BrokenFile(BusinessError):
    """The file cannot be read to its end as it is; `line` says where, when that is known."""

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        where = f"Line {line}: " if line else ""
        super().__init__(f"{where}{reason}", line=line)


class DuplicateColumn(BusinessError):
    """Two columns have the same title, so nobody can say which one is meant."""

    def __init__(self, titles: Collection[str]) -> None:
        super().__init__(
            f"These column titles stand there more than once: {', '.join(sorted(titles))}.",
            titles=sorted(titles),
        )


class MissingColumn(BusinessError):
    """Columns that are needed are not in the file."""

    def __init__(self, missing: Collection[str], found: Collection[str]) -> None:
        super().__init__(
            f"These columns are missing: {', '.join(sorted(missing))}."
            f" The file has: {', '.join(list(found)[:50]) or 'none'}.",
            missing=sorted(missing),
            found=list(found),
        )


class MissingSheet(BusinessError):
    """The workbook has no sheet of the name that was agreed."""

    def __init__(self, name: str, found: Collection[str]) -> None:
        super().__init__(
            f"There is no sheet called {name}. The workbook has:"
            f" {', '.join(list(found)[:50]) or 'none'}.",
            missing=name,
            found=list(found),
        )


class TooManyColumns(BusinessError):
    """The file has more columns than any price list; it was probably cut in the wrong places."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The file has more than {limit} columns.", limit=limit)
