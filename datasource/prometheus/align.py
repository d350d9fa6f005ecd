"""From the series of answers to one row per entity."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from datasource.data.matrix import Floats
from datasource.data.variable import Entity
from datasource.prometheus.decode import Series


class Rows:
    """One row of `columns` values per entity, on the grid that begins at `start` (seconds), NaN where there is no
    sample.

    A sample lies at the step nearest to its time; of several samples of a series at one step, the last one listed
    counts. An infinite value is none. Where two series of one answer speak for the same entity at the same step,
    neither counts; where they take turns, as when a pod is replaced, they make one row. `problem` says what was
    wrong with the series that are left out, if any. `called` are the labels of a series that are called otherwise than
    the entity's.
    """

    def __init__(
        self,
        entity_type: str,
        labels: tuple[str, ...],
        start: int,
        step: int,
        columns: int,
        called: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.problem = ""
        self._type, self._labels = entity_type, labels
        self._called = {label: called.get(label, label) for label in labels}
        self._start, self._step, self._columns = start, step, columns
        self._rows: dict[Entity, Floats] = {}
        self._disputed: set[Entity] = set()

    def lay(self, answer: Iterable[Series]) -> None:
        """Lay one answer; several do not overlap in time."""
        filled: dict[Entity, NDArray[np.bool_]] = {}
        for series in answer:
            missing = [there for there in self._called.values() if not series.labels.get(there)]
            if missing:
                self.problem = self.problem or self._lacks(missing[0], series.labels)
                continue
            entity = Entity(self._type, tuple((own, series.labels[there]) for own, there in self._called.items()))
            if entity not in self._rows:
                self._rows[entity] = np.full(self._columns, np.nan)
            row = self._rows[entity]
            if entity not in filled:
                self._set(row, series)
                filled[entity] = np.isfinite(row)
            elif self._merge(row, series, filled[entity]):
                self._disputed.add(entity)
                self.problem = self._ambiguous(entity, series.labels)

    @property
    def disputed(self) -> bool:
        """Whether samples are left out, because several series speak for the same entity."""
        return bool(self._disputed)

    def rows(self) -> dict[Entity, Floats]:
        """The row of every entity, without those of which nothing but a dispute is left."""
        return {
            entity: row for entity, row in self._rows.items() if entity not in self._disputed or np.isfinite(row).any()
        }

    def _set(self, row: Floats, series: Series) -> None:
        columns = np.floor((series.times - self._start) / self._step + 0.5)
        inside = (columns >= 0) & (columns < row.size)
        row[columns[inside].astype(np.int64)] = np.where(np.isfinite(series.values), series.values, np.nan)[inside]

    def _merge(self, row: Floats, series: Series, filled: NDArray[np.bool_]) -> bool:
        """Lay a further series of the same entity where no other one speaks; whether one does somewhere."""
        further = np.full(row.size, np.nan)
        self._set(further, series)
        speaks = np.isfinite(further)
        row[speaks] = np.where(filled, np.nan, further)[speaks]
        disputed = bool((speaks & filled).any())
        filled |= speaks
        return disputed

    def _lacks(self, label: str, labels: Mapping[str, str]) -> str:
        return (
            f"a series has no label '{label}', which entity '{self._type}' needs "
            f"(it has {_show(labels)}); group the query by ({', '.join(self._called.values())}) or change the entity"
        )

    def _ambiguous(self, entity: Entity, labels: Mapping[str, str]) -> str:
        return (
            f"ambiguous: several series for {entity}, for example {_show(labels)}; "
            f"aggregate with 'sum by ({', '.join(self._called.values())}) (...)' or give the entity more labels"
        )


def _show(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}" if labels else "none"
