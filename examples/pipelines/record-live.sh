#!/bin/sh
# Records live video and audio in hourly files that survive a crash, and tells how the stream is doing.
#
# record-live.sh FOLDER [SECONDS-PER-FILE]     Ctrl-C ends the last file properly.
#
# The test sources stand for a camera and a microphone: put v4l2src and pulsesrc in their places. Every file is written as
# part-….recording.mkv and gets its name when it is complete; after a crash, `gst-steady recover FOLDER` finds the last one.
# SOURCES="num-buffers=90" in the environment ends the video after 90 frames (and the recording with it).
# splitmuxsink uses the factories with async-finalize only, and takes enumerations as numbers: on-exists=2 is "number".
set -eu
folder=${1:?usage: record-live.sh FOLDER [SECONDS-PER-FILE]}
seconds=${2:-3600}
mkdir -p "$folder"
# shellcheck disable=SC2086 # SOURCES is a list of words
exec gst-launch-1.0 -e -m \
    splitmuxsink name=split async-finalize=true muxer-factory=matroskamux sink-factory=crashsafesink \
        sink-properties="properties,on-exists=2" \
        location="$folder/part-%05d.mkv" max-size-time="${seconds}000000000" \
    videotestsrc is-live=true ${SOURCES:-} ! video/x-raw,width=640,height=360,framerate=30/1 \
        ! bufferhealth name=video ! queue ! x264enc tune=zerolatency key-int-max=30 ! h264parse ! split.video \
    audiotestsrc is-live=true samplesperbuffer=1600 ${SOURCES:-} ! audio/x-raw,rate=48000,channels=2 \
        ! bufferhealth name=audio ! queue ! opusenc ! split.audio_0
