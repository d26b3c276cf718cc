"""Rates of rounds to medians, ratios and Markdown, and into RESULTS.md between its markers."""

import dataclasses
import datetime
import os
import pathlib
import platform
import statistics
import subprocess

import meter

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "RESULTS.md"
README = RESULTS.parent.parent / "README.md"
BEGIN, END = "<!-- bench:peers -->", "<!-- /bench:peers -->"


@dataclasses.dataclass(frozen=True)
class Conditions:
    """What the figures are worthless without. The load is that before the run."""

    lines: tuple[str, ...]

    @classmethod
    def gather(cls, args):
        files = meter.files(args.corpus)
        mean = sum(map(os.path.getsize, files)) / len(files) / 1000
        workers = "each peer with as many workers as cores or one more, what is faster" if args.tune else "not tuned"
        return cls((
            f"{datetime.date.today()}, commit {commit()}, Python {platform.python_version()}",
            f"{cpu()}, {os.cpu_count()} cores; Linux {platform.release()}; load average before: {os.getloadavg()[0]:.2f}",
            f"{len(files)} JPEGs of {mean:.1f} kB on average, page cache warm",
            f"{args.rounds} rounds of {args.seconds:g} s a subject in shuffled order, a process each; "
            f"all on cores {args.cores}; batches of {args.batch}; {workers}",
            *([f"only {part}"] if (part := chosen(args)) else []),
        ))  # fmt: skip


def chosen(args):
    """The sections and subjects that were asked for; nothing where all were."""
    parts = [f"sections with {args.only!r} in the title"] if args.only else []
    parts += ["subjects with " + " or ".join(map(repr, args.subjects)) + " in the name"] if args.subjects else []
    return ", ".join(parts)


def cpu():
    models = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return models[0] if models else platform.machine()


def commit():
    def git(*arguments):
        command = ["git", "-C", str(RESULTS.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def results(sections, rates, about, skipped):
    """Everything that was found, as plain data: for the tables, the chart and --json."""
    return [section_results(section, rates, about, skipped) for section in sections]


def section_results(section, rates, about, skipped):
    rounds = {subject.name: rates.get(subject, []) for subject in section.subjects}
    base, daemon = rounds.get(section.base, []), rounds.get(section.daemon, [])
    rows = [
        {
            "name": subject.name,
            "ours": subject.ours,
            "ceiling": subject.program == "loops",
            "output": about[subject][0],
            "note": about[subject][1],
            "images_per_s": compared(0, rounds[subject.name], base, daemon),
            "images_per_cpu_s": compared(1, rounds[subject.name], base, daemon),
        }
        for subject in section.subjects
        if subject in about and subject not in skipped
    ]
    why = {subject.name: skipped[subject] for subject in section.subjects if subject in skipped}
    return {"title": section.title, "text": section.text, "base": section.base, "rows": rows, "skipped": why}


def compared(which, rounds, base, daemon):
    """One of the two rates over the rounds, beside those of two others."""
    rounds, base, daemon = ([rates[which] for rates in of] for of in (rounds, base, daemon))
    spread = {"median": statistics.median(rounds), "lowest": min(rounds), "highest": max(rounds), "rounds": rounds}
    return spread | {"of_base": ratio(rounds, base), "daemon_over_it": ratio(daemon, rounds)}


def ratio(above, below):
    """The median of the ratios round by round; none if either was not measured in every round."""
    if not above or len(above) != len(below):
        return None
    return statistics.median(a / b for a, b in zip(above, below))


def markdown(conditions, found):
    parts = ["\n".join(f"- {line}" for line in conditions.lines)]
    parts += [table(section) for section in found if section["rows"] or section["skipped"]]
    parts.append(notes(found))
    return "\n\n".join(parts)


def table(section):
    rows = sorted(section["rows"], key=lambda row: -row["images_per_s"]["median"])
    # Where nothing is compared with the daemon, its columns are left out.
    ratios = {"of_base": f"/ {section['base']}", "daemon_over_it": "bandwise / it"}
    shown = [name for name in ratios if any(row["images_per_s"][name] is not None for row in rows)]
    head = ["subject", "out", "images/s", "lowest .. highest", *(ratios[name] for name in shown)]
    head += ["images/CPU s", *(f"CPU: {ratios[name]}" for name in shown[-1:])]
    lines = [cells(head), cells(["---", "---"] + ["---:"] * (len(head) - 2))]
    for row in rows:
        clock, cpu = row["images_per_s"], row["images_per_cpu_s"]
        name = f"**{row['name']}**" if row["ours"] else row["name"]
        spread = f"{clock['lowest']:.0f} .. {clock['highest']:.0f}"
        line = [name, row["output"], f"{clock['median']:.0f}", spread, *(factor(clock[name]) for name in shown)]
        line += [f"{cpu['median']:.0f}", *(factor(cpu[name]) for name in shown[-1:])]
        lines.append(cells(line))
    skipped = [f"Skipped: {name} ({why})." for name, why in section["skipped"].items()]
    parts = [f"### {section['title']}", section["text"], "\n".join(lines) if rows else "", *skipped]
    return "\n\n".join(part for part in parts if part)


def cells(values):
    return f"| {' | '.join(values)} |"


def factor(value):
    return "" if value is None else f"{value:.2f}"


def notes(found):
    """How each subject was run: one line for each different note."""
    names = {}
    for row in (row for section in found for row in section["rows"]):
        names.setdefault(row["note"], {})[row["name"]] = None
    lines = [f"- {', '.join(subjects)}: {note}" for note, subjects in names.items()]
    return "\n".join(["### How each was run", "", *lines])


def headline(conditions, found):
    """One line for the first screen: the daemon over the fastest other loader and over the reference."""
    section = next((section for section in found if section["title"].startswith("Crop")), None)
    others = [row for row in section["rows"] if not row["ours"] and not row["ceiling"]] if section else []
    others = [row for row in others if row["images_per_s"]["daemon_over_it"] is not None]
    if not others:
        return None
    fastest = max(others, key=lambda row: row["images_per_s"]["median"])
    rest = sorted((row for row in others if row is not fastest), key=times)
    listed = ", ".join(f"{times(row):.1f} times {row['name']}" for row in rest)
    return (
        f"**{times(fastest):.1f} times {fastest['name']}**, the fastest other loader measured beside it, {listed}: "
        f"random crops at 224 pixels on the same cores, in turns; {conditions.lines[1].split(';')[0]}, "
        f"{conditions.lines[0].split(',')[0]}. [Full recipes and a chart](benches/RESULTS.md#the-daemon-beside-other-loaders)."
    )


def times(row):
    return row["images_per_s"]["daemon_over_it"]


def write(conditions, text, found):
    """Rewrites the section of RESULTS.md, and the line of the README."""
    replace(RESULTS, text)
    line = headline(conditions, found)
    if line is not None:
        replace(README, line)


def replace(path, text):
    """Puts a text between the markers of a file."""
    before, rest = path.read_text().split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
