"""One rank of a small training, under a framework; test_frameworks.py runs it as torchrun would.

It trains in phases: ``whole`` is the whole run, ``head`` ends behind HEAD steps with a checkpoint, ``tail`` goes on from
there. What it saw goes into ``rank-R.json``: of each phase every row as step, row and sample, and the weights at the end.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any, List

import torch

import bandwise
from bandwise import Span

Rows = List[List[int]]

HEAD = 6


def make_model() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 5)]
    return torch.nn.Sequential(*layers)


def loss_of(model: Any, batch: bandwise.Batch, seen: Rows) -> Any:
    images, labels = batch
    seen += [[batch.step, batch.first_row + row, int(sample)] for row, sample in enumerate(batch.sample_ids)]
    return torch.nn.functional.cross_entropy(model(images), labels)


def epochs(loader: bandwise.Loader) -> range:
    """Those that are still to come, the one in which the loader stands included."""
    return range(loader.plan.epoch_of(loader.state_dict()["step"]), loader.plan.epochs)


def bare(loader: bandwise.Loader, phase: str, folder: Path, seen: Rows) -> torch.nn.Module:
    """A loop as people write it, with DistributedDataParallel where there are ranks."""
    module = model = make_model()
    if "RANK" in os.environ:
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
        model = torch.nn.parallel.DistributedDataParallel(module)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if phase == "tail":
        checkpoint = torch.load(folder / "checkpoint.pt")
        module.load_state_dict(checkpoint["model"])
        loader.load_state_dict(checkpoint["loader"])
    for _ in epochs(loader):
        for batch in loader:
            optimizer.zero_grad()
            loss_of(model, batch, seen).backward()
            optimizer.step()
            if phase == "head" and batch.step + 1 == HEAD:
                if int(os.environ.get("RANK", 0)) == 0:
                    torch.save({"model": module.state_dict(), "loader": loader.state_dict()}, folder / "checkpoint.pt")
                return module
    return module


def accelerate(loader: bandwise.Loader, phase: str, folder: Path, seen: Rows) -> torch.nn.Module:
    """Accelerate's loop: `prepare` hands the loader back as it is, and `save_state` saves where it stands."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    module = make_model()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    model, optimizer, prepared = accelerator.prepare(module, optimizer, loader)
    assert prepared is loader
    accelerator.register_for_checkpointing(loader)
    if phase == "tail":
        accelerator.load_state(str(folder / "state"))
    for batch in (batch for _ in epochs(loader) for batch in prepared):
        optimizer.zero_grad()
        accelerator.backward(loss_of(model, batch, seen))
        optimizer.step()
        if phase == "head" and batch.step + 1 == HEAD:
            accelerator.save_state(str(folder / "state"))
            break
    accelerator.wait_for_everyone()
    return module


def lightning(loader: bandwise.Loader, phase: str, folder: Path, seen: Rows) -> torch.nn.Module:
    """Lightning: the run is its one epoch, and its checkpoints hold where the loader stands."""
    try:
        from lightning import pytorch as pl
    except ImportError:
        import pytorch_lightning as pl

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = make_model()

        def training_step(self, batch: bandwise.Batch, _index: int) -> Any:
            loss = loss_of(self.model, batch, seen)
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    # At the end of `fit` it would be one of a finished epoch.
    checkpoint = pl.callbacks.ModelCheckpoint(folder, "head", every_n_train_steps=HEAD)
    ranks = int(os.environ.get("WORLD_SIZE", 1))
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        use_distributed_sampler=False,
        max_epochs=1,
        max_steps=HEAD if phase == "head" else -1,
        logger=False,
        callbacks=[checkpoint] if phase == "head" else [],
        enable_checkpointing=phase == "head",
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Module()
    length = len(loader)
    trainer.fit(module, loader, ckpt_path=str(folder / "head.ckpt") if phase == "tail" else None)
    assert trainer.num_training_batches == length
    assert trainer.global_step == (HEAD if phase == "head" else loader.plan.steps)
    return module.model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("framework", choices=["bare", "accelerate", "lightning"])
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("batch_size", type=int)
    parser.add_argument("phases", nargs="+", choices=["whole", "head", "tail"])
    args = parser.parse_args()
    train = {"bare": bare, "accelerate": accelerate, "lightning": lightning}[args.framework]
    found = {}
    for phase in args.phases:
        seen: Rows = []
        # Lightning's one epoch is the whole run.
        loop: Any = "run" if args.framework == "lightning" else "auto"
        with bandwise.Loader(args.address, epochs=6, batch_size=args.batch_size, span=Span(loop=loop)) as loader:
            length = len(loader)
            model = train(loader, phase, args.folder, seen)
            found[phase] = {
                "seen": seen,
                "weights": [parameter.detach().flatten().tolist() for parameter in model.parameters()],
                "length": length,
            }
    (args.folder / f"rank-{os.environ.get('RANK', 0)}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
