#!/usr/bin/env python3
"""Composes demo.flac: eight bars at 120 BPM and a last chord, 18 s, stereo, 44.1 kHz. Needs only Python and ffmpeg.

The tune is original and, like the rest of the project, under MPL-2.0; the file may be given away freely.
It rises from pad to full band so that a picture of it has quiet, busy and loud moments.
"""
import array
import math
import random
import subprocess
import sys

RATE = 44_100
BEAT = 0.5  # seconds
BARS = 8
LENGTH = BARS * 4 * BEAT + 2.0
COUNT = int(LENGTH * RATE)
CHORDS = [  # MIDI notes, one chord a bar: Am9 - Fmaj7 - C - G6, twice
    (57, 60, 64, 71), (53, 57, 60, 64), (55, 60, 64, 67), (55, 59, 62, 64),
] * 2
left = array.array("d", bytes(8 * COUNT))
right = array.array("d", bytes(8 * COUNT))
rng = random.Random(7)


def hz(note):
    return 440.0 * 2 ** ((note - 69) / 12)


def add(start, seconds, pan, voice):
    """Mixes voice(t) from `start` on; pan is -1 (left) to 1 (right), of constant power."""
    first, n = int(start * RATE), int(seconds * RATE)
    gl, gr = math.cos((pan + 1) * math.pi / 4), math.sin((pan + 1) * math.pi / 4)
    for i in range(min(n, COUNT - first)):
        v = voice(i / RATE)
        left[first + i] += gl * v
        right[first + i] += gr * v


def pad(note, seconds, gain):
    f, swell = hz(note), 0.35
    def voice(t):
        env = min(t / swell, 1, (seconds - t) / 0.6)
        wobble = 1 + 0.003 * math.sin(2 * math.pi * 0.7 * t)
        p = 2 * math.pi * f * t * wobble
        return gain * max(env, 0) * (math.sin(p) + 0.4 * math.sin(2.003 * p) + 0.18 * math.sin(2.997 * p))
    return voice


def pluck(note, gain):
    f = hz(note)
    def voice(t):
        p = 2 * math.pi * f * t
        return gain * math.exp(-7 * t) * (math.sin(p) + 0.6 * math.exp(-6 * t) * math.sin(2 * p)
                                          + 0.4 * math.exp(-14 * t) * math.sin(3.01 * p) + 0.2 * math.exp(-20 * t) * math.sin(7.1 * p))
    return voice


def bass(note, seconds, gain):
    f = hz(note)
    def voice(t):
        p = 2 * math.pi * f * t
        env = min(t / 0.008, 1) * math.exp(-2.2 * t) * min((seconds - t) / 0.03, 1)
        return gain * max(env, 0) * math.tanh(1.8 * math.sin(p) + 0.5 * math.sin(2 * p))
    return voice


def kick(gain):
    def voice(t):
        phase = 2 * math.pi * (46 * t + 110 / 28 * (1 - math.exp(-28 * t)))
        return gain * math.exp(-8 * t) * math.sin(phase) * min(t / 0.001, 1)
    return voice


def noise(gain, decay, tone):
    last = 0.0
    def voice(t):
        nonlocal last
        white = rng.uniform(-1, 1)
        bright, last = white - last, white
        return gain * math.exp(-decay * t) * ((1 - tone) * bright + tone * math.sin(2 * math.pi * 190 * t))
    return voice


for bar, chord in enumerate(CHORDS):
    start = bar * 4 * BEAT
    for i, note in enumerate(chord):
        add(start, 4 * BEAT + 0.5, (-0.6, -0.2, 0.3, 0.6)[i], pad(note, 4 * BEAT + 0.5, 0.045))
    if bar >= 1:  # arpeggio in eighths, an octave up, wandering over the stereo field
        for step in range(8):
            note = chord[(0, 2, 1, 3, 2, 0, 3, 1)[step]] + (24 if step in (3, 6) else 12)
            add(start + step * BEAT / 2, 0.7, math.sin(bar * 8 + step), pluck(note, 0.13))
    if bar >= 2:
        for beat, length in ((0, 0.9), (1.5, 0.4), (2, 0.9), (3.5, 0.4)):
            add(start + beat * BEAT, length * BEAT, 0, bass(chord[0] - 24, length * BEAT, 0.24))
    if bar >= 3:
        for beat in range(4):
            add(start + beat * BEAT, 0.5, 0, kick(0.55))
            add(start + (beat + 0.5) * BEAT, 0.12, 0.35, noise(0.06, 45, 0))
    if bar >= 4:
        for beat in (1, 3):
            add(start + beat * BEAT, 0.3, -0.1, noise(0.16, 16, 0.45))
        for step in range(16):
            add(start + step * BEAT / 4, 0.06, 0.5 if step % 2 else -0.5, noise(0.025, 70, 0))
end = BARS * 4 * BEAT
for i, note in enumerate((45, 57, 60, 64, 71)):
    add(end, 2.0, (i - 2) / 3, pluck(note + 12, 0.12))
    add(end, 2.0, (2 - i) / 3, pad(note, 2.0, 0.05))
add(end, 0.6, 0, kick(0.5))

peak = max(max(map(abs, left)), max(map(abs, right)))
pcm = array.array("h", (int(round(30_000 * v / peak)) for pair in zip(left, right) for v in pair))
out = sys.argv[1] if len(sys.argv) > 1 else "demo.flac"
subprocess.run(
    ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(RATE), "-ac", "2", "-i", "-", "-compression_level", "12",
     "-metadata", "title=Steady Hands", "-metadata", "artist=gst-plugin-steady", "-fflags", "+bitexact", out],
    input=pcm.tobytes(), check=True)
