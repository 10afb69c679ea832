"""Plots as inline SVG: axes, lines, points, bars; colours are CSS variables and follow the page's theme."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, isfinite, log10

__all__ = ["Plot", "ticks"]

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 12, 46
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
LEGEND_LINE = 17


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from low to high, about so many."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / about
    power = 10.0 ** floor(log10(raw))
    step = next(each * power for each in STEPS if each * power >= raw * (1 - 1e-9))
    first = ceil(low / step - 1e-9)
    return [i * step for i in range(first, floor(high / step + 1e-9) + 1)]


@dataclass(slots=True)
class Plot:
    """One plot; things are drawn in the order in which they are added.

    Attributes:
        title: what it shows, for those who cannot see it.
        x_label, y_label: of the axes.
        x, y: (low, high) of the axes; low < high.
        percent: which axes are shares, as a string of "x" and "y".
        legend_at: corner of the legend: "left" or "right", at the top or at the "bottom".
    """

    title: str
    x_label: str
    y_label: str
    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)
    percent: str = ""
    legend_at: tuple[str, str] = ("left", "top")
    _marks: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str, bool]] = field(default_factory=list)

    def line(
        self, points: Iterable[tuple[float, float]], colour: str, name: str = "", *, dashed: bool = False
    ) -> None:
        """A polyline; points that are not finite are left out."""
        path = " ".join(
            f"{self._px(x):.1f},{self._py(y):.1f}" for x, y in points if isfinite(x) and isfinite(y)
        )
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._marks.append(
            f'<polyline points="{path}" fill="none" stroke="var(--{colour})" stroke-width="2"{dash}/>'
        )
        self._name(name, colour, dashed=dashed)

    def dots(
        self, points: Sequence[tuple[float, float]], colour: str, tips: Sequence[str], name: str = ""
    ) -> None:
        """Points, each with a tip that a pointer resting on it shows."""
        for (x, y), tip in zip(points, tips, strict=True):
            self._marks.append(
                f'<circle cx="{self._px(x):.1f}" cy="{self._py(y):.1f}" r="4" fill="var(--{colour})">'
                f"<title>{escape(tip)}</title></circle>"
            )
        self._name(name, colour, dashed=False)

    def bars(self, edges: Sequence[float], heights: Sequence[float], colour: str, name: str = "") -> None:
        """Bars between edges, from 0 up; half transparent, so that two sets can share a plot."""
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            x, y = self._px(left), self._py(height)
            self._marks.append(
                f'<rect x="{x + 0.5:.1f}" y="{y:.1f}" width="{max(self._px(right) - x - 1, 0.5):.1f}" '
                f'height="{max(self._py(0.0) - y, 0.0):.1f}" fill="var(--{colour})" fill-opacity=".55"/>'
            )
        self._name(name, colour, dashed=False)

    def svg(self) -> str:
        """The element, whole."""
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">',
            f"<title>{escape(self.title)}</title>",
            *self._grid(),
            *self._marks,
            *self._key(),
            "</svg>",
        ]
        return "".join(parts)

    def _name(self, name: str, colour: str, *, dashed: bool) -> None:
        if name:
            self._legend.append((name, colour, dashed))

    def _grid(self) -> Iterable[str]:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value in ticks(*self.x):
            x = self._px(value)
            yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" class="grid"/>'
            shown = _shown(value, "x" in self.percent)
            yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{shown}</text>'
        for value in ticks(*self.y):
            y = self._py(value)
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" class="grid"/>'
            shown = _shown(value, "y" in self.percent)
            yield f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'
        middle, up = (LEFT + right) / 2, (TOP + bottom) / 2
        label = escape(self.x_label)
        yield f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle" class="axis">{label}</text>'
        yield (
            f'<text x="13" y="{up}" text-anchor="middle" class="axis" transform="rotate(-90 13 {up})">'
            f"{escape(self.y_label)}</text>"
        )

    def _key(self) -> Iterable[str]:
        side, end = self.legend_at
        x = LEFT + 10 if side == "left" else WIDTH - RIGHT - 150
        y = TOP + 14 if end == "top" else HEIGHT - BOTTOM - 8 - LEGEND_LINE * (len(self._legend) - 1)
        for i, (name, colour, dashed) in enumerate(self._legend):
            at = y + i * LEGEND_LINE
            dash = ' stroke-dasharray="5 4"' if dashed else ""
            yield (
                f'<line x1="{x}" y1="{at - 4}" x2="{x + 20}" y2="{at - 4}" stroke="var(--{colour})" '
                f'stroke-width="3"{dash}/><text x="{x + 26}" y="{at}" class="key">{escape(name)}</text>'
            )

    def _px(self, value: float) -> float:
        low, high = self.x
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def _py(self, value: float) -> float:
        low, high = self.y
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _shown(value: float, percent: bool) -> str:
    return f"{100 * value:.4g} %" if percent else f"{value:.6g}"
