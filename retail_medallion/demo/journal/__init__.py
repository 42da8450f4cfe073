"""A demo retailer whose tills write one journal of text columns."""

from retail_medallion.demo.journal.telling import JOURNAL

__all__ = ["JOURNAL"]
