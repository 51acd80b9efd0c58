#!/bin/sh
# Each dependency of Cargo.toml is used somewhere: an unused one costs whoever builds this, and has to be watched for ever.
set -eu
cd "$(dirname "$0")/.."
wrong=0
names=$(sed -nE '/^\[(target\..*\.)?(dev-|build-)?dependencies\]/,/^\[(profile|lints|features)/ s/^([a-z][a-z0-9_-]*) = .*/\1/p' Cargo.toml | sort -u)
[ "$(echo "$names" | wc -l)" -ge 20 ] || { echo "Cargo.toml has hardly any dependencies" >&2; exit 1; }
for name in $names; do
    crate=$(echo "$name" | tr - _)
    # As a path, a macro, an attribute or a renamed import.
    grep -rqE "(^|[^a-z0-9_])$crate(::|!)|use $crate( as|;)" src tests benches examples build.rs --include='*.rs' ||
        { echo "Cargo.toml: nothing uses $name" >&2; wrong=1; }
done
exit $wrong
