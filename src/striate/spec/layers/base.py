"""What every layer kind is: a node that computes."""

from striate.spec.node import Node

__all__ = ["Layer"]


class Layer(Node):
    """A node that computes: it takes one tensor and gives one tensor. Abstract."""
