#!/usr/bin/env python3
"""Trains a backbone by the EfficientTrain++ curriculum: a whole training to copy and start from.

    torchrun --nproc-per-node 8 train.py --data /data/imagenet --model vit_small --curriculum efficienttrain++-deit \\
        --batch-size 256 --accumulate 2 --out runs/vit_small

`--data` is a folder with `train` and `val`, each with a folder for every class, for which a private daemon is started;
or the address of a daemon (`unix:/run/bandwise.sock`, `host:7070`). Without torchrun it is one process, on a GPU or on
the CPU. The same command with `--resume` resumes from the last checkpoint, also with other ranks.

Batches grow from 96 to 224 pixels between stages: models must take images of any size, as torchvision's convolutional
ones do, and `vit.py`. Learning rate (peak 4e-3 for steps of 4096), AdamW, weight decay, Mixup, CutMix, label smoothing
and stochastic depth are the papers'.

Everything random hangs on (seed, step, row), as it does in the daemon: the images, their mixing, the paths dropped. So
a checkpoint holds no generator's state, a resumed run does what the uninterrupted one would have done (on a CPU bit for
bit), and one process with `--accumulate 2` does what two do, except for the running statistics of BatchNorm.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

import bandwise
import vit

AMP_DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


def parse_arguments(arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])

    def add(name: str, help: str, **settings: Any) -> None:
        default = settings.get("default")
        parser.add_argument(name, help=help if default is None else f"{help} (default: {default})", **settings)

    add("--data", "folder with train/ and val/, or address of a daemon", required=True)
    add("--train-dataset", "name of the dataset to train on", default="train")
    add("--val-dataset", "name of the dataset to validate on", default="val")
    add("--out", "folder for last.pt (the checkpoint) and log.jsonl", type=Path, default=Path("run"))
    add("--resume", "resume from last.pt, if it exists", action="store_true")
    add("--model", f"{', '.join(vit.SIZES)}, or a model of torchvision that accepts any image size", default="resnet50")
    add("--curriculum", "name, or path of a TOML file; validation is at 224 pixels", default="efficienttrain++")
    add("--epochs", "budget; the curricula with ++ count epochs' worth of 224-pixel compute", type=float, default=200.0)
    add("--fidelity", "fidelity of the images", choices=["exact", "fast"], default="exact")
    add("--batch-size", "rows in one batch of one rank", type=int, default=256)
    add("--accumulate", "batches that a rank accumulates for one step", type=int, default=1)
    add("--lr", "peak learning rate for each 1024 rows of a step", type=float, default=1e-3)
    add("--weight-decay", "weight decay; none for biases, norms and positions", type=float, default=0.05)
    add("--clip", "largest norm of the gradient; 0: no limit", type=float, default=5.0)
    add("--mixup", "alpha of Mixup; 0: off", type=float, default=0.8)
    add("--cutmix", "alpha of CutMix; 0: off; if both are on, each batch draws one", type=float, default=1.0)
    add("--smoothing", "label smoothing, 0 to 1", type=float, default=0.1)
    add("--drop-path", "stochastic depth, 0 to 1 (default: 0.1 * epochs / 200 for a vit, else 0)", type=float)
    add("--ema", "decay of the averaged weights for each step", type=float, default=0.9999)
    add("--amp", "mixed precision (default: bf16 on a GPU, else off)", choices=["off", *AMP_DTYPES])
    add("--seed", "seed of everything random", type=int, default=0)
    add("--device", "device to train on", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    add("--log-every", "steps between two lines", type=int, default=50)
    add("--eval-every", "epochs between two validations; there is also one at the end", type=int, default=10)
    add("--max-steps", "end after this many steps, with a checkpoint: for trials or short queues", type=int)
    args = parser.parse_args(arguments)
    if args.drop_path is None:
        args.drop_path = 0.1 * args.epochs / 200 if args.model in vit.SIZES else 0.0
    if args.amp is None:
        args.amp = "bf16" if args.device == "cuda" else "off"
    if (args.out / "last.pt").exists() and not args.resume:
        parser.error(f"{args.out} has a checkpoint: resume with --resume, or choose another --out")
    return args


# ---- ranks --------------------------------------------------------------------------------------------------


@dataclass
class Ranks:
    """This process among those that torchrun started; the only one without torchrun."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    def join(cls, device: str) -> Ranks:
        rank, size, local = (int(os.environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        if device == "cuda":
            torch.cuda.set_device(local)
            # Three resolutions in a whole run: the search for the fastest kernels pays.
            torch.backends.cudnn.benchmark = True
        if size > 1:
            dist.init_process_group("nccl" if device == "cuda" else "gloo")
        return cls(rank, max(size, 1), torch.device(device, local) if device == "cuda" else torch.device(device))

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all ranks, which all call it."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def same_buffers(self, model: nn.Module) -> None:
        """Gives all ranks the running statistics of rank 0: those of a checkpoint."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def leave(self) -> None:
        if self.size > 1:
            dist.destroy_process_group()


# ---- data ---------------------------------------------------------------------------------------------------


def train_loader(args: argparse.Namespace, device: torch.device) -> bandwise.Loader:
    """The run: every step of the curriculum, this rank's rows of it."""
    return bandwise.Loader(
        args.data,
        dataset=args.train_dataset,
        curriculum=args.curriculum,
        epochs=args.epochs,
        batch_size=args.batch_size,
        accumulate=args.accumulate,
        fidelity=args.fidelity,
        seed=args.seed,
        device=device,
    )


def val_loader(args: argparse.Namespace, device: torch.device) -> bandwise.Loader:
    """One pass over the validation data, at 224 pixels; undecodable samples become rows with label -1."""
    return bandwise.Loader(
        args.data,
        dataset=args.val_dataset,
        curriculum="none",
        recipe="eval",
        batch_size=args.batch_size,
        bad_samples=bandwise.BadSamples(on_bad_sample="zero"),
        transport=bandwise.Transport(priority="high"),
        device=device,
    )


def mix(
    images: Tensor, labels: Tensor, classes: int, draws: random.Random, args: argparse.Namespace
) -> Tuple[Tensor, Tensor]:
    """Mixup or CutMix of each image with its counterpart from the other end of the batch; soft targets."""
    targets = F.one_hot(labels, classes).float()
    cut = args.cutmix > 0 and (args.mixup == 0 or draws.random() < 0.5)
    alpha = args.cutmix if cut else args.mixup
    if alpha == 0:
        return images, targets
    own = draws.betavariate(alpha, alpha)
    if cut:
        side = images.shape[-1]
        top, bottom, left, right = cut_box(side, own, draws)
        images[..., top:bottom, left:right] = images[..., top:bottom, left:right].flip(0)
        own = 1 - (bottom - top) * (right - left) / side**2
    else:
        images = torch.lerp(images.flip(0), images, own)
    return images, torch.lerp(targets.flip(0), targets, own)


def cut_box(side: int, own: float, draws: random.Random) -> Tuple[int, int, int, int]:
    """A box of 1 - `own` of the area, as far as it lies in the image: top, bottom, left and right."""
    length = int(side * math.sqrt(1 - own))
    y, x = draws.randrange(side), draws.randrange(side)
    low, high = length // 2, (length + 1) // 2
    return max(y - low, 0), min(y + high, side), max(x - low, 0), min(x + high, side)


# ---- model --------------------------------------------------------------------------------------------------


def build_model(name: str, classes: int, drop_path: float) -> nn.Module:
    if name in vit.SIZES:
        return vit.VisionTransformer(vit.SIZES[name], classes, drop_path)
    from torchvision.models import get_model

    # ConvNeXt and Swin know the option, ResNets do not; their rate is 0 in the papers.
    options = {"stochastic_depth_prob": drop_path} if drop_path else {}
    model: nn.Module = get_model(name, num_classes=classes, **options)
    return model


def parameter_groups(model: nn.Module, weight_decay: float) -> List[Dict[str, Any]]:
    """Weights decay; biases, scales of norms and positions do not."""
    decaying: List[nn.Parameter] = []
    others: List[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (decaying if parameter.ndim > 1 and "positions" not in name else others).append(parameter)
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """One step of the exponential moving average, of running statistics too."""
    with torch.no_grad():
        for mine, new in zip(average.state_dict().values(), model.state_dict().values()):
            if mine.is_floating_point():
                mine.lerp_(new, 1 - decay)
            else:
                mine.copy_(new)


class Trainer:
    """Model, averaged model and optimiser: all that learns, and that a checkpoint holds besides the loader's state."""

    def __init__(self, args: argparse.Namespace, ranks: Ranks, classes: int) -> None:
        torch.manual_seed(args.seed)
        self.args, self.ranks, self.classes = args, ranks, classes
        self.plain = build_model(args.model, classes, args.drop_path).to(ranks.device)
        self.average = copy.deepcopy(self.plain).eval().requires_grad_(False)
        on_gpu = [ranks.device] if ranks.device.type == "cuda" else None
        self.model = DistributedDataParallel(self.plain, device_ids=on_gpu) if ranks.size > 1 else self.plain
        self.optimizer = torch.optim.AdamW(parameter_groups(self.plain, args.weight_decay))
        # It scales nothing unless the precision is f16, whose small gradients would vanish.
        grad_scaler = getattr(torch.amp, "GradScaler", torch.cuda.amp.GradScaler)
        self.scaler = grad_scaler(enabled=args.amp == "f16")
        self.peak = args.lr * args.batch_size * args.accumulate * ranks.size / 1024

    def autocast(self) -> Any:
        dtype = AMP_DTYPES.get(self.args.amp)
        return torch.autocast(self.ranks.device.type, dtype) if dtype else contextlib.nullcontext()

    def learn(self, batch: bandwise.Batch) -> Tuple[Tensor, bool]:
        """Learns from a batch. Returns its loss, and whether it was the last one of its step."""
        images, labels = batch
        draws = random.Random(f"{self.args.seed} {batch.step} {batch.first_row}")
        torch.manual_seed(draws.getrandbits(63))
        images, targets = mix(images.float(), labels, self.classes, draws, self.args)
        last = (batch.first_row // len(labels) + 1) % self.args.accumulate == 0
        # Ranks add up their gradients once a step.
        quiet = isinstance(self.model, DistributedDataParallel) and not last
        with self.model.no_sync() if quiet else contextlib.nullcontext():
            with self.autocast():
                loss = F.cross_entropy(self.model(images), targets, label_smoothing=self.args.smoothing)
            self.scaler.scale(loss / self.args.accumulate).backward()
        if last:
            self.step(batch)
        return loss.detach(), last

    def step(self, batch: bandwise.Batch) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * batch.lr_factor
        if self.args.clip > 0:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.plain.parameters(), self.args.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        # At the beginning a shorter memory, which soon forgets the weights of step 0.
        update_average(self.average, self.plain, min(self.args.ema, (1 + batch.step) / (10 + batch.step)))

    def validate(self, loader: bandwise.Loader) -> Dict[str, float]:
        """Percent of the validation samples whose class is the model's first guess, or among its first five."""
        models = {"": self.plain.eval(), "ema_": self.average}
        right = torch.zeros(len(models), 2, dtype=torch.float64, device=self.ranks.device)
        samples = torch.zeros((), dtype=torch.float64, device=self.ranks.device)
        for model in models.values():
            self.ranks.same_buffers(model)
        for batch in loader:
            images, labels = batch
            samples += (labels >= 0).sum()
            with torch.no_grad(), self.autocast():
                for index, model in enumerate(models.values()):
                    guesses = model(images.float()).topk(min(5, self.classes), dim=1).indices
                    hits = guesses == labels[:, None]
                    right[index] += torch.stack([hits[:, 0].sum(), hits.sum()])
        self.plain.train()
        percent = (100 * self.ranks.sum(right) / self.ranks.sum(samples)).tolist()
        return {f"{name}top{k}": value for name, row in zip(models, percent) for k, value in zip((1, 5), row)}

    def parts(self) -> Dict[str, Any]:
        return {"model": self.plain, "ema": self.average, "optimizer": self.optimizer, "scaler": self.scaler}

    def save(self, path: Path, loader: bandwise.Loader) -> None:
        """Writes a checkpoint, whole or not at all. For one rank: the others have the same."""
        states = {name: part.state_dict() for name, part in self.parts().items()}
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save({**states, "loader": loader.state_dict()}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def load(self, path: Path, loader: bandwise.Loader) -> None:
        """Goes on from a checkpoint, which all ranks read. The loader refuses that of another job."""
        states = torch.load(path, map_location="cpu")
        loader.load_state_dict(states["loader"])
        for name, part in self.parts().items():
            part.load_state_dict(states[name])


# ---- what it says -------------------------------------------------------------------------------------------


class Meter:
    """Loss, speed, and how long the loop waited for data, since the last line.

    A GPU still computes while the loop waits for the next batch, so the wait is the most that it can have lost.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.restart()

    def restart(self) -> None:
        self.since = time.perf_counter()
        self.waited = 0.0
        self.rows = self.batches = 0
        self.loss = torch.zeros((), device=self.ranks.device)

    def timed(self, batches: Iterable[bandwise.Batch]) -> Iterator[bandwise.Batch]:
        """The same batches; notes the time that each took to come."""
        iterator = iter(batches)
        while True:
            before = time.perf_counter()
            batch = next(iterator, None)
            self.waited += time.perf_counter() - before
            if batch is None:
                return
            yield batch

    def add(self, loss: Tensor, rows: int) -> None:
        self.loss += loss
        self.batches += 1
        self.rows += rows

    def read(self) -> Dict[str, float]:
        """Means over all ranks, which all call it; starts again."""
        # To read the loss waits for the GPU, so the clock is read behind it.
        loss = self.loss.item() / self.batches
        seconds = time.perf_counter() - self.since
        own = [loss, self.waited / seconds, self.rows / seconds]
        loss, waited, rate = self.ranks.sum(torch.tensor(own, device=self.ranks.device)).tolist()
        self.restart()
        size = self.ranks.size
        return {"loss": loss / size, "wait_share": waited / size, "images_per_s": rate}


class Log:
    """Lines for people, and the same as JSON in `log.jsonl`; of rank 0 alone."""

    def __init__(self, path: Path, ranks: Ranks) -> None:
        self.file = path.open("a", encoding="utf-8") if ranks.rank == 0 else None

    def say(self, text: str, record: Optional[Dict[str, Any]] = None) -> None:
        if self.file is None:
            return
        print(text, flush=True)
        if record is not None:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()

    def step(self, batch: bandwise.Batch, steps: int, lr: float, read: Dict[str, float]) -> None:
        place = {"step": batch.step, "epoch": batch.epoch, "bandwidth": batch.bandwidth, "magnitude": batch.magnitude}
        self.say(
            f"step {batch.step + 1}/{steps}  epoch {batch.epoch}  B {batch.bandwidth}  m {batch.magnitude:g}  "
            f"lr {lr:.2e}  loss {read['loss']:.3f}  {read['images_per_s']:.0f} images/s  "
            f"waited {read['wait_share']:.0%}",
            {**place, "lr": lr, **read},
        )

    def validation(self, batch: bandwise.Batch, accuracy: Dict[str, float]) -> None:
        self.say(
            "validation  " + "  ".join(f"{name} {value:.2f} %" for name, value in accuracy.items()),
            {"step": batch.step, "epoch": batch.epoch, **accuracy},
        )


# ---- the loop -----------------------------------------------------------------------------------------------


def train(args: argparse.Namespace, ranks: Ranks, data: bandwise.Loader, val_data: bandwise.Loader) -> None:
    trainer, meter, log = Trainer(args, ranks, len(data.classes)), Meter(ranks), Log(args.out / "log.jsonl", ranks)
    checkpoint: Path = args.out / "last.pt"
    if checkpoint.exists():
        trainer.load(checkpoint, data)
    plan, first = data.plan, data.state_dict()["step"]
    end = plan.steps if args.max_steps is None else min(first + args.max_steps, plan.steps)
    millions = sum(parameter.numel() for parameter in trainer.plain.parameters()) / 1e6
    log.say(f"{plan}\n{args.model}, {millions:.1f} M parameters, {ranks.size} x {args.device}, from step {first}")
    meter.restart()
    # A resumed run ends the epoch in which it was interrupted.
    for epoch in range(plan.epoch_of(first), plan.epoch_of(end - 1) + 1):
        for batch in meter.timed(data):
            loss, step_is_done = trainer.learn(batch)
            meter.add(loss, len(batch.labels))
            if not step_is_done:
                continue
            done = batch.step + 1
            if done % args.log_every == 0 or done == end:
                log.step(batch, plan.steps, trainer.peak * batch.lr_factor, meter.read())
            if done == end:
                break
        if ranks.rank == 0:
            trainer.save(checkpoint, data)
        if (epoch + 1) % args.eval_every == 0 or done == end:
            log.validation(batch, trainer.validate(val_data))
            meter.restart()


def main(arguments: Optional[Sequence[str]] = None) -> None:
    args = parse_arguments(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    ranks = Ranks.join(args.device)
    try:
        with train_loader(args, ranks.device) as data, val_loader(args, ranks.device) as val_data:
            if data.classes != val_data.classes:
                raise SystemExit(f"{args.train_dataset} and {args.val_dataset} have not the same classes")
            train(args, ranks, data, val_data)
    finally:
        ranks.leave()


if __name__ == "__main__":
    main()
