"""Know our own secrets by their look, and find them in anything."""

from __future__ import annotations

from watchword.codec.shapes.forms import JWT, ROOT_KEY, SHAPES, Shape, ends_at, fingerprint, shape_of, shown
from watchword.codec.shapes.search import Hit, hits

__all__ = ["JWT", "ROOT_KEY", "SHAPES", "Hit", "Shape", "ends_at", "fingerprint", "hits", "shape_of", "shown"]
