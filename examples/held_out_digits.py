"""Write three images of the digits' test split, which no training sees, and print their paths.

python examples/held_out_digits.py FOLDER
"""

import sys
from pathlib import Path

from striate.data import digits

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
source = digits()
for index in (0, 100, 200):
    name = source.class_names[source.targets["test"][index]]
    path = folder / f"digit-{name}-{index}.png"
    source.image("test", index).save(path)
    print(path)
