"""Help to choose: who calls, what is at stake, what you can afford. Pure: answers in, advice out."""

from watchword.advise.answers import QUESTIONS, Answers, NoAnswer, Option, Place, Question, options_of
from watchword.advise.engine import Advice, Reason, advise, ranking
from watchword.advise.layers import Layer
from watchword.advise.tradeoffs import TradeOffs

__all__ = [
    "QUESTIONS",
    "Advice",
    "Answers",
    "Layer",
    "NoAnswer",
    "Option",
    "Place",
    "Question",
    "Reason",
    "TradeOffs",
    "advise",
    "options_of",
    "ranking",
]
