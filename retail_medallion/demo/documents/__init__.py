"""A demo retailer that keeps everything as JSON documents."""

from retail_medallion.demo.documents.telling import DOCUMENTS

__all__ = ["DOCUMENTS"]
