"""Recurrent networks that read characters and give the next one at every step.

Karpathy: The Unreasonable Effectiveness of Recurrent Neural Networks, 2015, with the defaults of its program char-rnn
and the 65 characters of its example text, the works of Shakespeare.
"""

from striate.spec import GRU, LSTM, RNN, Linear, Network, Node, OneHot, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["char_gru", "char_lstm", "char_rnn"]

PAPER = Paper("Karpathy", "The Unreasonable Effectiveness of Recurrent Neural Networks", 2015)


@named(PAPER)
def char_rnn(num_classes: int = 65, steps: int = 50, hidden_size: int = 128, num_layers: int = 2) -> Network:
    """Elman network for characters, 2 layers of 128 units; 66,369 parameters.

    Args:
        num_classes: Number of characters, read and predicted.
        steps: Characters in a sequence.
        hidden_size: Units of each layer.
        num_layers: Layers on top of each other.
    """
    return _characters("char_rnn", RNN(hidden_size, num_layers), num_classes, steps)


@named(PAPER)
def char_lstm(num_classes: int = 65, steps: int = 50, hidden_size: int = 128, num_layers: int = 2) -> Network:
    """LSTM for characters, 2 layers of 128 units; 240,321 parameters.

    Args:
        num_classes: Number of characters, read and predicted.
        steps: Characters in a sequence.
        hidden_size: Units of each layer.
        num_layers: Layers on top of each other.
    """
    return _characters("char_lstm", LSTM(hidden_size, num_layers), num_classes, steps)


@named(PAPER)
def char_gru(num_classes: int = 65, steps: int = 50, hidden_size: int = 128, num_layers: int = 2) -> Network:
    """Gated recurrent units for characters, 2 layers of 128 units; 182,337 parameters.

    Args:
        num_classes: Number of characters, read and predicted.
        steps: Characters in a sequence.
        hidden_size: Units of each layer.
        num_layers: Layers on top of each other.
    """
    return _characters("char_gru", GRU(hidden_size, num_layers), num_classes, steps)


def _characters(name: str, recurrent: Node, num_classes: int, steps: int) -> Network:
    body = Sequential(OneHot(num_classes), recurrent, Linear(num_classes, per_step=True, name="classifier"))
    return Network(name, (steps,), body)
