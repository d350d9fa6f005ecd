"""What must outlive the process."""

from datasource.store.opening import Database, open_database
from datasource.store.plain import from_json, to_json
from datasource.store.record import Fence, Logged, Record, StoreError

__all__ = ["Database", "Fence", "Logged", "Record", "StoreError", "from_json", "open_database", "to_json"]
