#!/bin/sh
# Runs every command of the README as a reader would. A comment above each block says where: in a clone, or in a
# folder with media. Expects gst-steady on the PATH and the plugin in GST_PLUGIN_PATH (see ./dev shell).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The elements' table has its own commands; they run with a sink that needs no screen.
awk -v out="$work" '
    /^<!-- run: / { where = $3; next }
    /^```sh/ { block = out "/" (++n) "-" where ".sh"; print "set -eux" > block; next }
    /^```/ { block = ""; where = "" }
    block { print > block }
    /^\| `[a-z]*` \|/ {
        split($0, cells, "|"); line = cells[4]; gsub(/^ *`|` *$/, "", line); sub(/autovideosink/, "fakevideosink sync=false", line)
        file = out "/" (++n) "-media.sh"; print "set -eux" > file; print line > file
    }' "$root/README.md"
mkdir "$work/media" "$work/bin"
# Debian's bindings for GStreamer belong to Debian's own Python, which need not come first in the PATH.
[ ! -x /usr/bin/python3 ] || ln -s /usr/bin/python3 "$work/bin/python3"
PATH="$work/bin:$PATH"
ffmpeg -v error -i "$root/examples/media/demo.flac" -t 3 "$work/media/song.flac"
ffmpeg -v error -i "$work/media/song.flac" "$work/media/talk.mp3"
ran=0
for block in $(find "$work" -name '*.sh' | sort -V); do
    case $block in
        *-repository.sh) (cd "$root" && sh "$block") ;;
        *-media.sh) (cd "$work/media" && sh "$block") ;;
        *-by.sh) continue ;; # ./dev test runs those itself
        *) echo "a block of commands that does not say where it runs: $(cat "$block")" >&2; exit 1 ;;
    esac
    ran=$((ran + 1))
done
# The table's lines contain a bar that would end the cell early.
[ "$ran" -ge 7 ] || { echo "only $ran blocks of commands found" >&2; exit 1; }
for file in song.mp4 talk.webm cuts.mp4 out.mkv video.mp4; do
    ffprobe -v error "$work/media/$file" || exit 1
done
[ ! -e "$work/media/clip.mp4" ]
rm -f "$root/embedded.mkv"
# The table of frame counts is what its script prints today. What the peer counts depends on the versions of GStreamer and of ffmpeg's
# encoders: the README's row is that of 1.22.
"$root/benches/compare/frames/run" >"$work/table"
case $(gst-launch-1.0 --version) in
    *"version 1.22."*) ;;
    *) sed -i '/^| wavescope /d' "$work/table" ;;
esac
grep -q '^| visualrender ' "$work/table"
while read -r row; do
    grep -qxF "$row" "$root/README.md" || { echo "the README's table of frame counts lacks: $row" >&2; exit 1; }
done <"$work/table"
echo "$ran blocks ran"
