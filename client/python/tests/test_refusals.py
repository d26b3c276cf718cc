"""Options that a loader does not take: every error names the option, the value and the way out."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path
from typing import Any, Dict, Literal, Tuple, get_args, get_origin, get_type_hints

import pytest

import bandwise
from bandwise import BadSamples, DaemonOptions, Device, ReplayBuffer, Span, Transport, _daemon, _native
from bandwise._choices import CHOICES
from bandwise._daemon_options import CHOICES as DAEMON_CHOICES
from bandwise._moved import MOVED
from bandwise._unknown import INSTEAD

OPTIONS: Dict[str, Any] = {"batch_size": 2, "curriculum": "none", "recipe": "eval", "device": Device(arrays="raw")}

DATALOADER = """batch_sampler collate_fn drop_last generator in_order multiprocessing_context num_workers
    persistent_workers pin_memory pin_memory_device prefetch_factor sampler shuffle timeout worker_init_fn transform
    target_transform loader root""".split()


@pytest.mark.parametrize("name", DATALOADER)
def test_options_of_other_loaders_name_what_stands_for_them(name: str) -> None:
    with pytest.raises(TypeError, match=re.escape(INSTEAD[name])):
        bandwise.Loader("unix:/none", **{name: None}, **OPTIONS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name, part",
    [
        ("batchsize", "did you mean 'batch_size'"),
        ("max_megapixels", r"of its own: write daemon=bandwise.DaemonOptions\(max_megapixels="),
        ("leave_outs", r"did you mean daemon=bandwise.DaemonOptions\(leave_out="),
        ("patienc", r"did you mean transport=bandwise.Transport\(patience="),
        ("chunk", r"of its own: write replay=bandwise.ReplayBuffer\(chunk="),
        ("qqqq", "it has .*batch_size"),
    ],
)
def test_unknown_options_are_explained(name: str, part: str) -> None:
    with pytest.raises(TypeError, match=part):
        bandwise.Loader("unix:/none", **{name: 1}, **OPTIONS)  # type: ignore[arg-type]


def test_no_option_has_two_explanations() -> None:
    assert not set(INSTEAD) & set(inspect.signature(bandwise.Loader).parameters)


def give(option: str, value: Any) -> None:
    """Gives a value to an option, wherever it belongs."""
    if option == "transport":
        bandwise.Transport(value)
    elif option in MOVED:
        getattr(bandwise, MOVED[option].group)(**{MOVED[option].field: value})
    else:
        bandwise.Loader("unix:/none", **{**OPTIONS, option: value})


@pytest.mark.parametrize("option", CHOICES)
def test_wrong_words_are_answered_with_the_right_ones(option: str) -> None:
    for wrong in ("nonsense", 5, b"f32", object()):
        with pytest.raises(bandwise.JobError, match=f"must be one of '{CHOICES[option][0]}'.*, not {re.escape(repr(wrong))}"):
            give(option, wrong)


class Named:
    """As numpy and jax have element types; torch prints its own like this."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


@pytest.mark.parametrize("value", ["float32", Named("torch.float32"), "f32"])
def test_element_types_go_by_every_name(address: str, value: Any) -> None:
    with bandwise.Loader(address, dtype=value, **OPTIONS) as run:
        assert next(iter(run)).images.dtype == "float32"


def test_numpy_types_are_element_types(address: str) -> None:
    numpy = pytest.importorskip("numpy")
    for value in (numpy.uint8, numpy.dtype("uint8")):
        with bandwise.Loader(address, dtype=value, **OPTIONS) as run:
            assert next(iter(run)).images.dtype == "uint8"


@pytest.mark.parametrize(
    "options",
    [
        {"seed": "x"},
        {"epochs": "many"},
        {"batch_size": 2**40},
        {"batch_size": 2**31, "accumulate": 2**31, "rank": 0, "world_size": 4},
        {"curriculum": 5},
        {"recipe": 5},
        {"daemon": "x"},
        {"dataset": 5},
        {"transport": 5},
        {"device": 5},
        {"span": 5},
        {"bad_samples": "zero"},
        {"replay": (1, 2, 3)},
    ],
)
def test_wrong_values_name_their_option(address: str, options: Dict[str, Any]) -> None:
    with pytest.raises((TypeError, bandwise.JobError), match=next(iter(options))):
        bandwise.Loader(address, **{**OPTIONS, **options})


@pytest.mark.parametrize(
    "group, options",
    [
        (Transport, {"patience": -1}),
        (Transport, {"patience": float("nan")}),
        (Transport, {"prefetch": 2**40}),
        (Transport, {"prefetch": "8"}),
        (BadSamples, {"max_bad_fraction": 2}),
        (Span, {"from_step": -1}),
        (Span, {"steps": 1.5}),
        (ReplayBuffer, {"chunk": -1}),
        (DaemonOptions, {"threads": 0}),
    ],
)
def test_groups_refuse_wrong_values(group: Any, options: Dict[str, Any]) -> None:
    (name, value), = options.items()
    with pytest.raises((TypeError, bandwise.JobError), match=f"{name} must be .*, not {re.escape(repr(value))}"):
        group(**options)


def test_files_are_named_with_their_lines(address: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    for option in ("curriculum", "recipe"):
        file.write_text('name = "x"\nwrong = 1\n')
        with pytest.raises(bandwise.JobError, match=r"mine\.toml: line 2: .*wrong") as raised:
            bandwise.Loader(address, **{**OPTIONS, option: file})
        assert 'name = "x"' not in str(raised.value)


def test_a_curriculum_takes_the_name_of_its_file(address: str, tmp_path: Path) -> None:
    file = tmp_path / "halves.toml"
    file.write_text("[[stage]]\nshare = 1\nbandwidth = 64\nmagnitude = 0\n")
    with bandwise.Loader(address, **{**OPTIONS, "curriculum": file}) as run:
        assert run.plan.curriculum == "halves"


def test_short_runs_are_warned_of(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with bandwise.Loader(address, batch_size=2, curriculum="efficienttrain", epochs=3, device=Device(arrays="raw")) as run:
        assert len(run.plan.warnings) == 2
    assert "get no steps" in caplog.text and "warm-up" in caplog.text
    caplog.clear()
    with bandwise.Loader(address, **OPTIONS) as run:
        assert run.plan.warnings == () and not caplog.records


def test_advice_is_not_what_is_set_already(tmp_path: Path, home: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/0.jpg").touch()
    with pytest.raises(bandwise.BadSampleError) as raised:
        list(bandwise.Loader(tmp_path, bad_samples=BadSamples(max_bad_fraction=1), **OPTIONS))
    assert 'on_bad_sample="substitute"' not in str(raised.value) and "repair" in str(raised.value)


def test_names_in_help_are_those_of_the_daemon(address: str) -> None:
    described = _native.describe([address], "", 60.0)
    help_text = bandwise.Loader.__doc__ or ""
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text()
    for names, option in ((described["curricula"], "curriculum"), (described["recipes"], "recipe")):
        section = re.search(rf"\n    {option}:\n(.*?)\n    \w+:\n", help_text, re.DOTALL)
        assert section is not None
        assert set(re.findall(r"``([a-z+0-9-]+)``", section.group(1))) == set(names)
        for used in re.findall(rf'{option}="([^"]+)"', help_text + readme):
            assert used in names or used.endswith(".toml") or used.isupper(), used
    for named in re.findall(r"efficienttrain\+*-[a-z-]+", help_text + readme):
        assert named in described["curricula"], named


def literals(function: Any) -> Dict[str, Tuple[str, ...]]:
    """The options of a function whose type is a list of words, as type checkers see them."""
    found: Dict[str, Tuple[str, ...]] = {}
    for option, hint in get_type_hints(function).items():
        parts = [hint, *get_args(hint)]
        words = [get_args(part) for part in parts if get_origin(part) is Literal]
        if words:
            found[option] = words[0]
    return found


def test_types_name_exactly_the_words_that_are_accepted() -> None:
    seen = literals(bandwise.Loader.__init__)
    assert {option: set(words) for option, words in seen.items()} == {
        option: set(CHOICES[option]) for option in ("layout", "fidelity", "low_frequency", "transport")
    }
    assert set(literals(Transport)["kind"]) == set(CHOICES["transport"])
    for group, options in [(Transport, ["priority"]), (Device, ["arrays"]), (Span, ["loop"]),
                           (BadSamples, ["on_bad_sample", "on_unreadable"])]:
        for option in options:
            assert set(literals(group)[option]) == set(CHOICES[option]), option


def test_help_names_exactly_the_words_that_are_accepted() -> None:
    for described, options in [
        (bandwise.Loader, {"dtype": "dtype", "layout": "layout", "fidelity": "fidelity", "low_frequency": "low_frequency",
                           "transport": "transport"}),
        (Transport, {"kind": "transport", "priority": "priority"}),
        (Device, {"dtype": "device_dtype", "arrays": "arrays"}),
        (BadSamples, {"on_bad_sample": "on_bad_sample", "on_unreadable": "on_unreadable"}),
        (Span, {"loop": "loop"}),
        (DaemonOptions, {"splits": "splits", "replay_shortage": "replay_shortage"}),
    ]:  # fmt: skip
        words = {**CHOICES, **DAEMON_CHOICES}
        parts = re.split(r"\n    (\w[\w, ]*):\n", described.__doc__ or "")
        sections = dict(zip(parts[1::2], parts[2::2]))
        for option, key in options.items():
            named = set(re.findall(r"``([a-z0-9]+)``", sections[option]))
            missing, others = set(words[key]) - named, named - set(words[key]) - MENTIONED
            assert not missing and not others, (described, option, missing, others)


MENTIONED = {"autocast", "break", "val", "train", "test", "f32", "f16", "eval", "for", "u8"}
"""Other words in the help of these options."""


def test_the_daemon_has_the_words_of_its_options(tmp_path: Path) -> None:
    for option, words in DAEMON_CHOICES.items():
        file = tmp_path / "bandwise.toml"
        line = f'{option} = "nonsense"\n'
        dataset = f'[[dataset]]\nname = "x"\npath = "{tmp_path}"\n'
        file.write_text(dataset + line if option == "splits" else line + dataset)
        told = subprocess.run([_daemon.binary(), "serve", "--config", file], stderr=subprocess.PIPE, text=True).stderr
        assert f"{option} must be {' or '.join(words)}, not 'nonsense'" in told


def test_each_part_of_a_message_is_said_once(tmp_path: Path, photos: Path) -> None:
    said = {
        "no.toml": {"curriculum": str(tmp_path / "no.toml")},
        "efficienttrain+,": {"curriculum": "efficienttrain+,"},
        "evall": {"recipe": "evall"},
        "nwhc": {"layout": "nwhc"},
    }
    for word, options in said.items():
        with pytest.raises(bandwise.JobError) as raised:
            bandwise.Loader(photos, **{**OPTIONS, **options})
        assert str(raised.value).count(word) == 1, raised.value


def test_ranges_are_written_out(photos: Path) -> None:
    with pytest.raises(bandwise.JobError, match="patience must be from 0 to 31536000, not -1"):
        Transport(patience=-1)
    with pytest.raises(bandwise.JobError, match="seed must be from 0 to 18446744073709551615, not -1"):
        bandwise.Loader(photos, seed=-1, **OPTIONS)


def test_a_recipe_file_without_a_name_has_its_own(tmp_path: Path, photos: Path) -> None:
    operations = ['name = "center_crop"', 'name = "normalize"', 'name = "low_frequency"\nmethod = "fourier"']
    (tmp_path / "mine.toml").write_text("".join(f"[[operation]]\n{operation}\n" for operation in operations))
    with bandwise.Loader(photos, **{**OPTIONS, "recipe": tmp_path / "mine.toml"}) as run:
        assert run.plan.recipe == "mine"
