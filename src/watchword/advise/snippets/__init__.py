"""Write the few lines by which a caller calls: one file a language. Secrets come from the environment."""

from watchword.advise.snippets.curl import curl
from watchword.advise.snippets.javascript import javascript
from watchword.advise.snippets.kinds import kind_of
from watchword.advise.snippets.python import python

__all__ = ["curl", "javascript", "kind_of", "python"]
