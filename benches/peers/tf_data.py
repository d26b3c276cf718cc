"""tf.data with TensorFlow's fused decoding of a crop, in this process or through tf.data service.

It is fast with its own defaults, so it keeps them: the JPEG decoder's faster inverse DCT, a bicubic resize without
antialiasing. With `--service yes` a second process does the work, as a tf.data worker beside a trainer does.
"""

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import tensorflow as tf
from tensorflow.data.experimental import service

import meter

AHEAD = 2
"""Batches that are made ahead."""


def decode(path):
    # A frame's size stands for it: frames of different sizes make no batch.
    return tf.shape(tf.io.decode_jpeg(tf.io.read_file(path), channels=3))


def crop(path):
    data = tf.io.read_file(path)
    shape = tf.io.extract_jpeg_shape(data)
    whole = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])
    begin, size, _ = tf.image.sample_distorted_bounding_box(
        shape, whole, min_object_covered=0.0, area_range=(0.08, 1.0),
        aspect_ratio_range=(3 / 4, 4 / 3), max_attempts=10, use_image_if_no_bounding_boxes=True,
    )  # fmt: skip
    window = tf.concat([begin[:2], size[:2]], axis=0)
    image = tf.io.decode_and_crop_jpeg(data, window, channels=3)
    image = tf.image.resize(image, (meter.SIDE, meter.SIDE), method="bicubic")
    image = tf.image.random_flip_left_right(image)
    return tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)


def dataset(options, address):
    files = meter.files(options.corpus)
    data = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files)).repeat()
    data = data.map({"decode": decode, "crop": crop}[options.work], num_parallel_calls=options.workers)
    data = data.batch(options.batch, drop_remainder=True)
    if address:
        # Compression costs the time of the same cores; on one host it saves nothing.
        data = data.apply(service.distribute("parallel_epochs", address, compression=None))
    data = data.prefetch(AHEAD)
    threads = tf.data.Options()
    threads.deterministic = False
    threads.threading.private_threadpool_size = options.workers
    return data.with_options(threads)


def serve():
    """A dispatcher and a worker, which end with the process's standard input."""
    dispatcher = service.DispatchServer()
    address = dispatcher.target.split("://")[1]
    worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
    print(address, flush=True)
    sys.stdin.read()
    del worker, dispatcher
    # TensorFlow's servers wait for ever for clients that have gone.
    os._exit(0)


def measure(options, address):
    batches = (len(batch) for batch in dataset(options, address))
    warm_up = 2 * AHEAD + 2 if address else AHEAD + 1
    rate = meter.rate(batches, options.seconds, warm_up)
    how = ", a second process" if address else ""
    threads = f"{options.workers} threads, {warm_up} batches dropped"
    output = {"decode": "u8 HWC, fast IDCT", "crop": "u8 NHWC, fast IDCT, no antialiasing"}[options.work]
    meter.report(rate, output, f"TensorFlow {tf.__version__}{how}, {threads}")


def main():
    if sys.argv[1:] == ["serve"]:
        return serve()
    options = meter.arguments(__doc__, ("decode", "crop"), service=("no", "yes"))
    if options.service == "no":
        return measure(options, None)
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            measure(options, server.stdout.readline().strip())
        finally:
            server.stdin.close()


if __name__ == "__main__":
    main()
