"""`PlanTable`: what plans take, and how far their numbers are from float32."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from striate.train.plan.measuring import Measured
from striate.train.plan.plan import Plan

__all__ = ["PlanTable"]


@dataclass(frozen=True, kw_only=True)
class PlanTable:
    """Plans that were tried for one network, batch size and machine; the first computes as described, in float32.

    Attributes:
        rows: Each with its time and its error.
        chosen: The fastest of those that may be used.
    """

    network: str
    batch_size: int
    device: str
    rows: tuple[Measured, ...]
    chosen: Plan

    def to_data(self) -> dict[str, Any]:
        """Return the table as plain data."""
        plain = self.rows[0].seconds
        return {
            "network": self.network,
            "batch_size": self.batch_size,
            "device": self.device,
            "chosen": self.chosen.to_data(),
            "plans": [
                {
                    **row.plan.to_data(),
                    "seconds": row.seconds,
                    "speedup": plain / row.seconds if plain and row.seconds else None,
                    "preparation": row.preparation,
                    "repeats": row.repeats,
                    "deviation": row.deviation and _finite(asdict(row.deviation)),
                    "refused": row.refused,
                    "chosen": row.plan == self.chosen,
                }
                for row in self.rows
            ],
        }

    def __str__(self) -> str:
        wide = max(40, *(len(str(row.plan)) for row in self.rows))
        lines = [
            f"{self.network}, {self.batch_size} images, on {self.device}: a forward and a backward pass",
            f"{'':{wide + 2}}{'ms':>9}  {'faster':>6}  {'a layer':>8}  {'outputs':>8}  {'gradients':>9}",
        ]
        plain = self.rows[0].seconds
        for row in self.rows:
            mark = "→" if row.plan == self.chosen else " "
            line = f"{mark} {row.plan!s:<{wide}}"
            if row.seconds is not None and plain:
                line += f"{row.seconds * 1e3:9.1f}  {plain / row.seconds:5.2f}×"
            if row.deviation is not None:
                far = row.deviation
                line += f"  {far.layer:8.1e}  {far.outputs:8.1e}  {far.gradients:9.1e}"
            lines.append(line.rstrip())
            if row.refused:
                lines.append(f"    not used: {row.refused}")
        lines.append(
            "Errors are shares of the length in float32: of what a layer gives alone, of logits, of all gradients."
        )
        return "\n".join(lines)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Return ``values`` with None for what JSON has no number for."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
