"""The options of a loader: few flat ones, groups for the rest, and former spellings, which work and warn."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Dict, List, Set

import pytest

import bandwise
from bandwise import BadSamples, DaemonOptions, Device, Span, Transport
from bandwise._groups import GROUPS
from bandwise._moved import FLAT, MOVED
from bandwise.search import Curriculum

OPTIONS: Dict[str, Any] = {"batch_size": 2, "curriculum": "none", "recipe": "plain", "epochs": 2}

VALUES: Dict[str, Any] = {
    "device_dtype": "f16",
    "arrays": "raw",
    "prefetch": 3,
    "patience": 5.0,
    "priority": "high",
    "from_step": 2,
    "steps": 3,
    "loop": "run",
    "expect_fingerprint": "0" * 64,
    "on_bad_sample": "zero",
    "on_unreadable": "substitute",
    "max_bad_fraction": 0.5,
    "threads": 2,
}
"""A value of each former keyword, other than its default."""


def parameters() -> List[str]:
    return [name for name in inspect.signature(bandwise.Loader).parameters if name not in ("self", "address_or_path")]


def test_each_keyword_is_flat_or_a_group() -> None:
    assert sorted(parameters()) == sorted([*FLAT, *GROUPS])


def test_groups_are_frozen_and_compare_by_value() -> None:
    for group in GROUPS.values():
        assert is_dataclass(group)
        make: Any = group
        value = make()
        assert value == make()
        with pytest.raises(AttributeError):
            setattr(value, fields(group)[0].name, None)


def test_each_former_keyword_names_a_field() -> None:
    assert set(VALUES) == set(MOVED)
    for name, spelling in MOVED.items():
        group = GROUPS[spelling.option]
        assert group is getattr(bandwise, spelling.group) and spelling.field in {field.name for field in fields(group)}
        assert name not in parameters()


class Stop(Exception):
    """Ends the making of a loader where its options are known."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """What a loader asks of its daemons."""
    asked: Dict[str, Any] = {}

    def open_(self: Any, address: Any, dataset: Any, daemon: Any, expected: str) -> None:
        asked.update(job=self.job, run=self.run, target=self.target, daemon=daemon, expected=expected)
        raise Stop

    monkeypatch.setattr("bandwise._backend.Backend.open", open_)
    return asked


def asked_by(opened: Dict[str, Any], **options: Any) -> Dict[str, Any]:
    opened.clear()
    with pytest.raises(Stop):
        bandwise.Loader("unix:/none", **{**OPTIONS, "dtype": "u8", **options})
    return dict(opened)


@pytest.mark.parametrize("name", [name for name in MOVED if name not in ("from_step", "steps", "loop", "device_dtype")])
def test_a_former_keyword_does_what_its_new_spelling_does(name: str, opened: Dict[str, Any]) -> None:
    spelling = MOVED[name]
    new = asked_by(opened, **{spelling.option: GROUPS[spelling.option](**{spelling.field: VALUES[name]})})
    with pytest.warns(DeprecationWarning, match=re.escape(f"{spelling.option}=bandwise.{spelling.group}({spelling.field}=")):
        old = asked_by(opened, **{name: VALUES[name]})
    assert old == new
    assert old != asked_by(opened), "the value differs from the default"


def test_former_keywords_work_with_a_daemon(address: str) -> None:
    with pytest.warns(DeprecationWarning) as warned:
        old: Dict[str, Any] = {"from_step": 2, "steps": 3, "loop": "run", "arrays": "raw"}
        run = bandwise.Loader(address, **old, **OPTIONS)
    assert [batch.step for batch in run] == [2, 3, 4]
    (warning,) = warned.list
    assert warning.filename == __file__, "it points at the caller"
    assert "write Loader(span=bandwise.Span(from_step=2, steps=3, loop='run'), device=bandwise.Device(arrays='raw'))" in str(
        warning.message
    )


def test_former_pairs_of_a_short_form_and_an_option_still_work(opened: Dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning, match=re.escape("transport=bandwise.Transport('grpc', prefetch=3)")):
        old = asked_by(opened, transport="grpc", prefetch=3)
    assert old == asked_by(opened, transport=Transport("grpc", prefetch=3))
    with pytest.warns(DeprecationWarning, match=re.escape("daemon=bandwise.DaemonOptions(..., threads=2)")):
        old = asked_by(opened, daemon=DaemonOptions(max_streams=3), threads=2)
    assert old == asked_by(opened, daemon=DaemonOptions(max_streams=3, threads=2))


def test_device_dtype_beside_a_device_still_works(opened: Dict[str, Any]) -> None:
    pytest.importorskip("torch")
    with pytest.warns(DeprecationWarning, match=re.escape("device=bandwise.Device('cpu', dtype='f16')")):
        old = asked_by(opened, device="cpu", device_dtype="f16")
    assert old == asked_by(opened, device=Device("cpu", "f16"))


@pytest.mark.parametrize("name", MOVED)
def test_old_and_new_together_are_refused(name: str) -> None:
    spelling = MOVED[name]
    group = GROUPS[spelling.option](**{spelling.field: VALUES[name]})
    message = re.escape(f"{name}= is the former spelling of {spelling}, and {spelling.option}= is given as well")
    with pytest.raises(TypeError, match=message):
        bandwise.Loader("unix:/none", **{name: VALUES[name], spelling.option: group}, **OPTIONS)


def test_short_forms_stand_for_groups(opened: Dict[str, Any]) -> None:
    assert asked_by(opened, transport="shm") == asked_by(opened, transport=Transport("shm"))
    assert asked_by(opened, device="cpu") == asked_by(opened, device=Device("cpu"))
    assert asked_by(opened, bad_samples=BadSamples(), span=Span()) == asked_by(opened)


def test_new_spellings_warn_of_nothing(opened: Dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked_by(opened, transport=Transport(prefetch=3), daemon=DaemonOptions(threads=2))


def test_a_stage_of_a_search_takes_both_spellings(address: str) -> None:
    stage = Curriculum((96, 128), (0.0, 9.0), 4.0, True).stages[1]
    with stage.loader(address, batch_size=4, span=Span(loop="epoch")) as loader:
        span = (loader._position.first, loader._position.end, loader._position.loop)
    assert span[0] > 0 and span[2] == "epoch"
    with pytest.warns(DeprecationWarning, match="span=bandwise.Span"):
        with stage.loader(address, batch_size=4, loop="epoch") as loader:
            assert (loader._position.first, loader._position.end, loader._position.loop) == span
    with pytest.raises(bandwise.JobError, match="the stage sets them"):
        stage.loader(address, batch_size=4, span=Span(from_step=1))


# ---- help ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("described", [bandwise.Loader, *GROUPS.values()])
def test_help_describes_each_option_once_and_in_order(described: Any) -> None:
    section = re.search(r"\n    Parameters\n    -+\n(.*?)(\n    Raises\n|\Z)", described.__doc__, re.DOTALL)
    assert section is not None
    named = [name for line in re.findall(r"^    (\w[\w, ]*):$", section.group(1), re.MULTILINE) for name in line.split(", ")]
    expected = [name for name in inspect.signature(described).parameters if name != "self"]
    assert named == expected


# ---- modules ------------------------------------------------------------------------------------------------


def imports(path: Path) -> Set[str]:
    """Modules of the package that a module imports, at its head, within a function or for types alone."""
    found: Set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found.update([node.module] if node.module else [name.name for name in node.names])
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    folder = Path(bandwise.__file__).parent
    graph = {path.stem: imports(path) for path in folder.glob("*.py") if path.stem != "__init__"}
    assert {"_loader", "_pass", "_loop", "_backend"} <= set(graph) and graph["_loader"]

    def walk(module: str, way: List[str]) -> None:
        assert module not in way, " -> ".join([*way, module])
        for other in sorted(graph.get(module, ())):
            walk(other, [*way, module])

    for module in graph:
        walk(module, [])
