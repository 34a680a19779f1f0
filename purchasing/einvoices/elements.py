"""Elements of an XML document, asked by paths without prefixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from lxml import etree

from purchasing.einvoices import values
from purchasing.einvoices.documents import Syntax
from purchasing.einvoices.safety import Root


@cache
def _in_any_namespace(path: str) -> str:
    """Return `A/B` as `{*}A/{*}B`: a document may call its namespaces what it likes."""
    return "/".join(f"{{*}}{step}" for step in path.split("/"))


@dataclass(frozen=True)
class Element:
    """
    An element whose values are asked by path (`OrderReference/ID`), in whatever namespace.

    Of several paths the first that holds something counts; two syntaxes with other names for the
    same thing are read by one line so. Texts come on one line; what is missing is empty.
    """

    node: Root
    syntax: Syntax

    @property
    def name(self) -> str:
        return etree.QName(self.node).localname

    @property
    def namespace(self) -> str:
        return etree.QName(self.node).namespace or ""

    def all(self, *paths: str) -> Iterator[Element]:
        """Yield what stands at any of these paths, in the order of the paths."""
        for path in paths:
            for node in self.node.iterfind(_in_any_namespace(path)):
                yield Element(node, self.syntax)

    def first(self, *paths: str) -> Element | None:
        return next(self.all(*paths), None)

    def part(self, *paths: str) -> Element:
        """Return the first at these paths, or an element with nothing in it."""
        return self.first(*paths) or Element(etree.Element("nothing"), self.syntax)

    def own_text(self) -> str:
        return values.text_of(self.node.text)

    def attribute(self, name: str) -> str:
        return values.text_of(self.node.get(name))

    def texts(self, *paths: str) -> list[str]:
        """Return what is not empty at these paths."""
        return [text for found in self.all(*paths) if (text := found.own_text())]

    def text(self, *paths: str) -> str:
        return next(iter(self.texts(*paths)), "")

    def number(self, *paths: str, term: str) -> Decimal | None:
        """:raises UnreadableDocument: BAD_VALUE, TEMPLATE."""
        return values.number_of(self.text(*paths), term=term, syntax=self.syntax)

    def day(self, *paths: str, term: str) -> date | None:
        """:raises UnreadableDocument: BAD_VALUE, TEMPLATE."""
        return values.day_of(self.text(*paths), term=term, syntax=self.syntax)

    def required(self, *paths: str, term: str) -> str:
        """:raises UnreadableDocument: INCOMPLETE, TEMPLATE."""
        return values.required(self.text(*paths), term=term, syntax=self.syntax)

    def required_number(self, *paths: str, term: str) -> Decimal:
        """:raises UnreadableDocument: INCOMPLETE, BAD_VALUE, TEMPLATE."""
        return values.required_number(self.text(*paths), term=term, syntax=self.syntax)

    def required_day(self, *paths: str, term: str) -> date:
        """:raises UnreadableDocument: INCOMPLETE, BAD_VALUE, TEMPLATE."""
        return values.required_day(self.text(*paths), term=term, syntax=self.syntax)
