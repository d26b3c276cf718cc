"""What is measured: the sections of the report and their subjects. Add a peer here."""

import dataclasses

STAGES = ((96, 1), (160, 3), (192, 7), (224, 9))
"""Bandwidths and magnitudes of EfficientTrain++ (and its variant for DeiT): a stage of each size."""

END_STAGES = (96, 224)
"""Sides at which DALI's own RandAugment is measured, and what shares torchvision's: the cheapest and the dearest."""

FAST_STAGES = (96, 160)


@dataclasses.dataclass(frozen=True)
class Subject:
    """One bar: a process that is started anew in each round."""

    name: str = dataclasses.field(compare=False)
    """In its section; the same measurement may have another one elsewhere."""
    program: str
    """A script of this folder; or `loops`, the program of ours."""
    environment: str | None
    """The virtual environment of the script; none for what needs only the standard library."""
    arguments: tuple[str, ...]
    cores: int
    ours: bool = False

    @property
    def is_peer(self):
        return not self.ours and self.program != "loops"


@dataclasses.dataclass(frozen=True)
class Section:
    """One table. `base` is the subject that the others are divided by, `daemon` the one that is divided by them."""

    title: str
    subjects: tuple[Subject, ...]
    base: str
    daemon: str | None = None
    text: str = ""

    def of_names(self, parts):
        """The section with only those subjects whose name holds one of the parts, whatever their case."""
        kept = (subject for subject in self.subjects if any(part.lower() in subject.name.lower() for part in parts))
        return dataclasses.replace(self, subjects=tuple(kept))


def sections(cores):
    """All sections, on `cores` cores."""
    return [decode(cores), crop(cores), *(stage(cores, *of) for of in STAGES), fourier(cores), scaling(cores)]


def peer(name, program, environment, cores, *arguments):
    return Subject(name, program, environment, arguments, cores)


def bare(name, which, cores):
    return Subject(name, "loops", None, ("--loop", which), cores)


def ours(name, cores, *arguments):
    return Subject(name, "bandwise_daemon.py", None, arguments, cores, ours=True)


TIMM = ("timm reference", "timm_reference.py", "torch")
PILLOW_SIMD = ("timm on Pillow-SIMD", "timm_reference.py", "pillow_simd")
TORCHVISION = ("torchvision v2", "torchvision_v2.py", "torch")
TORCHCODEC = ("TorchCodec", "torchcodec_v2.py", "torchcodec")
LITDATA = ("LitData", "litdata_stream.py", "litdata")
DATAGO = ("datago", "datago_folder.py", "datago")
WHOLE = "libjpeg-turbo, bare loop"


def decode(cores):
    work = ("--work", "decode")
    subjects = (
        bare(WHOLE, "whole-frames", cores),
        peer("tf.data", "tf_data.py", "tf", cores, *work),
        peer("DALI", "dali_cpu.py", "dali", cores, *work),
        peer(*TORCHVISION, cores, *work),
        peer(*TORCHCODEC, cores, *work),
        peer("timm reference (Pillow)", "timm_reference.py", "torch", cores, *work),
        peer(*PILLOW_SIMD, cores, *work),
        peer(*DATAGO, cores, *work),
        peer("SPDL", "spdl_loader.py", "spdl", cores, *work),
    )
    return Section("Decoding whole frames", subjects, WHOLE, text="Every frame to RGB, and then thrown away.")


def crop(cores):
    work = ("--work", "crop")
    daemon = "bandwise"
    subjects = (
        bare(WHOLE, "whole-frames", cores),
        bare("our decode and resize, bare loop", "crop-and-resize", cores),
        ours(daemon, cores, *work),
        ours("bandwise, first epoch", cores, *work, "--seek-points", "made"),
        ours("bandwise without seek points", cores, *work, "--seek-points", "none"),
        peer("tf.data", "tf_data.py", "tf", cores, *work),
        peer("tf.data service", "tf_data.py", "tf", cores, *work, "--service", "yes"),
        peer("FFCV (JPEG)", "ffcv_jpeg.py", "ffcv", cores, *work),
        peer("DALI, linear", "dali_cpu.py", "dali", cores, *work, "--filter", "linear"),
        peer("DALI, cubic", "dali_cpu.py", "dali", cores, *work, "--filter", "cubic"),
        peer(*TORCHVISION, cores, *work),
        peer(*TORCHCODEC, cores, *work),
        peer(*LITDATA, cores, *work),
        peer(*TIMM, cores, *work),
        peer(*PILLOW_SIMD, cores, *work),
        peer(*DATAGO, cores, *work),
        peer("SPDL", "spdl_loader.py", "spdl", cores, *work),
    )
    text = "Random crop, resize to 224, flip; batches of u8. The loops are ceilings: libjpeg-turbo only decodes, and ours has no seek points."
    return Section("Crop and resize to 224", subjects, TIMM[0], daemon, text)


def stage(cores, bandwidth, magnitude):
    work = ("--work", "stage", "--bandwidth", str(bandwidth), "--magnitude", str(magnitude))
    daemon = "bandwise, exact"
    subjects = [ours(daemon, cores, *work)]
    if bandwidth in FAST_STAGES:
        subjects.append(ours("bandwise, fast", cores, *work, "--fidelity", "fast"))
    if bandwidth in END_STAGES:
        subjects.append(peer("DALI, cubic", "dali_cpu.py", "dali", cores, *work))
        subjects += [peer(*TORCHCODEC, cores, *work), peer(*LITDATA, cores, *work)]
    subjects += [peer(*subject, cores, *work) for subject in (TORCHVISION, TIMM, PILLOW_SIMD)]
    title = f"EfficientTrain++, B = {bandwidth}, m = {magnitude}"
    text = "The full recipe: crop, flip, RandAugment, Lanczos to B, normalise, erase." if bandwidth == 96 else ""
    return Section(title, tuple(subjects), TIMM[0], daemon, text)


def fourier(cores, bandwidth=160, magnitude=3):
    work = ("--work", "stage", "--bandwidth", str(bandwidth), "--magnitude", str(magnitude))
    lanczos = "bandwise, Lanczos"
    subjects = (ours(lanczos, cores, *work), ours("bandwise, Fourier", cores, *work, "--method", "fourier"))
    text = "The same recipe with the two low-frequency methods."
    return Section(f"Fourier against Lanczos, B = {bandwidth}, m = {magnitude}", subjects, lanczos, text=text)


def scaling(cores):
    counts = [count for count in (1, 2, 4, 8, 16) if count < cores] + [cores]
    subjects = []
    for count in counts:
        subjects.append(ours(f"bandwise, {cores_of(count)}", count, "--work", "crop"))
        subjects.append(bare(f"all of a worker's work, bare loop, {cores_of(count)}", "sample", count))
    text = "Crop and resize to 224, with as many threads as cores."
    return Section("Scaling", tuple(subjects), subjects[0].name, text=text)


def cores_of(count):
    return f"{count} core" if count == 1 else f"{count} cores"
