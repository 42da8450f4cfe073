"""Decimal places of currencies (ISO 4217 minor units)."""

from __future__ import annotations

from functools import cache

import pycountry

_DECIMALS_OTHER_THAN_TWO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_WITHOUT_MINOR_UNITS = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX"


@cache
def minor_units() -> dict[str, int]:
    """ISO 4217 code to decimal places; metals, units of account and test codes have none and are left out."""
    without = set(_WITHOUT_MINOR_UNITS.split())
    places = {currency.alpha_3: 2 for currency in pycountry.currencies if currency.alpha_3 not in without}
    for digits, codes in _DECIMALS_OTHER_THAN_TWO.items():
        places.update(dict.fromkeys(codes.split(), digits))
    return dict(sorted(places.items()))
