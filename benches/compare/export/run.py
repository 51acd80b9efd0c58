#!/usr/bin/env python3
"""Audio to H.264 at 1280x720@30: visualrender and adaptivequeue against GStreamer's own wavescope, alternating.

Both feed the same x264enc. Wavescope delivers too many frames, so times are divided by the frames delivered.
Needs gst-launch-1.0 and ffprobe, and the plugin in GST_PLUGIN_PATH (`./dev bench export` sees to it).
usage: run.py [ROUNDS] [AUDIO]
"""
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CAPS = "video/x-raw,width=1280,height=720,framerate=30/1"
ENCODE = "x264enc speed-preset=veryfast pass=qual quantizer=20 key-int-max=120 ! h264parse"


def pipelines(audio):
    yield "wavescope", (f"filesrc location={shlex.quote(audio)} ! decodebin ! audioconvert ! wavescope ! {CAPS} ! videoconvert"
                        f" ! {ENCODE} ! matroskamux ! filesink location=%s")
    for scene in ("cover-pulse", "bars-mirror"):
        yield scene, (f"visualrender audio-location={shlex.quote(audio)} scene={scene} ! {CAPS} ! adaptivequeue ! videoconvert"
                      f" ! video/x-raw,format=I420 ! {ENCODE} ! adaptivequeue role=encoder ! matroskamux"
                      " ! crashsafesink on-exists=replace location=%s")


def measure(description, folder):
    out = os.path.join(folder, "out.mkv")
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(["gst-launch-1.0", "-q", "-e"] + shlex.split(description % out), check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    probe = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-count_packets", "-show_entries", "stream=nb_read_packets",
                            "-of", "csv=p=0", out], check=True, capture_output=True, text=True)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"frames": int(probe.stdout.strip().strip(",")), "wall": wall, "cpu": cpu, "bytes": os.path.getsize(out)}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 2:
            audio = os.path.abspath(sys.argv[2])
        else:
            audio = os.path.join(folder, "tune.flac")
            demo = os.path.join(HERE, "../../../examples/media/demo.flac")
            subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "1", "-i", demo, audio], check=True)
        for _ in range(rounds):
            for name, description in pipelines(audio):
                runs.setdefault(name, []).append(measure(description, folder))

    def median(name, figure):
        return statistics.median(run[figure] / run["frames"] for run in runs[name])

    table = []
    print(f"{'':12} {'frames':>7} {'ms/frame':>9} {'CPU ms':>7} {'kB/frame':>9} {'speed':>7} {'CPU':>6}   (ratios to wavescope, per delivered frame)")
    for name in runs:
        row = {
            "name": name, "frames": runs[name][0]["frames"], "ms_per_frame": 1000 * median(name, "wall"),
            "cpu_ms_per_frame": 1000 * median(name, "cpu"), "kb_per_frame": median(name, "bytes") / 1000,
            "speed_ratio": median("wavescope", "wall") / median(name, "wall"), "cpu_ratio": median(name, "cpu") / median("wavescope", "cpu"),
        }
        table.append(row)
        print(f"{name:12} {row['frames']:7} {row['ms_per_frame']:9.2f} {row['cpu_ms_per_frame']:7.2f} {row['kb_per_frame']:9.2f}"
              f" {row['speed_ratio']:6.2f}x {row['cpu_ratio']:5.2f}x")
    print(json.dumps({"rounds": rounds, "results": table, "runs": runs}))


main()
