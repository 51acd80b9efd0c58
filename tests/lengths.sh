#!/bin/sh
# Makes the table in docs/lengths.md anew, on every GStreamer that is tested.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
page=docs/lengths.md
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
for suite in bookworm trixie forky; do
    # The page as it is may differ from what is measured.
    ./dev --yes shell --on "$suite" cargo test --locked --features test-harness --test command -- --nocapture lengths::every_container \
        >"$rows.$suite" || true
    grep '^| .* | 1\.' "$rows.$suite" >>"$rows"
    rm "$rows.$suite"
done
sed '/^|---|---|---|---|---|---|---|/q' "$page" >"$page.new"
# Files in the order they were measured in, versions side by side.
awk -F ' [|] ' '!($1 in at) { at[$1] = ++files } { line[at[$1]] = line[at[$1]] $0 "\n" } END { for (i = 1; i <= files; i++) printf "%s", line[i] }' \
    "$rows" >>"$page.new"
mv "$page.new" "$page"
