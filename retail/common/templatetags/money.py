"""Amounts in templates as people read them."""

from django import template

from retail.common.money import display, display_rate

register = template.Library()
register.filter("rate", display_rate)
register.filter("amount", display)
