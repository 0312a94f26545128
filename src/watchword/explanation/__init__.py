"""Explain decisions: what the gate would say to a request, step by step, and nothing kept of it."""

from watchword.explanation.asking import Question, Unclear
from watchword.explanation.explaining import explain, explained
from watchword.explanation.front import Front
from watchword.explanation.result import Explanation, Node, Outcome, Response, Step
from watchword.explanation.routing import Candidate
from watchword.explanation.signing import Difference, Signing
from watchword.explanation.variants import Fit

__all__ = [
    "Candidate",
    "Difference",
    "Explanation",
    "Fit",
    "Front",
    "Node",
    "Outcome",
    "Question",
    "Response",
    "Signing",
    "Step",
    "Unclear",
    "explain",
    "explained",
]
