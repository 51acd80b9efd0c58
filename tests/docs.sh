#!/bin/sh
# The documentation against the sources: links lead somewhere, the tests that it names exist, and the README's program is
# the example.
# shellcheck disable=SC2013,SC2016 # names without blanks, backquotes of Markdown
set -eu
cd "$(dirname "$0")/.."
wrong=0
complain() { echo "$*" >&2; wrong=1; }

for page in *.md docs/*.md docs/*/*.md examples/*/*.md .github/*.md; do
    [ -e "$page" ] || continue
    # [text](target) and [name]: target
    for target in $(sed -nE '/^```/,/^```/d; s/\]\(([^)# ]*)[^)]*\)/\n@\1\n/g; s/^\[[^]]*\]: +([^# ]+).*/\n@\1/; p' "$page" | sed -n 's/^@//p'); do
        case $target in
            http*://* | mailto:*) ;;
            *) [ -e "$(dirname "$page")/$target" ] || complain "$page: a link to $target, which does not exist" ;;
        esac
    done
done

# The last column of its tables.
named=$(awk -F '|' 'NF > 2 { print $(NF - 1) }' docs/design/invariants.md | grep -oE '`[a-z0-9]+(_[a-z0-9]+){3,}`' | tr -d '`' | sort -u)
[ "$(echo "$named" | wc -l)" -ge 50 ] || complain "docs/design/invariants.md names hardly any tests"
for name in $named; do
    grep -rqE "fn $name\(" src tests || complain "docs/design/invariants.md names the test $name, which does not exist"
done

lines=$(sed -n '/^```rust/,/^```/ { /^```/d; s/^ *//; p; }' README.md)
[ -n "$lines" ] || complain "README.md has no program in Rust"
echo "$lines" | while read -r line; do
    grep -qF -- "$line" examples/embed.rs || { echo "README.md: not a line of examples/embed.rs: $line" >&2; exit 1; }
done || wrong=1
exit $wrong
