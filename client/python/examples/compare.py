#!/usr/bin/env python3
"""Trains a small network with and without the EfficientTrain++ curriculum, and plots what it brings and costs.

    sh benches/photos.sh target/photos
    python client/python/examples/make_crops.py --photos target/photos --out target/crops
    python client/python/examples/compare.py --data target/crops --out target/compare

Every (curriculum, budget, seed) is a whole training of its own, with the learning rate down to zero at its end: only
such ones can be compared. Both curricula have the same network, recipe, learning rate and compute; a smaller bandwidth
sees more images for it. Writes compare.json and, with matplotlib, compare.png, and prints a table.

`--search greedy` or `--search sequential` runs one of EfficientTrain's searches (bandwise.search) on the same network,
and writes the curriculum that it finds to found.toml. Started again, it resumes where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import torch
from torch import nn
from torch.nn import functional as F

import bandwise
from bandwise import search

CURRICULA = ("efficienttrain++", "none")

State = Dict[str, Any]


@dataclass(frozen=True)
class Point:
    """Where a training stood when it was validated."""

    tflop: float
    """Floating-point operations of forward and backward passes so far, in 10^12."""
    seconds: float
    """Time since the first batch was requested, without validations."""
    accuracy: float
    """Share of the validation images that were recognised."""


@dataclass(frozen=True)
class Run:
    """One training."""

    curriculum: str
    epochs: float
    """Budget in epochs' worth of 224-pixel compute."""
    seed: int
    images: int
    """Images that were trained on."""
    wait_seconds: float
    """Time in which the network waited for images."""
    points: Tuple[Point, ...]
    """Validations; the last at the end."""


# ---- the network ----------------------------------------------------------------------------------------------------


def block(inputs: int, outputs: int, size: int, stride: int) -> List[Any]:
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=(size - 1) // 2 if size == 3 else 0, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def network(width: int, classes: int) -> Any:
    """A plain convolutional network, a thirty-second of the image at its end, for images of any size."""
    layers = block(3, width, 4, 4)
    for factor in (1, 2, 4):
        layers += block(factor * width, 2 * factor * width, 3, 2)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, classes))


def tflop(model: Any, side: int) -> float:
    """Floating-point operations, in 10^12, of training on one image: two for each product of convolutions and of the
    classifier, and twice as many backward as forward."""
    products = 0

    def count(layer: Any, inputs: Any, output: Any) -> None:
        nonlocal products
        products += output[0].numel() * layer.weight[0].numel()

    layers = [layer for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    training = model.training
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, side, side))
    model.train(training)
    for hook in hooks:
        hook.remove()
    return 3 * 2 * products / 1e12


# ---- training -------------------------------------------------------------------------------------------------------


def optimizer_of(model: Any) -> Any:
    return torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=0.05)


def train_step(model: Any, optimizer: Any, batch: bandwise.Batch, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    images, labels = batch
    optimizer.zero_grad()
    loss: Any = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()


def validate(model: Any, validation: bandwise.Loader) -> float:
    """Share of the validation images that are recognised."""
    model.eval()
    right = total = 0
    with torch.no_grad():
        for images, labels in validation:
            right += int((model(images).argmax(1) == labels).sum())
            total += len(labels)
    model.train()
    return right / total


def training_loader(args: argparse.Namespace, **options: Any) -> bandwise.Loader:
    # Its loops are over the steps of the run.
    options = {"batch_size": args.batch_size, "span": bandwise.Span(loop="run"), **options}
    return bandwise.Loader(args.data, dataset="train", **options)


def train(
    args: argparse.Namespace, curriculum: str, epochs: float, seed: int, validation: bandwise.Loader
) -> Run:
    """One training from the beginning to the end."""
    torch.manual_seed(seed)
    model = network(args.width, len(validation.classes))
    optimizer = optimizer_of(model)
    costs: Dict[int, float] = {}
    points: List[Point] = []
    images, done, seconds, waited = 0, 0.0, 0.0, 0.0
    with training_loader(args, curriculum=curriculum_file(args, curriculum), epochs=epochs, seed=seed) as loader:
        batches = iter(loader)
        steps = loader.plan.steps
        for step in range(steps):
            begin = time.monotonic()
            batch = next(batches)
            waited += time.monotonic() - begin
            train_step(model, optimizer, batch, args.lr * batch.lr_factor)
            seconds += time.monotonic() - begin
            if batch.bandwidth not in costs:
                costs[batch.bandwidth] = tflop(model, batch.bandwidth)
            images += len(batch.labels)
            done += costs[batch.bandwidth] * len(batch.labels)
            # Beyond the share of the compute at which the next validation is due, or at the end.
            if step + 1 == steps or batch.progress >= (len(points) + 1) / args.points:
                points.append(Point(done, seconds, validate(model, validation)))
    return Run(curriculum, epochs, seed, images, waited, tuple(points))


def curriculum_file(args: argparse.Namespace, name: str) -> Path:
    """The curriculum with a warm-up that suits short trainings (the papers' takes 20 epochs), and stages that end at
    exact steps, as in these a stage may be shorter than an epoch."""
    path: Path = args.out / f"{name}.toml"
    text = f'name = "{name}, short"\npreset = "{name}"\nsplit = "steps"\nwarmup_share = {args.warmup_share!r}\n'
    path.write_text(text, encoding="utf-8")
    return path


# ---- what came of it ------------------------------------------------------------------------------------------------


def spread(values: Iterable[float]) -> Tuple[float, float]:
    """Mean and standard deviation."""
    numbers = list(values)
    return statistics.mean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0


def select(runs: Sequence[Run], curriculum: str, epochs: float) -> List[Run]:
    return [run for run in runs if (run.curriculum, run.epochs) == (curriculum, epochs)]


def budgets(runs: Sequence[Run]) -> List[float]:
    return sorted({run.epochs for run in runs})


def print_table(runs: Sequence[Run]) -> None:
    print(f"{'curriculum':<18}{'epochs':>7}{'TFLOP':>8}{'images':>8}{'seconds':>15}{'waiting':>9}{'accuracy, %':>15}")
    for epochs in budgets(runs):
        for curriculum in CURRICULA:
            group = select(runs, curriculum, epochs)
            ends = [run.points[-1] for run in group]
            seconds, seconds_off = spread(end.seconds for end in ends)
            accuracy, accuracy_off = spread(100 * end.accuracy for end in ends)
            waiting = sum(run.wait_seconds for run in group) / sum(end.seconds for end in ends)
            print(
                f"{curriculum:<18}{epochs:>7g}{ends[0].tflop:>8.2f}{group[0].images:>8}"
                f"{seconds:>9.1f} ± {seconds_off:<4.1f}{waiting:>7.0%}{accuracy:>9.1f} ± {accuracy_off:<4.1f}"
            )


def plot(runs: Sequence[Run], path: Path) -> None:
    """Accuracy against compute and against time: the ends of the trainings, and the way of the longest."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    fields = ("tflop", "compute of forward and backward passes (TFLOP)"), ("seconds", "wall time of training (s)")
    figure, both = pyplot.subplots(1, 2, figsize=(10, 4.2), sharey=True)
    for axes, (field, label) in zip(both, fields):
        for color, curriculum in zip(("tab:blue", "tab:orange"), CURRICULA):
            plot_curriculum(axes, [run for run in runs if run.curriculum == curriculum], field, color)
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    both[0].set_ylabel("validation accuracy (%)")
    both[0].legend(loc="lower right")
    seeds = len({run.seed for run in runs})
    figure.suptitle(f"Ends of trainings, mean and standard deviation of {seeds} seeds; dotted: on the way of the longest")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def plot_curriculum(axes: Any, runs: Sequence[Run], field: str, color: str) -> None:
    means: List[Tuple[float, float]] = []
    for epochs in budgets(runs):
        ends = [run.points[-1] for run in runs if run.epochs == epochs]
        places = [getattr(end, field) for end in ends]
        accuracies = [100 * end.accuracy for end in ends]
        axes.plot(places, accuracies, ".", color=color, alpha=0.4)
        (x, x_off), (y, y_off) = spread(places), spread(accuracies)
        axes.errorbar(x, y, y_off, x_off, color=color, capsize=3)
        means.append((x, y))
    axes.plot(*zip(*means), "o-", color=color, label=runs[0].curriculum)
    longest = [run.points for run in runs if run.epochs == budgets(runs)[-1]]
    way = [
        (spread(getattr(point, field) for point in same)[0], spread(100 * point.accuracy for point in same)[0])
        for same in zip(*longest)
    ]
    axes.plot(*zip(*way), ":", color=color)


def write_numbers(args: argparse.Namespace, runs: Sequence[Run]) -> None:
    settings = {key: str(value) for key, value in vars(args).items()}
    results = {"settings": settings, "torch": str(torch.__version__), "runs": [asdict(run) for run in runs]}
    (args.out / "compare.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def compare(args: argparse.Namespace, validation: bandwise.Loader) -> None:
    runs: List[Run] = []
    # In turns, so that a machine that is slow for a while is slow for both.
    for seed in range(args.seeds):
        for epochs in args.epochs:
            for curriculum in CURRICULA:
                run = train(args, curriculum, epochs, seed, validation)
                runs.append(run)
                end = run.points[-1]
                how = f"seed {seed}, {epochs:g} epochs, {curriculum}"
                print(f"{how}: {end.accuracy:.1%} after {end.seconds:.1f} s", flush=True)
                write_numbers(args, runs)
    print_table(runs)
    try:
        plot(runs, args.out / "compare.png")
    except ImportError:
        print("matplotlib is not installed: no plot")


# ---- the searches ---------------------------------------------------------------------------------------------------


def run_search(args: argparse.Namespace, validation: bandwise.Loader) -> None:
    """A search over three stages, each with three bandwidths to choose from."""

    def model_of(state: State) -> Tuple[Any, Any]:
        model = network(args.width, len(validation.classes))
        optimizer = optimizer_of(model)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return model, optimizer

    def start() -> State:
        torch.manual_seed(0)
        model = network(args.width, len(validation.classes))
        return {"model": model.state_dict(), "optimizer": optimizer_of(model).state_dict()}

    def train_stage(stage: search.Stage, state: State) -> State:
        model, optimizer = model_of(state)
        with stage.loader(args.data, dataset="train", batch_size=args.batch_size) as loader:
            for batch in loader:
                train_step(model, optimizer, batch, args.lr * batch.lr_factor)
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}

    def evaluate(state: State) -> float:
        # A greedy search judges whole trainings. A sequential one judges what a network has learnt so far, which shows
        # when it has got used to whole images.
        model, optimizer = model_of(state)
        if args.search == "sequential":
            span = bandwise.Span(steps=args.finish_steps, loop="run")
            with training_loader(args, curriculum="none", recipe="plain", span=span) as loader:
                for batch in loader:
                    train_step(model, optimizer, batch, args.lr / 10)
        return validate(model, validation)

    options: Dict[str, Any] = {
        "start": start,
        "folder": args.out / args.search,
        "epochs": args.epochs[0],
        "stages": 3,
        "candidates": (96, 160, 224),
        "warmup_share": args.warmup_share,
        "label": f"{args.data}, width {args.width}, lr {args.lr:g}, batch {args.batch_size}",
        "save": torch.save,
        "load": torch.load,
    }
    if args.search == "greedy":
        result = search.greedy_search(train_stage, evaluate, tolerance=args.tolerance, **options)
    else:
        result = search.sequential_search(train_stage, evaluate, **options)
    print(result)
    (args.out / "found.toml").write_text(result.curriculum.toml(f"found by a {args.search} search"), encoding="utf-8")


def parse_arguments(arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--data", required=True, help="folder with train/ and val/, as make_crops.py makes it")
    add("--out", type=Path, default=Path("compare"), help="folder for results")
    add("--epochs", type=float, nargs="+", default=[2.0, 4.0, 8.0], help="budgets in epochs' worth of compute at 224")
    add("--seeds", type=int, default=3, help="trainings of each kind")
    add("--points", type=int, default=5, help="validations of a training")
    add("--width", type=int, default=32, help="channels of the first layer")
    add("--batch-size", type=int, default=32, help="rows of a step")
    add("--lr", type=float, default=2e-3, help="peak learning rate")
    add("--warmup-share", type=float, default=0.1, help="warm-up of the learning rate, as a share of its clock")
    add("--threads", type=int, default=1, help="threads that train; the daemon uses the other cores")
    add("--search", choices=["greedy", "sequential"], help="search for a curriculum, with the first of the budgets")
    add("--tolerance", type=float, default=0.01, help="of a greedy search: accuracy that may be lost, 0 to 1")
    add("--finish-steps", type=int, default=10, help="of a sequential search: steps at 224 before a state is judged")
    return parser.parse_args(arguments)


def main(arguments: Optional[Sequence[str]] = None) -> None:
    args = parse_arguments(arguments)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    options: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "epochs": 1, "batch_size": 100}
    # Open throughout, so that trainings find its daemon.
    with bandwise.Loader(args.data, dataset="val", transport=bandwise.Transport(priority="high"), **options) as validation:
        if args.search:
            run_search(args, validation)
        else:
            compare(args, validation)


if __name__ == "__main__":
    main()
