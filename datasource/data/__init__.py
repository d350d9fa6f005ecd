"""What numbers are, whatever brought them: entities, variables, matrices, roles, and files."""

from datasource.data.absence import Known, absence_notices, count_absent_failures
from datasource.data.events import encode_events
from datasource.data.growing import Block, GrowingMatrix
from datasource.data.matrix import Floats, Matrix, empty_matrix
from datasource.data.roles import Roles
from datasource.data.variable import Entity, Environment, Variable, environment_of

__all__ = [
    "Block",
    "Entity",
    "Environment",
    "Floats",
    "GrowingMatrix",
    "Known",
    "Matrix",
    "Roles",
    "Variable",
    "absence_notices",
    "count_absent_failures",
    "empty_matrix",
    "encode_events",
    "environment_of",
]
