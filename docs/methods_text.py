"""The words of the page about methods of training; what stands in braces is put in by `methods`."""

__all__ = ["TEXT"]

TEXT = """---
hide: [toc]
---

# Methods of training

<!-- Made by `make docs` from the library and docs/methods.json; do not edit. -->

What changes the weights, how fast, and what keeps them from fitting too well. Each name below is an option of
`striate train` (`--max-norm 3`), of a [file](train.md#options) (`regularization: {{max_norm: 3}}`) and of Python
(`st.fit(net, data, max_norm=3)`); in tables options stand with their defaults. Letters: `w` weights, `g` gradient,
`η` learning rate (`lr`), `λ` weight decay, `μ` momentum, `β₁ β₂` betas, `ρ` smoothing, `ε` eps.

Figures that were measured are those of `python docs/methods_runs.py`, some three minutes on one core, kept in
`docs/methods.json`. The over-fitted set is {images} of the embedded digits, {wrong} of their labels wrong on
purpose, so that learning them by heart does harm; 648 others, all labels right, validate. Lines are means of
{seeds} seeds, bands one standard deviation.

[Batch size](#batch-size) · [optimizers](#optimizers) · [schedules](#schedules) ·
[regularization](#regularization) · [means of weights, and of networks](#means-of-weights-and-of-networks) ·
[losses](#losses) · [calibration](#calibration) · [initialization](#initialization) ·
[bounds of gradients](#bounds-of-gradients)

## Batch size

The gradient over all images is exact and slow to come by; over one image it is quick and wrong; over a few it is a
bargain (lecture 001, How to Speed Gradient Descent?). `--batch-size` says how many: as many as there are images is
full-batch gradient descent, 1 is stochastic, 32 to 256 are usual. At one rate and for the same number of images
seen, small batches come further, and then wander around the bottom by their noise: which a falling rate ends, or a
mean of weights.

![Full batch, mini-batches and single samples in a long, narrow valley](pictures/methods/batch-sizes.svg)

## Optimizers

In a long, narrow valley the gradient points across, not along (lecture 001, Momentum). Plain descent swings from
wall to wall at the rate at which it just gets along. Momentum sums what gradients agree on; Adagrad and its kin
divide by their size, so that every weight gets a rate of its own; Adam does both. Begin with `adamw`, the default;
`sgd` with momentum 0.9, `nesterov` and a rate of about 0.05 often ends better on images when trained long; `lars`
is for batches of thousands.

```sh
striate train lenet5 --data digits --optimizer sgd --lr 0.05 --momentum 0.9 --nesterov
```

```yaml
optimizer: {{name: sgd, lr: 0.05, momentum: 0.9, nesterov: true, groups: [{{paths: c1.*, lr_factor: 0.1}}]}}
```

{optimizers}

`groups` gives weights, by a pattern of their paths, a rate or a decay of their own.

![The ways of all optimizers down the valley](pictures/methods/paths.svg)

The valley is `½·((w₁ − 1)² + 20·w₂²)`, the start (−3, 1). Rates differ, as they mean different things: what can be
compared is the shape of the ways, not who is first. Adamw ends between the bottom and 0, where decay and slope are
equal.

## Schedules

A high rate gets far, a low one settles. All schedules are functions of the step alone, so that a run that was
broken off goes on as if it had not been, but for `plateau`, which also needs the validations before. `cosine` with
a short warmup, the default, needs no tuning; `step` and `multi-step` are those of the published ResNets; `plateau`
is for when nobody knows how long training takes. [The range finder](train.md#learning-rate-range), `--find-lr`, looks
for the peak. By default the peak is
{usual}.
`every: auto` is a third of the epochs, those of the warmup left out but for `step`.

```sh
striate train lenet5 --data digits --epochs 20 --schedule multi-step --at 8,14 --warmup 0.05
```

```yaml
schedule: {{name: multi-step, at: [8, 14], factor: 0.1, warmup: 0.05}}
```

{schedules}

![The rate over the epochs, of every schedule](pictures/methods/schedules.svg)

## Regularization

A network that can learn its images by heart will (lecture 001, Avoid Overfitting). Penalties, bounds and noise make
that dear. First get more images, or [augment](augmentation.md) those there are; then dropout between dense layers,
weight decay, label smoothing; and stop early whatever else you do.

```sh
striate train lenet5 --data digits --max-norm 3 --label-smoothing 0.1 --patience 10 optimizer.weight_decay=0.05
```

```yaml
patience: 10
optimizer: {{weight_decay: 0.05}}
loss: {{label_smoothing: 0.1}}
regularization: {{max_norm: 3}}
```

{regularizers}

Dropout, its family and a penalty of activity are layers of the network, which act in training alone:

{dropouts}

![Loss and accuracy over the epochs, with each method and without](pictures/methods/overfitting.svg)

Solid lines are of validation, dashed ones the loss in training as it is minimized; grey is without the method.
Without any, the loss in training goes to 0 while that of validation rises from its least: over-fitting.

{overfitted}

The strengths are chosen for this set, not tuned; early stopping's last epoch is where it stopped.

![Sizes of weights under penalties, norms of neurons under max-norm](pictures/methods/weights.svg)

Below 0.001 in absolute value are {tiny_nothing} of the weights without a penalty, {tiny_l2} with L2 and {tiny_l1}
with L1, which takes from every weight the same: those that serve little end at 0.

## Means of weights, and of networks

Steps at a high rate wander around a bottom; the mean of where they were is nearer to it. EMA and SWA keep such a
mean beside the weights, at the price of one more copy, and validation, checkpoints and the finished run use it.
Networks from several seeds err in different places: the mean of their probabilities errs less than any, at the
price of as many networks.

```sh
striate train lenet5 --data digits --ema 0.999
striate train lenet5 --data digits --optimizer sgd --lr 0.02 --schedule constant --swa 0.75
```

```yaml
averaging: {{ema: 0.999}}
```

{averages}

![Validation with a mean of weights and without; accuracy over members](pictures/methods/averaging.svg)

Accuracy over the last ten epochs, mean ± standard deviation: {raw_last} of the weights themselves, {ema_last} of
their EMA, {swa_last} of SWA. One network answers {one_member} right, {member_count} together {all_members}; bars
are the standard deviation over all choices of members.

## Losses

The loss says which mistakes matter. Cross-entropy asks for the whole probability on the right class and is right
almost always; `focal` turns away from images that are sure already; `binary` is for images with several labels;
`squared` is what the first networks had. Where classes are rare, count them more or show them more often.

```sh
striate train lenet5 --data digits --loss focal focus=2 --class-weights balanced
```

```yaml
loss: {{name: cross-entropy, label_smoothing: 0.1, sampling: balanced}}
```

{losses}

![Losses as functions of the probability of the right class](pictures/methods/losses.svg)

Of ten classes, the rest shared evenly by the wrong ones. `squared` sees the probabilities as outputs; `binary` is a
mean over ten sigmoids, hence small.

![Recall of each class where five are rare](pictures/methods/unbalanced.svg)

With 40 images of each of five digits and 4 of each of the others, recall of the rare ones is {rare_nothing}, with
class weights {rare_weights}, with balanced sampling {rare_sampling}.

## Calibration

Of the answers that are 80 % sure, 80 % should be right (Guo et al. 2017). Over-fitted networks are too sure. The
expected calibration error is the mean of |accuracy − confidence| over bins of confidence; `striate eval RUN` tells
it. On the over-fitted set it is {error_nothing}, with dropout {error_dropout}, with label smoothing of 0.2
{error_smoothing}: among wrong labels that is too much, and answers become less sure than they are right, the dots
above the line. Look before you smooth.

![Accuracy over confidence](pictures/methods/calibration.svg)

The area of a dot is the share of answers in its bin.

## Initialization

Weights that begin too small let the signal vanish with depth, too large ones let it explode: [a page of its
own](initialization.md).

## Bounds of gradients

One bad batch, or a steep place of the loss, gives a gradient that throws the weights far away. Clipping shortens it
and keeps its direction. Recurrent and very deep networks need it; elsewhere it allows a higher rate.

```sh
striate train lenet5 --data digits --clip-norm 1
```

```yaml
regularization: {{clip_norm: 1}}
```

{clipping}

![Loss at the end over the learning rate, with and without clipping](pictures/methods/clipping.svg)

Twelve convolutions without normalization, sgd with momentum 0.9, three seeds. Without clipping all seeds learn (a
loss below 1.5) at rates up to {unclipped_rate}, with `clip_norm: 1` up to {clipped_rate}; the dotted line, ln 10,
is knowing nothing.
"""
