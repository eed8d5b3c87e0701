"""What a part of the bench reports."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """Tries, and those that went wrong.

    Attributes:
        tried: how many.
        counts: of each way in which a try ended well, such as ``refused``.
        wrong: a line for each try that did not.
    """

    tried: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def well(self, how: str) -> None:
        """Count a try that ended well."""
        self.tried += 1
        self.counts[how] = self.counts.get(how, 0) + 1

    def badly(self, what: str) -> None:
        """Count a try that did not."""
        self.tried += 1
        self.wrong.append(what)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {how}" for how, count in sorted(self.counts.items()))
        return f"{self.tried} tried: {counts or 'none well'}; {len(self.wrong)} wrong"
