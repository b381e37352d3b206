#!/bin/sh
# What `make demo` shows: the main job from end to end, on real handwritten digits, with the commands
# that a user types. Fails if the test accuracy is below 97 %.
set -eu

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

here=$(dirname "$0")
number=1
while [ -e "runs/demo-$number" ]; do number=$((number + 1)); done
run="runs/demo-$number"

show striate inspect lenet5
show striate inspect lenet5 --work c1
show striate train lenet5 --data digits --epochs 30 --batch-size 32 \
    --optimizer sgd --lr 0.1 --weight-decay 0.001 --label-smoothing 0.1 --out "$run"
show striate eval "$run" --split test
images=$(python "$here/held_out_digits.py" "$run/held-out")
# shellcheck disable=SC2086
show striate predict "$run" --top 3 $images

striate eval "$run" --split test --json | python -c '
import json, sys
accuracy = json.load(sys.stdin)["accuracy"]
print(f"\ntest accuracy {accuracy:.2%} (wanted: at least 97 %)")
sys.exit(accuracy < 0.97)'

cat <<END

The run folder is $run: its configuration (run.yaml), its log (events.jsonl), its curves
(tensorboard --logdir $run), its weights (model.safetensors).

What to try next, with . .venv/bin/activate:
  striate zoo                                            the named networks
  striate inspect vgg16 --work stage1                    the arithmetic, worked out
  striate train resnet18 --data YOUR_PHOTOS --epochs 5   a folder per class is all it needs
  python examples/quickstart.py                          the same in Python
END
