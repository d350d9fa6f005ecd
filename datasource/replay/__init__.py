"""The same judging over the past and over files: evaluate, score, rank, backtest, tune."""

from datasource.replay.offline import evaluate_matrix

__all__ = ["evaluate_matrix"]
