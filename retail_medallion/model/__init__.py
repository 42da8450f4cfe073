"""The canonical model as data, and the classes that read it."""

from retail_medallion.model.canonical import CanonicalModel, Column, Entity, Finding, Rule, load_model

__all__ = ["CanonicalModel", "Column", "Entity", "Finding", "Rule", "load_model"]
