"""Our daemon: `bandwise serve` and `bandwise pull` as two processes over a private Unix socket.

Nothing is made before a pull asks for it. A first pull warms threads and caches and says how many steps take the time
that is asked for; the second one, of other steps, is measured from its first want to its last batch.

Seek points are there before, as they are from the second epoch on. With `--seek-points made` the first epoch is
measured instead, from the start of the daemon on: it makes them. With `none` there are none.
"""

import contextlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import meter

WARM_UP = 12
"""Batches of the first pull."""

START_LIMIT = 120
"""Seconds that a daemon may take to index the corpus and to listen."""

EPOCHS = 2000
"""Budget of the jobs: enough steps for any round."""


def environment(folder):
    """With a cache of its own: nothing is left from another run."""
    return os.environ | {"XDG_CACHE_HOME": str(folder), "BANDWISE_LOG": "warn"}


def make_seek_points(program, options, folder):
    command = [program, "index", options.corpus, "--seek", "--threads", options.workers]
    done = subprocess.run(list(map(str, command)), env=environment(folder), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip() or f"bandwise index ended with {done.returncode}")


@contextlib.contextmanager
def daemon(program, options, folder):
    socket = folder / "daemon.sock"
    command = [program, "serve", "--threads", options.workers, "--listen", f"unix:{socket}"]
    command += ["--dataset", f"corpus={options.corpus}"]
    if options.seek_points == "none":
        command.append("--no-seek-points")
    with open(folder / "log", "w+") as log:
        process = subprocess.Popen(list(map(str, command)), env=environment(folder), stdout=log, stderr=log)
        try:
            limit = time.monotonic() + START_LIMIT
            while not socket.exists():
                if process.poll() is not None or time.monotonic() > limit:
                    raise SystemExit(f"the daemon does not start: {(folder / 'log').read_text().strip()}")
                time.sleep(0.05)
            yield f"unix:{socket}"
        finally:
            process.kill()
            process.wait()


def job(options, folder):
    """The arguments of `pull` that say what is made, and what comes out."""
    if options.work == "crop":
        return ["--curriculum", "none", "--recipe", "plain", "--dtype", "u8"], "u8 NCHW"
    curriculum = folder / "stage.toml"
    stage = f"share = 1.0\nbandwidth = {options.bandwidth}\nmagnitude = {options.magnitude}\n"
    curriculum.write_text(f'name = "one-stage"\nbase = {meter.SIDE}\n[[stage]]\n{stage}')
    how = ["--curriculum", curriculum, "--recipe", "efficienttrain++", "--dtype", "f16"]
    return how + ["--fidelity", options.fidelity, "--low-frequency", options.method], "f16 NCHW"


def pull(program, address, options, made, first, steps):
    """The summary of a pull of `steps` steps from step `first`."""
    command = [program, "pull", "--connect", address, "--dataset", "corpus", "--batch-size", options.batch]
    command += ["--epochs", EPOCHS, "--from-step", first, "--steps", steps, "--json", *made]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip() or f"bandwise pull ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    program = os.environ.get("BANDWISE")
    if not program:
        sys.exit("set BANDWISE to the program bandwise")
    options = meter.arguments(
        __doc__, ("crop", "stage"),
        fidelity=("exact", "fast"), method=("lanczos", "fourier"), seek_points=("kept", "made", "none"),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bandwise-peers-") as name:
        folder = pathlib.Path(name)
        made, output = job(options, folder)
        if options.seek_points == "kept":
            make_seek_points(program, options, folder)
        with daemon(program, options, folder) as address:
            if options.seek_points == "made":
                first, steps = 0, len(meter.files(options.corpus)) // options.batch
            else:
                warm = pull(program, address, options, made, 0, WARM_UP)
                first, steps = WARM_UP, math.ceil(warm["images_per_s"] * options.seconds / options.batch)
            # The CPU time holds the start of the client's process; the rate by the clock is the client's own.
            meters = meter.Meter()
            measured = pull(program, address, options, made, first, steps)
            _, per_cpu_s = meters.stop(measured["images"])
    note = f"client and daemon as two processes, transport auto, {options.workers} workers, {first} batches dropped"
    meter.report((measured["images_per_s"], per_cpu_s), output, f"{note}, seek points {options.seek_points}")


if __name__ == "__main__":
    main()
