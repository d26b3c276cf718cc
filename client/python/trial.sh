#!/bin/sh
# Writes TRIAL.md: the first ten minutes with the package, in a virtual environment of its own, as they are.
#
# usage: make wheel && client/python/trial.sh PYTHON        a PYTHON that has torch; a minute
#
# Everything is run in a new folder, of which no path gets into the transcript.

set -eu
cd "$(dirname "$0")/../.."
python=${1:?usage: client/python/trial.sh PYTHON}
top=$PWD
wheel=$(ls "$top"/target/wheels/*.whl)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME="$work/home" XDG_CACHE_HOME="$work/home/.cache" TMPDIR="$work/tmp" PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p "$HOME" "$TMPDIR"

# ImageNet as it comes, in small: train sorted into classes, val flat.
for photo in "$top"/server/assets/photos/*/*.jpg; do
    class=$(basename "$(dirname "$photo")")
    mkdir -p "$work/imagenet/train/$class" "$work/imagenet/val"
    cp "$photo" "$work/imagenet/train/$class/"
    cp "$photo" "$work/imagenet/val/"
done
"$python" -m venv --system-site-packages "$work/env"
PATH="$work/env/bin:$PATH"
cd "$work"

# Shortens the paths of this machine.
anonymous() {
    sed -e "s#$work/#/data/#g" -e "s#unix:[^ ,)]*/socket#unix:/data/tmp/bandwise/socket#g"
}

run() {
    printf '```console\n$ %s\n' "$1"
    { sh -c "$1" 2>&1 || printf '(exit code %s)\n' $?; } | anonymous
    printf '```\n\n'
}

# script NAME: the lines on standard input, shown and run.
script() {
    sed "s#/data/#$work/#g" >"$1"
    printf '`%s`:\n\n```python\n' "$1"
    anonymous <"$1"
    printf '```\n\n'
    run "python $1"
}

transcript() {
    cat <<'END'
# The first ten minutes

A transcript, written by [`trial.sh`](trial.sh): the wheel in an empty virtual environment, a folder shaped like ImageNet as it
comes (`train` sorted into classes, `val` flat), and the loop that everybody writes. Nothing was left out; paths are shortened.

END
    run "pip install --quiet $(printf %s "$wheel" | sed 's#.*/#wheels/#') && bandwise --version"
    printf '## What is in the folder\n\n'
    run "bandwise check imagenet"
    printf '## A habitual training loop, with a float32 model\n\n'
    script train.py <<'END'
import logging, torch, bandwise

logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
loader = bandwise.Loader("/data/imagenet", dataset="train", epochs=12, batch_size=4, seed=0)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 7, 4), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(12):
    for images, labels in loader:
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: {tuple(images.shape)} {images.dtype}, labels {labels[:8].tolist()}, loss {loss.item():.2f}")
END
    printf '## Validation\n\n'
    script validate.py <<'END'
import bandwise

try:
    bandwise.Loader("/data/imagenet", dataset="val", curriculum="none", recipe="eval", batch_size=4)
except bandwise.JobError as error:
    print(error)
loader = bandwise.Loader("/data/imagenet", dataset="train", curriculum="none", recipe="eval", batch_size=5)
for epoch in range(2):
    print(epoch, [len(labels) for images, labels in loader])
END
    printf '## A file breaks, and is repaired\n\n'
    script broken.py <<'END'
import logging, bandwise

logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
file = "/data/imagenet/train/nature/cat.jpg"

def total():
    with bandwise.Loader("/data/imagenet/train", curriculum="none", recipe="eval", batch_size=4) as loader:
        return sum(float(images.double().sum()) for images, labels in loader)

whole = open(file, "rb").read()
print("before:  ", total())
open(file, "wb").write(whole[:5000])
print("broken:  ", total())
open(file, "wb").write(whole)
print("repaired:", total())
END
    printf '## Resuming\n\n'
    script resume.py <<'END'
import logging, torch, bandwise

logging.basicConfig(level=logging.ERROR)

def loader():
    return bandwise.Loader("/data/imagenet/train", epochs=12, batch_size=4, seed=0)

def rest(run):
    first = run.plan.epoch_of(run.state_dict()["step"])
    return [float(images.double().sum()) for epoch in range(first, run.plan.epochs) for images, labels in run]

whole = rest(loader())
begun, seen = loader(), []
for images, labels in begun:
    seen.append(float(images.double().sum()))
    if len(seen) == 2:
        break
torch.save(begun.state_dict(), "state.pt")
begun.close()

resumed = loader()
resumed.load_state_dict(torch.load("state.pt"))
seen += rest(resumed)
print(len(whole), "steps, equal after resuming:", seen == whole)
END
}

mkdir wheels && cp "$wheel" wheels/
transcript >TRIAL.md
cp TRIAL.md "$top/client/python/TRIAL.md"
