"""One estimator a file: a study in, an answer out."""
