"""What five lectures on convolutional networks say in numbers, each computed by the library.

`LECTURES` is data; `tests/textbook` holds every row to it, and `page` writes it down as ``docs/textbook.md``.
"""

from lecture_numbers import (
    lecture_000,
    lecture_001_arithmetic,
    lecture_001_training,
    lecture_002,
    lecture_003,
    lecture_004,
)
from lecture_numbers.fact import Fact, Lecture

__all__ = ["LECTURES", "Fact", "Lecture"]

LECTURES = (
    Lecture("000", "Duke", "Deep Convolutional Neural Nets", lecture_000.FACTS),
    Lecture(
        "001",
        "Harvard",
        "Convolutional Neural Networks",
        (*lecture_001_arithmetic.FACTS, *lecture_001_training.FACTS),
    ),
    Lecture("002", "Berkeley", "Convolutional Neural Nets", lecture_002.FACTS),
    Lecture("003", "IIT Bombay", "Lego World of Deep Learning", lecture_003.FACTS),
    Lecture("004", "", "From multi-layer to convolutional networks", lecture_004.FACTS),
)
