#!/usr/bin/env python3
"""Writes tempi.tsv: the tempo of each recording by two trackers that are not ours and never shipped.

usage: /usr/bin/python3 -m venv --system-site-packages VENV && VENV/bin/pip install librosa 'numpy<2'
       VENV/bin/python tempi.py FOLDER >tempi.tsv

FOLDER is where supertux-data, neverball-common, lincity-ng-data, extremetuxracer-data and frozen-bubble-data are
installed: /usr/share/games, or the same within a folder into which they were unpacked. Needs ffmpeg, aubio
(Debian's python3-aubio, which only Debian's Python finds and which in Debian 12 crashes with NumPy 2) and librosa (from PyPI).
It takes some ten seconds a recording. Both trackers give beats; the tempo is that of the mean step between these,
steps that are a tenth off the median left out, since either rounds its own tempo to a grid.
"""

import pathlib
import subprocess
import sys

import aubio
import librosa
import numpy

MUSIC = ["supertux2/music", "neverball/bgm", "lincity-ng/music", "etr/music", "frozen-bubble/snd"]
# What is shorter is a jingle.
SHORTEST = 20


def decoded(path, rate):
    command = ["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(rate), "-f", "f32le", "-"]
    return numpy.frombuffer(subprocess.run(command, stdout=subprocess.PIPE).stdout, numpy.float32)


def tempo(beats):
    steps = numpy.diff(beats)
    if len(steps) < 3:
        return 0.0
    steps = steps[abs(steps / numpy.median(steps) - 1) < 0.1]
    return 60 / steps.mean()


def by_aubio(path):
    samples = decoded(path, 44100)
    tracker = aubio.tempo("default", 1024, 512, 44100)
    hops = (samples[i : i + 512] for i in range(0, len(samples) - 512, 512))
    return tempo([tracker.get_last_s() for hop in hops if tracker(hop)[0]])


def by_librosa(path):
    return tempo(librosa.beat.beat_track(y=decoded(path, 22050), sr=22050, units="time")[1])


root = pathlib.Path(sys.argv[1])
print("# recording\taubio %s\tlibrosa %s" % (aubio.version, librosa.__version__))
for folder in MUSIC:
    for path in sorted((root / folder).rglob("*.ogg")):
        if len(decoded(path, 8000)) >= SHORTEST * 8000:
            print("%s\t%.1f\t%.1f" % (path.relative_to(root), by_aubio(path), by_librosa(path)), flush=True)
