"""Our daemon and its peers on the same JPEG files, in turns.

    sh benches/peers/setup.sh target/peers
    python3 benches/peers/run.py --corpus target/corpus --envs target/peers --programs target/release [--write]

Every subject is a process of its own, started anew in each round and pinned to the same cores. A round measures all
subjects once, in an order of its own; figures are medians of the rounds, ratios medians of the rounds' ratios. What
cannot run is named and skipped. Only the standard library is needed here.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys

import report
from subjects import sections

HERE = pathlib.Path(__file__).resolve().parent


class Skipped(Exception):
    """A subject that cannot be measured, and why."""


def command(subject, workers, args):
    """What to start, without what the scripts share."""
    shared = ["--corpus", args.corpus, "--seconds", args.seconds]
    if subject.program == "loops":
        return [args.programs / "loops", *subject.arguments, *shared, "--threads", workers]
    python = sys.executable
    if subject.environment is not None:
        python = args.envs / subject.environment / "bin" / "python"
        if not python.exists() or not (args.envs / f"{subject.environment}.ok").exists():
            raise Skipped(f"no environment {subject.environment}: see setup.sh")
    script = HERE / subject.program
    return [python, "-W", "ignore", script, *subject.arguments, *shared, "--batch", args.batch, "--workers", workers]


def measure(subject, workers, args):
    """One line of a subject, as a dictionary."""
    started = list(map(str, command(subject, workers, args)))
    # Children inherit the cores.
    os.sched_setaffinity(0, args.cores[: subject.cores])
    environment = os.environ | {"BANDWISE": str(args.programs / "bandwise")}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    try:
        process = subprocess.Popen(started, env=environment, process_group=0, **pipes)
    except OSError as error:
        raise Skipped(str(error)) from error
    try:
        out, err = process.communicate(timeout=args.limit)
    except subprocess.TimeoutExpired as error:
        raise Skipped(f"no figure within {args.limit} s") from error
    finally:
        # A script that has failed may leave workers or a daemon behind; all are in its group.
        kill_group(process)
    try:
        line = json.loads(out.splitlines()[-1])
        rates = (float(line["images_per_s"]), float(line["images_per_cpu_s"]))
        return {"rates": rates, "output": line["output"], "note": line["note"]}
    except (IndexError, KeyError, ValueError) as error:
        raise Skipped(reason(err) or f"ended with {process.returncode}") from error


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def reason(errors):
    """The lines of a standard error that say what happened: what comes before a hint, or the end of a traceback."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("error")]
    return (named or lines[-1:] or [""])[0][:200]


def key(subject):
    """Subjects that share their best number of workers: the same script in the same way."""
    return (subject.program, subject.environment, "--service" in subject.arguments, subject.cores)


def tuned(chosen, args):
    """The number of workers of each peer: as many as cores or one more, what is faster on crops. Ours are not tuned."""
    workers = {}
    keys = {key(subject) for subject in chosen if subject.is_peer}
    # Crops are tried also where only stages are measured.
    everything = (subject for section in sections(len(args.cores)) for subject in section.subjects)
    for subject in everything:
        if key(subject) not in keys or "crop" not in subject.arguments or key(subject) in workers:
            continue
        rates = {}
        for count in (subject.cores, subject.cores + 1):
            try:
                rates[count] = measure(subject, count, args)["rates"][0]
            except Skipped as why:
                say(f"{subject.name} with {count} workers: {why}")
        workers[key(subject)] = max(rates, key=rates.get, default=subject.cores)
        say(f"{subject.name}: {', '.join(f'{rate:.0f} images/s with {n} workers' for n, rate in rates.items())}")
    return workers


def measured(all_sections, args):
    """Rounds of all subjects: their rates, outputs and notes, or why they were skipped."""
    # Two sections may hold the same measurement: it is taken once.
    everything = list(dict.fromkeys(subject for section in all_sections for subject in section.subjects))
    workers = tuned(everything, args) if args.tune else {}
    rates, about, skipped = collections.defaultdict(list), {}, {}
    for number in range(args.rounds):
        order = [subject for subject in everything if subject not in skipped]
        random.Random(number).shuffle(order)
        for done, subject in enumerate(order, 1):
            try:
                line = measure(subject, workers.get(key(subject), subject.cores), args)
            except Skipped as why:
                skipped[subject] = str(why)
                say(f"skipped {subject.name}: {why}")
                continue
            rates[subject].append(line["rates"])
            about[subject] = (line["output"], line["note"])
            clock, cpu = line["rates"]
            say(f"round {number + 1}, {done} of {len(order)}: {subject.name}: {clock:.0f} images/s, {cpu:.0f} per CPU s")
    return rates, about, skipped


def say(line):
    print(line, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=pathlib.Path, required=True, help="folder of class folders with JPEGs")
    parser.add_argument("--envs", type=pathlib.Path, required=True, help="folder of environments, from setup.sh")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of bandwise and loops")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a subject in a round, after its warm-up")
    parser.add_argument("--batch", type=int, default=128, help="images of a batch")
    parser.add_argument("--threads", type=int, help="cores, and threads or workers [default: all cores, at most 16]")
    parser.add_argument("--only", default="", help="measure only sections whose title holds this")
    parser.add_argument(
        "--subjects", nargs="+", metavar="NAME", default=[],
        help="measure only subjects whose name holds one of these, whatever their case",
    )  # fmt: skip
    parser.add_argument("--no-tune", dest="tune", action="store_false", help="do not try one worker more")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds after which a process is given up")
    parser.add_argument("--json", type=pathlib.Path, help="also write every round of every subject to this file")
    parser.add_argument("--write", action="store_true", help="write the tables into RESULTS.md, and the chart")
    args = parser.parse_args()
    allowed = sorted(os.sched_getaffinity(0))
    wanted = args.threads or min(len(allowed), 16)
    if args.rounds < 1 or not 0 < wanted <= len(allowed):
        parser.error(f"--rounds must be at least 1, --threads 1 to {len(allowed)}")
    if args.write and args.subjects:
        parser.error("--write needs all subjects: leave --subjects out")
    args.cores = allowed[:wanted]
    for name in ("corpus", "envs", "programs"):
        setattr(args, name, getattr(args, name).absolute())
    return args


def main():
    args = arguments()
    chosen = selected(sections(len(args.cores)), args)
    conditions = report.Conditions.gather(args)
    results = report.results(chosen, *measured(chosen, args))
    text = report.markdown(conditions, results)
    print(text)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    if args.write:
        report.write(conditions, text, results)
        draw(results, args)


def selected(all_sections, args):
    """The sections that --only names, with the subjects that --subjects names."""
    chosen = [section for section in all_sections if args.only in section.title]
    if not chosen:
        sys.exit(f"no section has {args.only!r} in its title")
    if not args.subjects:
        return chosen
    for name in args.subjects:
        # A loader need not take part in all sections, but a name that no section knows is a slip.
        if not any(section.of_names([name]).subjects for section in all_sections):
            sys.exit(f"no subject has {name!r} in its name; there are: {names(all_sections)}")
    kept = [section.of_names(args.subjects) for section in chosen]
    if not any(section.subjects for section in kept):
        sys.exit(f"the chosen sections have none of these subjects; they have: {names(chosen)}")
    return [section for section in kept if section.subjects]


def names(some_sections):
    return "; ".join(dict.fromkeys(subject.name for section in some_sections for subject in section.subjects))


def draw(results, args):
    """The chart beside RESULTS.md, by the environment that can draw."""
    python = args.envs / "chart" / "bin" / "python"
    if not python.exists():
        return say("no chart: the environment chart is missing, see setup.sh")
    command = [python, HERE / "chart.py", HERE.parent / "peers.png"]
    subprocess.run(list(map(str, command)), input=json.dumps(results), text=True, check=True)


if __name__ == "__main__":
    main()
