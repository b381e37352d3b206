"""Striate from Python: describe a network, see its arithmetic, train it, measure it, use it.

python examples/quickstart.py
"""

import tempfile
from pathlib import Path

import torch

import striate as st

# A network is data: a small immutable value, written once.
net = st.Network(
    "mine",
    (1, 16, 16),
    st.Sequential(
        st.Conv(16, 3, padding="same"),
        st.BatchNorm(),
        st.ReLU(),
        st.Residual(st.Sequential(st.Conv(16, 3, padding="same"), st.BatchNorm(), st.ReLU())),
        st.MaxPool(2),
        st.Conv(32, 3, padding="same"),
        st.BatchNorm(),
        st.ReLU(),
        st.GlobalAvgPool(),
        st.Linear(10),
    ),
)
print(st.analyze(net))
print("\nthe first window:", st.analyze(net).row("conv1").work["output_shape"][0])
assert st.Network.from_yaml(net.to_yaml()) == net

with tempfile.TemporaryDirectory() as folder:
    run = st.fit(net, data="digits", epochs=15, batch_size=32, lr=0.01, out=Path(folder) / "run")
    evaluation = run.evaluate("test")
    print(f"\n{evaluation}\n")
    assert evaluation.accuracy > 0.95

    three = st.data.digits().image("test", 3)
    print(run.predict([three], top=3)[0])

    module = run.module()  # a plain torch.nn.Module, weights loaded
    print(type(module), module(torch.zeros(1, *net.input)).shape)
