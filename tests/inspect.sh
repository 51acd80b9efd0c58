#!/bin/sh
# inspect.sh FOLDER README: the plugin in FOLDER loads and has every element that the README's table lists.
set -eu
GST_PLUGIN_PATH=$1
GST_REGISTRY=$(mktemp)
export GST_PLUGIN_PATH GST_REGISTRY
trap 'rm -f "$GST_REGISTRY"' EXIT
# gst-inspect-1.0 exits 0 even when a plugin does not load, so its words are looked at.
inspected=$(gst-inspect-1.0 steady)
# shellcheck disable=SC2016 # backquotes of Markdown
factories=$(sed -n 's/^| `\([a-z]*\)` |.*/\1/p' "$2")
[ -n "$factories" ] || { echo "the README lists no elements"; exit 1; }
for factory in $factories; do
    printf '%s\n' "$inspected" | grep -q "^ *${factory}[: ]" || { echo "no $factory in the plugin"; exit 1; }
    gst-inspect-1.0 "$factory" >/dev/null
done
echo "all there: $(echo "$factories" | tr '\n' ' ')"
