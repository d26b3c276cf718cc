"""What batches hold, how they are shared, and how long they live."""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest

import bandwise
from bandwise import BadSamples, Device, Span
from conftest import Pull

torch_missing = importlib.util.find_spec("torch") is None
needs_torch = pytest.mark.skipif(torch_missing, reason="torch is not installed")


def digests(loader: bandwise.Loader) -> List[Dict[str, Any]]:
    """What `pull --digest` says of a step, of arrays made by numpy."""
    lines = []
    for batch in loader:
        ids = numpy.asarray(batch.sample_ids)
        lines.append(
            {
                "step": batch.step,
                "epoch": batch.epoch,
                "stage": batch.stage,
                "bandwidth": batch.bandwidth,
                "magnitude": batch.magnitude,
                "samples_digest": hashlib.sha256(ids.astype("<u8").tobytes()).hexdigest()[:16],
                "sha256": hashlib.sha256(numpy.asarray(batch.images).tobytes()).hexdigest(),
            }
        )
    return lines


@pytest.mark.parametrize("transport", ["shm", "grpc"])
@pytest.mark.parametrize("dtype, layout", [("u8", "nhwc"), ("f16", "nchw"), ("f32", "nchw")])
def test_bytes_are_those_of_pull(address: str, pull: Pull, transport: Any, dtype: Any, layout: Any) -> None:
    loader = bandwise.Loader(
        address, epochs=6, batch_size=4, seed=5, dtype=dtype, layout=layout, transport=transport,
        device=Device(arrays="numpy"), span=Span(loop="run"),
    )
    expected = pull(*"--curriculum efficienttrain++ --epochs 6 --batch-size 4 --seed 5".split(),
                    "--dtype", dtype, "--layout", layout)
    got = digests(loader)
    assert got == expected
    loader.reset()
    assert len(got) == len(loader) == loader.plan.steps > 10
    assert {batch.is_shared for batch in loader} == {transport == "shm"}


def test_a_batch_says_what_it_is(address: str) -> None:
    with bandwise.Loader(address, epochs=6, batch_size=4, device=Device(arrays="numpy")) as loader:
        batch = next(iter(loader))
        images, labels = batch
    side = batch.bandwidth
    assert images.shape == (4, 3, side, side) and images.dtype == "float32"
    assert labels.dtype == numpy.int64 and all(0 <= label < len(loader.classes) for label in labels)
    assert (batch.step, batch.epoch, batch.stage, batch.progress, batch.first_row) == (0, 0, 0, 0.0, 0)
    assert 0 <= batch.lr_factor <= 1 and 0 <= batch.schedule_position <= 1
    assert batch.labels_b is None and batch.lam is None and batch.substitutions == []


@pytest.mark.parametrize("transport", ["shm", "grpc"])
def test_views_outlive_batch_loader_and_daemon(photos: Path, transport: Any) -> None:
    options: Dict[str, Any] = {"epochs": 6, "batch_size": 4, "transport": transport}
    options = {**options, "device": Device(arrays="numpy"), "span": Span(steps=3, loop="run")}
    with bandwise.Loader(photos, **options) as loader:
        expected = [batch.images.tobytes() for batch in loader]
    with bandwise.Loader(photos, **options) as loader:
        views = [batch.images for batch in loader]
    del loader
    gc.collect()
    assert [view.tobytes() for view in views] == expected
    # It is the user's to write, and no other view's.
    views[0][:] = 0
    assert views[0].max() == 0 and [view.tobytes() for view in views[1:]] == expected[1:]


def test_a_slot_is_given_back_with_the_last_view_and_not_before(address: str) -> None:
    loader = bandwise.Loader(
        address, epochs=60, batch_size=4, transport="shm", device=Device(arrays="numpy"), span=Span(loop="run")
    )
    kept, copies, shared = [], [], []
    # More than there are slots: those that do not fit are copied by the client, and all keep their values.
    for number, batch in enumerate(loader):
        shared.append(batch.is_shared)
        if number < 20:
            kept.append(batch.images)
            copies.append(batch.images.tobytes())
        elif number == 20:
            assert [view.tobytes() for view in kept] == copies
            kept.clear()
        elif number == 60:
            break
    assert not all(shared[:20]) and all(shared[40:])


def test_arrays_share_their_memory_by_both_protocols(address: str) -> None:
    batch = next(iter(bandwise.Loader(address, epochs=6, batch_size=4, dtype="f32", device=Device(arrays="raw"))))
    array = batch.images
    by_interface, by_dlpack = numpy.asarray(array), numpy.from_dlpack(array)
    by_interface[1, 2, 3, 4] = 7.5
    assert by_dlpack[1, 2, 3, 4] == 7.5 and by_dlpack.strides == by_interface.strides
    assert array.__dlpack_device__() == (1, 0) and array.nbytes == by_dlpack.nbytes == len(array.tobytes())
    assert "dltensor_versioned" in repr(array.__dlpack__(max_version=(1, 0)))
    assert '"dltensor"' in repr(array.__dlpack__())
    refusals: List[Dict[str, Any]] = [{"dl_device": (2, 0)}, {"copy": True}, {"stream": 1}]
    for refused in refusals:
        with pytest.raises(BufferError):
            array.__dlpack__(**refused)


def test_numpy_is_told_that_it_has_no_bfloat16(address: str) -> None:
    batch = next(iter(bandwise.Loader(address, epochs=6, batch_size=4, dtype="bf16", device=Device(arrays="numpy"))))
    assert batch.images.dtype == "bfloat16" and batch.labels.dtype == numpy.int64
    with pytest.raises(TypeError, match="torch.from_dlpack"):
        numpy.asarray(batch.images)


@needs_torch
@pytest.mark.parametrize("dtype", ["u8", "f16", "bf16", "f32"])
def test_torch_shares_the_memory(address: str, dtype: Any) -> None:
    import torch

    loader = bandwise.Loader(address, epochs=6, batch_size=4, dtype=dtype, span=Span(steps=3, loop="run"))
    raw = bandwise.Loader(
        address, epochs=6, batch_size=4, dtype=dtype, span=Span(steps=3, loop="run"), device=Device(arrays="raw")
    )
    kept = [(images, labels) for images, labels in loader]
    expected = [(batch.images.tobytes(), batch.labels.tobytes()) for batch in raw]
    loader.close()
    gc.collect()
    for (images, labels), (image_bytes, label_bytes) in zip(kept, expected):
        assert isinstance(images, torch.Tensor) and labels.dtype == torch.int64
        same = torch.frombuffer(bytearray(image_bytes), dtype=images.dtype).reshape(images.shape)
        assert images.is_contiguous() and torch.equal(images.view(torch.uint8), same.view(torch.uint8))
        assert labels.numpy().tobytes() == label_bytes


def names_of(root: Path) -> List[str]:
    """The list of ImageFolder, without its root."""
    found = []
    for folder in sorted(os.listdir(root)):
        for parent, _, files in sorted(os.walk(root / folder)):
            found += [os.path.relpath(os.path.join(parent, file), root) for file in sorted(files)]
    return found


def test_samples_are_named_as_image_folder_names_them(address: str, photos: Path) -> None:
    run = bandwise.Loader(address, epochs=6, batch_size=4, device=Device(arrays="numpy"), span=Span(loop="run"))
    expected = names_of(photos)
    assert run.sample_names(range(run.plan.dataset_samples)) == expected and len(expected) == 12
    for batch in run:
        names = batch.sample_names
        assert names == [expected[sample] for sample in batch.sample_ids]
        assert [run.classes[label] for label in batch.labels] == [os.path.dirname(name) for name in names]
        assert batch.sample_names is names, "they are asked for once"
    assert run.sample_names(numpy.array([3, 0, 3])) == [expected[3], expected[0], expected[3]]
    assert run.sample_names([]) == []
    for wrong in (12, -1, 2**63):
        with pytest.raises(bandwise.JobError, match=str(wrong)):
            run.sample_names([0, wrong])


def test_classes_that_are_not_utf8_stay_apart(tmp_path: Path, photos: Path) -> None:
    """As file systems have them that came from elsewhere; ImageFolder lists the same."""
    folders = [b"caf\xe8", b"caf\xe9", b"\xff", "caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode(), "\N{LATIN SMALL LIGATURE FI}".encode()]
    for folder in folders:
        os.mkdir(os.path.join(os.fsencode(tmp_path), folder))
        (tmp_path / os.fsdecode(folder) / "1.jpg").symlink_to(photos / "thing/cup.jpg")
    expected = sorted(entry.name for entry in os.scandir(tmp_path))
    options: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "batch_size": 5, "device": Device(arrays="numpy")}
    with bandwise.Loader(tmp_path, **options) as run:
        assert run.classes == expected and list(run.class_to_idx.items()) == [(name, i) for i, name in enumerate(expected)]
        (batch,) = run
        assert [os.path.dirname(name) for name in batch.sample_names] == [run.classes[label] for label in batch.labels]
        assert {os.fsencode(name) for name in run.class_to_idx} == set(folders)


def test_names_are_those_of_the_samples_that_came(damaged: Path) -> None:
    (damaged / "class" / os.fsdecode(b"\xff\n.jpg")).symlink_to(damaged / "class" / "0.jpg")
    options: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "epochs": 1, "batch_size": 4}
    options["device"] = Device(arrays="numpy")
    expected = names_of(damaged)
    with bandwise.Loader(damaged, **options) as run:
        (batch,) = run
        (substitution,) = batch.substitutions
        assert substitution.name == "class/z.jpg" not in batch.sample_names
        assert batch.sample_names[substitution.row] == expected[substitution.delivered]
        assert os.fsdecode(b"class/\xff\n.jpg") in batch.sample_names
    with bandwise.Loader(damaged, bad_samples=BadSamples(on_bad_sample="zero"), **options) as run:
        (batch,) = run
        assert batch.sample_names == expected and batch.labels[batch.substitutions[0].row] == -1


def test_names_are_asked_for_while_the_daemon_is_there(photos: Path) -> None:
    nobody = "unix:/nonexistent/bandwise.sock"
    with bandwise.Loader(photos, epochs=6, batch_size=4, span=Span(steps=2, loop="run"), device=Device(arrays="raw")) as run:
        first, second = run
        names = first.sample_names
        assert run._backend.daemon is not None
        addresses = [nobody, run._backend.daemon.address]
        with bandwise.Loader(addresses, epochs=6, batch_size=4, device=Device(arrays="raw")) as other:
            assert next(iter(other)).sample_names == names
    assert first.sample_names == names
    with pytest.raises(bandwise.ConnectionError, match="first used"):
        second.sample_names


@pytest.mark.parametrize("dtype", ["u8", "f16", "bf16", "f32"])
def test_jax_shares_slots(address: str, dtype: Any) -> None:
    jnp: Any = pytest.importorskip("jax.numpy")
    options: Dict[str, Any] = {"epochs": 6, "batch_size": 4, "dtype": dtype, "transport": "shm"}
    options["device"] = Device(arrays="raw")
    batch = next(iter(bandwise.Loader(address, **options)))
    array = jnp.from_dlpack(batch.images)
    assert array.tobytes() == batch.images.tobytes() and array.shape == batch.images.shape
    if dtype != "bf16":
        assert array.unsafe_buffer_pointer() == batch.images.__array_interface__["data"][0]


def test_mixed_rows_come_with_partners_and_shares(address: str, tmp_path: Path) -> None:
    recipe = tmp_path / "mixed.toml"
    operations = ["random_resized_crop", "low_frequency", "normalize", "mix"]
    tables = "".join(f"[[operation]]\nname = '{name}'\n" for name in operations)
    tables = tables.replace("'low_frequency'", "'low_frequency'\nmethod = 'lanczos'")
    recipe.write_text(f"name = 'mixed'\n{tables}group = 4\n")
    batch = next(iter(bandwise.Loader(address, recipe=recipe, epochs=6, batch_size=4, device=Device(arrays="numpy"))))
    assert batch.labels_b.shape == batch.lam.shape == (4,)
    assert batch.lam.dtype == numpy.float32 and all(0 <= share <= 1 for share in batch.lam)
