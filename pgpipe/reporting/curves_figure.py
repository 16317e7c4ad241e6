"""The paper's figure 4: SWD of every level against images and against hours, and the speed."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgpipe.reporting.curves import Curve

COLOURS = ("#1f4e79", "#c2562d", "#5b8c5a", "#8a6fb0", "#b08a2e", "#5a5a5a", "#a04a7a")  # of levels
STYLES = ("-", "--", ":", "-.")  # of rows
FAINT = 0.45  # of all seeds but the first


def figure(curves: Sequence[Curve], titles: Mapping[str, str], heading: str) -> Figure:
    """Draw two panels of curves, by images and by hours, and the images per second."""
    picture = Figure(figsize=(12, 4), dpi=120)
    picture.set_layout_engine("constrained")
    by_images, by_hours, speed = picture.subplots(1, 3)
    timed = [curve for curve in curves if curve.is_timed]
    draw(by_images, curves, lambda _, images: images / 1000)
    draw(by_hours, timed, lambda curve, images: curve.hours(images))
    draw_speeds(speed, timed, titles)
    by_images.set_xlabel("thousands of real images shown")
    by_hours.set_xlabel("hours of training")
    by_images.set_ylabel("SWD x 10³, of quick scores")
    if by_images.get_legend_handles_labels()[0]:
        by_images.legend(frameon=False, fontsize=8)
    picture.suptitle(heading, fontsize=11, x=0.01, ha="left")
    return picture


def draw(ax: Axes, curves: Sequence[Curve], place: Callable[[Curve, int], float]) -> None:
    """Draw each level of each run against the place of its ticks."""
    rows = list(dict.fromkeys(curve.row for curve in curves))
    levels = sorted({level for curve in curves for level in curve.levels})
    named: set[tuple[str, int]] = set()
    for curve in curves:
        for level in curve.levels:
            points = curve.of_level(level)
            label = None if (curve.row, level) in named else f"{curve.row}, {level}x{level}"
            ax.plot(
                [place(curve, images) for images, _ in points],
                [score for _, score in points],
                STYLES[rows.index(curve.row) % len(STYLES)],
                color=COLOURS[levels.index(level) % len(COLOURS)],
                alpha=1.0 if label else FAINT,
                lw=1.2,
                label=label,
            )
            named.add((curve.row, level))
    if curves:
        ax.set_yscale("log")
    finish(ax)


def draw_speeds(ax: Axes, curves: Sequence[Curve], titles: Mapping[str, str]) -> None:
    """Draw the images per second of each resolution, one line per row."""
    sizes = sorted({size for curve in curves for size in curve.speeds})
    for number, row in enumerate(dict.fromkeys(curve.row for curve in curves)):
        own = [curve for curve in curves if curve.row == row]
        here = [size for size in sizes if any(size in curve.speeds for curve in own)]
        speeds = [
            len(seconds) / sum(seconds)
            for size in here
            for seconds in [[c.seconds_per_image(size) for c in own if size in c.speeds]]
        ]
        style = f"o{STYLES[number % len(STYLES)]}"
        label = f"{row}: {titles[row]}"
        ax.plot([str(size) for size in here], speeds, style, color=COLOURS[number], label=label)
    if curves:
        ax.set_yscale("log")
        ax.legend(frameon=False, fontsize=8)
    ax.set_xlabel("pixels")
    ax.set_ylabel("real images per second")
    finish(ax)


def finish(ax: Axes) -> None:
    """Draw grid and axes."""
    ax.grid(color="#e4e4e4", lw=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
