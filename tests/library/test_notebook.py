"""The notebook in examples runs from its first cell to its last, and what it asserts holds."""

import json
from pathlib import Path

NOTEBOOK = Path(__file__).parents[2] / "examples" / "from_a_file_to_a_cause.ipynb"


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [
        "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"
    ]
    assert sum("assert" in cell for cell in cells) >= 6
    names: dict[str, object] = {}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)
    assert (tmp_path / "incident.html").exists()
