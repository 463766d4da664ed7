"""Template filters for amounts; the sign of a direction is written in words' place, never by colour alone."""

from django import template

from shop import money

register = template.Library()


@register.filter
def rupees(amount):
    """1,23,456.50"""
    return "" if amount is None else money.rupees(amount)


@register.filter
def rupees_symbol(amount):
    """₹1,23,456.50, for headers and totals."""
    return "" if amount is None else money.rupees(amount, "₹")


@register.filter
def received(amount):
    """+1,500.00; a reversed receipt counts back: −1,500.00"""
    return "" if amount is None else _signed(amount)


@register.filter
def spent(amount):
    """−2,000.00; a reversed payment counts back: +2,000.00"""
    return "" if amount is None else _signed(-amount)


def _signed(amount):
    return ("+" if amount > 0 else "") + money.rupees(amount)
