"""The page of real photographs: what GoogLeNet and SqueezeNet, with weights from outside, say of each."""

import os
import sys
from pathlib import Path

import striate as st

NETWORKS = {"googlenet": "googlenet_bvlc.safetensors", "squeezenet1_1": "squeezenet1_1.safetensors"}

HEAD = """# Real photographs

GoogLeNet and SqueezeNet 1.1 with the weights that their authors trained on ImageNet, in Caffe's names, which
`load_weights` understands. `striate predict` prepares images as those weights want them: stretched to 256×256, the
middle cut out, the mean color (123, 117, 104) subtracted.

```sh
striate predict googlenet --weights googlenet_bvlc.safetensors --classes imagenet_classes.txt photos/*.jpg photos/*.png
```

```python
classifier = st.pretrained("googlenet", "googlenet_bvlc.safetensors", "imagenet_classes.txt")
classifier.predict(["pizza.jpg"])[0].top[0]
```

What they answer, most probable class first (made by `make docs`; bold where it is what the photograph shows):

"""


def write_page(path: Path) -> None:
    """Write the page, or, without the weights and photographs, leave the one that stands there."""
    root = os.environ.get("STRIATE_DATA")
    if root is None or not all((Path(root) / part).is_dir() for part in ("weights", "photos")):
        why = "STRIATE_DATA names no folder with weights/ and photos/"
        print(f"{path.name} is left as it is: {why}", file=sys.stderr)
        return
    data = Path(root)
    rows = [line.split("\t") for line in (data / "photos" / "tags.tsv").read_text().splitlines()]
    labels = {name: label for name, label in rows if (data / "photos" / name).is_file()}
    answers = {
        name: st.pretrained(name, data / "weights" / file, data / "weights" / "imagenet_classes.txt").predict(
            [data / "photos" / photo for photo in labels], top=1
        )
        for name, file in NETWORKS.items()
    }
    lines = ["| photograph | shows | GoogLeNet | SqueezeNet 1.1 |", "|---|---|---|---|"]
    right = dict.fromkeys(NETWORKS, 0)
    for i, (photo, label) in enumerate(labels.items()):
        cells = []
        for name in NETWORKS:
            guess = answers[name][i].top[0]
            names = guess.class_name.split(", ")
            right[name] += label in names
            text = f"{names[0]} {guess.probability:.0%}"
            cells.append(f"**{text}**" if label in names else text)
        lines.append(f"| {photo} | {label} | {' | '.join(cells)} |")
    total = [f"{count} of {len(labels)}" for count in right.values()]
    lines.append(f"| right | | {' | '.join(total)} |")
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
