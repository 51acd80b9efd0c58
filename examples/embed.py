#!/usr/bin/env python3
"""Uses the installed plugin (or the one in GST_PLUGIN_PATH) from Python: three seconds of the demo tune as a video."""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402 (the version comes first)

Gst.init(None)
pipeline = Gst.parse_launch(
    "visualrender audio-location=examples/media/demo.flac num-buffers=90 ! x264enc ! matroskamux"
    " ! crashsafesink location=embedded.mkv on-exists=replace")
pipeline.set_state(Gst.State.PLAYING)
end = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
if end.type == Gst.MessageType.ERROR:
    sys.exit(end.parse_error().gerror.message)
print("embedded.mkv")
