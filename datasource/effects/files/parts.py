"""Which part each column of a question plays: none plays two that contradict each other."""

from datasource.effects.files.columns import Columns
from datasource.effects.files.question import FileQuestion
from datasource.effects.study import StudyError


def refuse_second_parts(question: FileQuestion, columns: Columns) -> None:
    """Raises StudyError where an end plays a second part, or an instrument or mediator is adjusted for."""
    ends = {columns.name(question.treatment): "the treatment", columns.name(question.outcome): "the outcome"}
    if question.group and question.post:
        ends = {columns.name(question.outcome): "the outcome"}
    in_part = [("the instrument", question.instruments), ("a mediator", question.mediators)]
    beside = {columns.name(name): part for part, names in in_part for name in names}
    for name in question.adjust or ():
        if columns.name(name) in beside:
            raise StudyError(f"'{name}' is {beside[columns.name(name)]}; take it out of --adjust")
    parts = {
        "adjust for": question.adjust or (),
        "use as instrument": question.instruments,
        "use as mediator": question.mediators,
        "use as modifier": question.modifiers,
        "take as strata": question.strata,
    }
    for part, names in parts.items():
        for name in names:
            if columns.name(name) in ends:
                raise StudyError(f"'{name}' is {ends[columns.name(name)]}; {part} another column")
