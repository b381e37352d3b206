"""Writes the statements of the lectures as a page: a table for each lecture, what is wrong marked."""

from lecture_numbers.fact import Fact, Lecture, text

__all__ = ["page"]

INTRODUCTION = """---
hide: [toc]
---

# The numbers in your lecture, checked

<!-- Made by `make docs` from docs/lecture_numbers; do not edit. -->

Five lectures on convolutional networks print {printed} figures, or rows of figures, that can be checked, and make
{unprinted} more statements that can be put to the test. Here the library computes each of them, by its arithmetic
(`st.analyze`, with the formula that it gives) or with a network that it builds (`st.build`). **{wrong} are not true as
printed**: these are marked ✗, and the last column says why. `pytest tests/textbook` holds the library to every row.
"""


def page(lectures: tuple[Lecture, ...]) -> str:
    """Return the page as Markdown."""
    facts = [fact for lecture in lectures for fact in lecture.facts]
    printed = sum(fact.printed is not None for fact in facts)
    introduction = INTRODUCTION.format(
        printed=printed,
        unprinted=len(facts) - printed,
        wrong=sum(not fact.is_right for fact in facts),
    )
    return "\n".join([introduction, *map(_section, lectures)])


def _section(lecture: Lecture) -> str:
    held = f"{lecture.number}, {lecture.university}" if lecture.university else lecture.number
    head = f"## Lecture {held}: {lecture.title}"
    return "\n".join(
        [
            head,
            "",
            "| | the lecture says | printed | true | how, or why not |",
            "|---|---|---|---|---|",
            *(row for topic, facts in lecture.topics.items() for row in _rows(topic, facts)),
            "",
        ]
    )


def _rows(topic: str, facts: list[Fact]) -> list[str]:
    if len(facts) == 1:
        return [_row(facts[0], facts[0].statement)]
    return [f"| | **{topic}** | | | |", *(_row(fact, f"– {fact.statement}") for fact in facts)]


def _row(fact: Fact, statement: str) -> str:
    printed = "" if fact.printed is None else text(fact.printed, fact.printed_form or fact.form)
    computed = text(fact.compute(), fact.form)
    work = [f"`{line}`" for line in getattr(fact.compute, "work", [])]
    why = [fact.slip, *work, *([fact.how] if fact.how else [])]
    cells = (
        "✓" if fact.is_right else "**✗**",
        statement,
        printed,
        computed if fact.is_right else f"**{computed}**",
        "<br>".join(part for part in why if part),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
