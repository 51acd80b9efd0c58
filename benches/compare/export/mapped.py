"""Runs a pipeline whose `pictures`, an appsrc, come from a mapped file, so that none is copied on its way to the encoder.

usage: mapped.py FILE CAPS PIPELINE
"""
import itertools
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst

# What the interpreter has taken so far is not the pipeline's.
print("ready", flush=True)
Gst.init(None)
path, caps, line = sys.argv[1:]
caps = Gst.Caps.from_string(caps)
width, height, fps = (caps.get_structure(0).get_value(name) for name in ("width", "height", "framerate"))
# I420 without padding, as it is where four divide the width and two the height.
size = width * height * 3 // 2
pictures = GLib.MappedFile.new(path, False).get_bytes()
numbers = itertools.count()
pipeline = Gst.parse_launch(line)
source = pipeline.get_by_name("pictures")
source.set_property("caps", caps)
source.set_property("format", Gst.Format.TIME)


def time_of(n):
    return n * fps.denom * Gst.SECOND // fps.num


def push(source, _):
    n = next(numbers)
    if n * size >= pictures.get_size():
        source.emit("end-of-stream")
        return
    picture = Gst.Buffer.new_wrapped_bytes(pictures.new_from_bytes(n * size, size))
    picture.pts, picture.duration = time_of(n), time_of(n + 1) - time_of(n)
    source.emit("push-buffer", picture)


source.connect("need-data", push)
pipeline.set_state(Gst.State.PLAYING)
end = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
if end.type == Gst.MessageType.ERROR:
    sys.exit(str(end.parse_error()))
