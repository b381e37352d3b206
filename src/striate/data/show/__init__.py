"""Images of a source, as they are stored or beside what an augmentation makes of them."""

from striate.data.show.sheet import Draw, Sheet, Shown
from striate.data.show.showing import show

__all__ = ["Draw", "Sheet", "Shown", "show"]
