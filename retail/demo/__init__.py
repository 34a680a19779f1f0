"""
The practice shop: a year of an invented home and gift retailer, told through our own acts.

Nothing here writes a stateful row by itself; it calls importers and operations with past moments.
"""
