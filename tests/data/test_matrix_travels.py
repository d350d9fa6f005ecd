"""A matrix and a graph are sent to workers while other threads read them."""

import pickle

import numpy as np

from datasource.data import Matrix
from datasource.graph import CausalGraph


def test_what_is_remembered_beside_the_fields_stays_at_home():
    matrix = Matrix((), 0, 30, np.empty((0, 3)))
    assert matrix.times.size == 3
    assert "times" not in pickle.loads(pickle.dumps(matrix)).__dict__
    assert pickle.loads(pickle.dumps(matrix)).end == matrix.end
    graph = CausalGraph((), ())
    assert graph.version
    assert "version" not in pickle.loads(pickle.dumps(graph)).__dict__
