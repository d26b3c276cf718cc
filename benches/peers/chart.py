"""Draws the results that come in on standard input as JSON (those of run.py) into a PNG: one panel a section."""

import json
import sys

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

OURS, PEER, CEILING = "#1f6fb4", "#b0b7bf", "#e3e6ea"


def panel(axes, section):
    rows = sorted(section["rows"], key=lambda row: row["images_per_s"]["median"])
    colours = [OURS if row["ours"] else CEILING if row["ceiling"] else PEER for row in rows]
    rates = [row["images_per_s"]["median"] for row in rows]
    bars = axes.barh([row["name"] for row in rows], rates, color=colours, height=0.7)
    axes.bar_label(bars, [f"{rate:.0f}" for rate in rates], padding=3, fontsize=7)
    axes.set_title(section["title"], loc="left", fontsize=9, fontweight="bold")
    axes.tick_params(labelsize=7)
    axes.set_xlim(0, 1.12 * max(rates))
    axes.xaxis.set_visible(False)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def main():
    sections = [section for section in json.load(sys.stdin) if section["rows"]]
    heights = [len(section["rows"]) + 1.2 for section in sections]
    figure, panels = pyplot.subplots(
        len(sections), figsize=(8, 0.21 * sum(heights) + 0.5), height_ratios=heights, squeeze=False, layout="constrained"
    )  # fmt: skip
    for axes, section in zip(panels[:, 0], sections):
        panel(axes, section)
    figure.suptitle("Images per second on the same cores: bandwise blue, peers grey, bare loops pale", fontsize=9)
    figure.savefig(sys.argv[1], dpi=110)


if __name__ == "__main__":
    main()
