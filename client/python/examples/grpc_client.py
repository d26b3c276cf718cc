"""Batches over plain gRPC, with nothing but stubs generated from the contract: a pattern for any language or framework.

    pip install grpcio grpcio-tools numpy
    python -m grpc_tools.protoc -I proto/bandwise/v1 --python_out . --grpc_python_out . loader.proto
    PYTHONPATH=. python client/python/examples/grpc_client.py unix:/run/bandwise.sock --epochs 1 --batch-size 64

A batch is a pure function of the job, the step and the rows. So it may be requested ahead, from any daemon, and again
(worth it after UNAVAILABLE and DEADLINE_EXCEEDED). It comes in parts of at most 1 MiB: default message limits do.
"""

import argparse
import collections
import hashlib
import itertools
import json
from typing import Any, Dict, Iterator, Optional, Tuple

import grpc
import loader_pb2 as pb
import loader_pb2_grpc
import numpy

IN_FLIGHT = 6
"""Batches requested and not yet received, which the daemon may make ahead."""

# numpy has no bfloat16, so those come as their bits.
DTYPES = {pb.DTYPE_U8: "u1", pb.DTYPE_F16: "<f2", pb.DTYPE_BF16: "<u2", pb.DTYPE_F32: "<f4", pb.DTYPE_I64: "<i8"}


def rows_of(stage: Any, step: int) -> int:
    """Rows of a step of a stage: fewer in the last one of an epoch, where the tail is kept."""
    behind = step - stage.first_step - stage.first_epoch_steps
    if behind < 0:
        return int(stage.first_epoch_last_step_rows if behind == -1 else stage.global_batch)
    return int(stage.last_step_rows if (behind + 1) % stage.steps_per_epoch == 0 else stage.global_batch)


def whole(parts: Iterator[Any]) -> Tuple[Any, Dict[str, Any]]:
    """What a batch is, and its tensors by name, put together out of its parts."""
    header = next(parts).header
    data = numpy.empty(sum(tensor.byte_length for tensor in header.tensors), numpy.uint8)
    received = 0
    for part in parts:
        data[part.offset : part.offset + len(part.data)] = numpy.frombuffer(part.data, numpy.uint8)
        received += len(part.data)
    if received != len(data):
        raise ValueError(f"step {header.step} is incomplete: {received} of {len(data)} bytes came")
    ends = list(itertools.accumulate(tensor.byte_length for tensor in header.tensors))
    pieces = {tensor.name: data[end - tensor.byte_length : end] for tensor, end in zip(header.tensors, ends)}
    return header, {t.name: pieces[t.name].view(DTYPES[t.dtype]).reshape(t.shape) for t in header.tensors}


def dataset_of(address: str) -> str:
    """The first dataset that a daemon serves."""
    with grpc.insecure_channel(address) as channel:
        return str(loader_pb2_grpc.LoaderStub(channel).Describe(pb.DescribeRequest()).datasets[0].name)


def share_of(stage: Any, rows: int, rank: int, world_size: int) -> Tuple[int, int]:
    """The rows of a step that a rank gets: whole groups, of which the first ranks have one more where they do not divide."""
    group = max(stage.row_granularity, 1)
    least, longer = divmod(rows // group, world_size)
    first = rank * least + min(rank, longer)
    return first * group, (first + least + (rank < longer)) * group


def batches(
    address: str, job: Any, rank: int = 0, world_size: int = 1, steps: Optional[int] = None
) -> Iterator[Tuple[Any, Dict[str, Any]]]:
    """The batches of a rank in the order of steps: all of the plan, or the first ``steps``."""
    with grpc.insecure_channel(address) as channel:
        loader = loader_pb2_grpc.LoaderStub(channel)
        plan = loader.Plan(pb.PlanRequest(job=job))

        def ask() -> Iterator[Any]:
            for stage in plan.stages:
                for step in range(stage.first_step, stage.first_step + stage.steps):
                    first, end = share_of(stage, rows_of(stage, step), rank, world_size)
                    if first < end:
                        place = {"step": step, "first_row": first, "rows": end - first}
                        request = pb.GetBatchRequest(job=job, expected_fingerprint=plan.fingerprint, **place)
                        yield loader.GetBatch(request)

        calls = itertools.islice(ask(), steps)
        in_flight = collections.deque(itertools.islice(calls, IN_FLIGHT))
        while in_flight:
            # A call is sent when it is made and received when it is read.
            parts = in_flight.popleft()
            in_flight.extend(itertools.islice(calls, 1))
            yield whole(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the digest of every batch, as `bandwise pull --digest` does.")
    parser.add_argument("address", help="unix:PATH or HOST:PORT")
    parser.add_argument("--steps", type=int, help="default: all of the plan")
    texts, numbers = {"dataset": "", "curriculum": "efficienttrain++", "recipe": ""}, {"rank": 0, "world-size": 1}
    for name, default in {**texts, "epochs": 1.0, "batch-size": 64, **numbers, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"default: {default or 'none'}")
    args = parser.parse_args()
    job = pb.Job(
        datasets=[pb.DatasetShare(name=args.dataset or dataset_of(args.address))],
        curriculum_name=args.curriculum,
        recipe_name=args.recipe or None,
        epochs=args.epochs,
        global_batch=args.batch_size * args.world_size,
        seed=args.seed,
    )
    for header, tensors in batches(args.address, job, args.rank, args.world_size, args.steps):
        sha256 = hashlib.sha256(tensors["images"]).hexdigest()
        print(json.dumps({"step": header.step, "bandwidth": header.bandwidth, "sha256": sha256}), flush=True)


if __name__ == "__main__":
    main()
