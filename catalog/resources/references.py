"""The brands, categories and tax classes that a product file names."""

from __future__ import annotations

from catalog.models import Brand, Category, TaxClass
from catalog.queries import CATEGORY_SEPARATOR, category_paths

LONGEST_NAME = 100


class References:
    """
    What a file's texts stand for, read once. Case and outer blanks do not matter.

    A brand or category nobody knows yet is made in memory; `save_new` stores what is used. Raises
    ValueError, in words for the person who sent the file, for a text that can mean nothing.
    """

    def __init__(self) -> None:
        self._brands = {brand.name.casefold(): brand for brand in Brand.objects.all()}
        self._tax_classes = {
            name.casefold(): tax_class
            for tax_class in TaxClass.objects.all()
            for name in (tax_class.name, tax_class.code)
        }
        self._paths = category_paths()
        self._categories = {
            _place(self._paths[category.pk]): category for category in Category.objects.all()
        }

    def brand(self, name: str) -> Brand:
        if len(name) > LONGEST_NAME:
            raise ValueError(f"A brand has at most {LONGEST_NAME} characters.")
        if name.casefold() not in self._brands:
            self._brands[name.casefold()] = Brand(name=name)
        return self._brands[name.casefold()]

    def tax_class(self, text: str) -> TaxClass:
        if text.casefold() not in self._tax_classes:
            known = ", ".join(sorted({tax.code for tax in self._tax_classes.values()}))
            raise ValueError(f"There is no tax class {text}. There are: {known or 'none yet'}.")
        return self._tax_classes[text.casefold()]

    def category(self, path: str) -> Category:
        """Return the category at a path, "Clothing > Shirts"."""
        names = [name.strip() for name in path.split(CATEGORY_SEPARATOR.strip())]
        if not all(names) or any(len(name) > LONGEST_NAME for name in names):
            raise ValueError(
                f"{path} is no category: write names of at most {LONGEST_NAME} characters"
                f' with "{CATEGORY_SEPARATOR}" between them.'
            )
        return self._category_at(names)

    def _category_at(self, names: list[str]) -> Category:
        place = tuple(name.casefold() for name in names)
        if place not in self._categories:
            parent = self._category_at(names[:-1]) if names[1:] else None
            self._categories[place] = Category(name=names[-1], parent=parent)
        return self._categories[place]

    def path(self, category: Category) -> str:
        if category.pk in self._paths:
            return self._paths[category.pk]
        above = f"{self.path(category.parent)}{CATEGORY_SEPARATOR}" if category.parent else ""
        return above + category.name

    def save_new(self) -> None:
        """Store the brands and categories that are not stored yet."""
        Brand.objects.bulk_create([brand for brand in self._brands.values() if brand.pk is None])
        new = {
            place: category for place, category in self._categories.items() if category.pk is None
        }
        for depth in sorted({len(place) for place in new}):
            Category.objects.bulk_create(
                [category for place, category in new.items() if len(place) == depth]
            )


def _place(path: str) -> tuple[str, ...]:
    return tuple(path.casefold().split(CATEGORY_SEPARATOR))
