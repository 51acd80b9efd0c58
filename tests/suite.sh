#!/bin/sh
# Runs ./dev in roots of Debian's suites, each with its own GStreamer. ./dev calls it, as root:
#   suite.sh test LEVEL SUITES BUILD [OPTION...]   ./dev test in each; LEVEL: quick, --full or --soak; BUILD: true builds in each
#   suite.sh shell SUITE BUILD [COMMAND...]        ./dev shell in one
#   suite.sh newcomer SUITE                        the README's commands on a machine that has nothing; with STEADY_ONLY=export
#                                                  the first alone
# Everything lies in target/suites/SUITE: `pristine` (as debootstrap made it), `root` (the same with packages), `target`
# (cargo's folder in there), `newcomer` (a root that is thrown away).
set -eu

# Oldest first, and the GStreamer that each is known to have. The first builds, and the others run its binaries, as the
# machines of users do.
known='bookworm 1.22
trixie 1.26
forky 1.28'
oldest=bookworm

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
folder=$target/suites

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

is_known() { printf '%s\n' "$known" | grep -q "^$1 "; }

# The mirror that this machine's apt has for Debian itself, not for its security updates or for others' packages.
mirror() {
    if [ -n "${STEADY_MIRROR:-}" ]; then echo "$STEADY_MIRROR"; return; fi
    # shellcheck disable=SC2016 # apt's own variables
    for attempt in listed updated; do
        [ $attempt = listed ] || apt-get update >&2 || true
        found=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
            awk '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }')
        [ -z "$found" ] || { echo "$found"; return; }
    done
    die "apt on this machine knows no mirror of Debian: name one in STEADY_MIRROR"
}

# Nothing half-made is used: folders get their name when they are complete.
make_pristine() {
    [ ! -d "$folder/$1/pristine" ] || return 0
    from=$(mirror)
    say "making a root of $1"
    mkdir -p "$folder/$1"
    rm -rf "$folder/$1/pristine.new"
    # Suites younger than this debootstrap are made like unstable.
    script=
    [ -e "/usr/share/debootstrap/scripts/$1" ] || script=sid
    # shellcheck disable=SC2086 # one word or none
    unshare --mount --propagation private -- debootstrap --variant=minbase "$1" "$folder/$1/pristine.new" "$from" $script \
        >"$folder/$1/debootstrap.log" 2>&1 || { tail -n 20 "$folder/$1/debootstrap.log" >&2; die "debootstrap failed"; }
    # Proxies and the like; a mirror that keeps old states has lists whose time is over.
    {
        apt-config dump Acquire | grep -E '^Acquire::(https?::|Check-)' || true
        echo 'Acquire::Check-Valid-Until "false";'
        echo 'quiet "2";'
    } >"$folder/$1/pristine.new/etc/apt/apt.conf.d/90host"
    # A root that a power failure spoils is made anew.
    echo force-unsafe-io >"$folder/$1/pristine.new/etc/dpkg/dpkg.cfg.d/90host"
    mv "$folder/$1/pristine.new" "$folder/$1/pristine"
}

# make_root SUITE: makes it, or brings it up to date when the last time was a day ago.
make_root() {
    in=$folder/$1/root
    if [ -d "$in" ] && [ -n "$(dpkg --root="$in" --audit 2>&1)" ]; then
        say "the root of $1 was left in the middle of an installation: making another"
        rm -rf "$in"
    fi
    if [ ! -d "$in" ]; then
        make_pristine "$1"
        rm -rf "$in.new" "$folder/$1/upgraded"
        cp -a "$folder/$1/pristine" "$in.new"
        mv "$in.new" "$in"
    fi
    if [ -z "$(find "$folder/$1/upgraded" -mmin -1440 2>/dev/null)" ]; then
        say "bringing $1 up to date"
        # Certificates that this machine trusts are trusted in there too.
        enter "$1" own sh -ec 'export DEBIAN_FRONTEND=noninteractive
            apt-get -q update && apt-get -qy full-upgrade && apt-get -qy install --no-install-recommends ca-certificates' \
            >"$folder/$1/apt.log" 2>&1 || { tail -n 20 "$folder/$1/apt.log" >&2; die "apt failed in the root of $1"; }
        touch "$folder/$1/upgraded"
    fi
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$in/etc/ssl/certs/ca-certificates.crt"
}

# The version of GStreamer that a root has or would install, and a complaint if it is another than the one in the table.
gstreamer_of() {
    chroot "$folder/$1/root" apt-cache policy gstreamer1.0-tools 2>/dev/null | sed -nE 's/^ *Candidate: ([0-9.]+).*/\1/p'
}
drift_of() {
    expected=$(printf '%s\n' "$known" | sed -n "s/^$1 //p")
    case $2 in
        "$expected" | "$expected".*) ;;
        *) printf ' (DRIFT: it was %s; see what changed, then renew the table in tests/suite.sh)' "$expected" ;;
    esac
}

# lock SUITE FD [-s]: one run at a time in a root; kept until this process ends.
lock() {
    mkdir -p "$folder/$1"
    eval "exec $2>>'$(printf '%s' "$folder/$1/lock" | sed "s/'/'\\\\''/g")'"
    # shellcheck disable=SC2086 # an option or none
    flock -n ${3:-} "$2" || { say "waiting for another run on $1"; flock ${3:-} "$2"; }
}

# enter SUITE own|newcomer|over COMMAND...: in namespaces of its own, so that whatever happens, nothing stays mounted and
# no process stays. `over` lays an empty folder over the oldest suite's target, so that a run changes nothing in it.
enter() (
    STEADY_SUITE=$1
    kind=$2
    shift 2
    at=$folder/$STEADY_SUITE
    rm -rf "$at/tmp" "$at/over" "$at/tests-tmp"
    mkdir -p "$at/target" "$at/tmp" "$at/over/changes" "$at/over/work" "$folder/$oldest/target"
    chmod 1777 "$at/tmp"
    # What cargo and the tests are told; the rest of this machine's environment stays outside.
    environment=
    for name in $(env | sed -nE 's/^(TERM|CI|LOOM|RUST_[A-Z_]*|CARGO_(NET|HTTP|BUILD|PROFILE|TARGET)_[A-Z_]*|NEXTEST_[A-Z_]*|PROPTEST_[A-Z_]*|INSTA_[A-Z_]*|STEADY_[A-Z_]*|SSL_CERT_FILE|SSL_CERT_DIR|CURL_CA_BUNDLE|[a-z_]*_proxy|[A-Z_]*_PROXY)=.*/\1/p'); do
        environment="$environment $name"
    done
    unshare --mount --propagation private --pid --fork --kill-child -- sh "$0" inside "$STEADY_SUITE" "$kind" "$environment" "$PWD" "$@"
)

# put FROM TO [ro]: a folder or a file of this machine, at a place in the root.
put() {
    if [ -d "$1" ]; then
        mkdir -p "$in$2"
    else
        mkdir -p "$in$(dirname "$2")"
        touch "$in$2"
    fi
    mount --bind "$1" "$in$2"
    [ "${3:-}" != ro ] || mount -o remount,bind,ro "$in$2"
}

# The second half of `enter`, in the new namespaces: puts the root together, goes in and runs the command there.
inside() {
    suite=$1 kind=$2 environment=$3 where=$4
    shift 4
    at=$folder/$suite
    in=$at/root
    [ "$kind" != newcomer ] || in=$at/newcomer
    mount --bind "$in" "$in"
    mount -t proc proc "$in/proc"
    mount --rbind /dev "$in/dev"
    mount --rbind /sys "$in/sys"
    # On disk: recordings of gigabytes are written there.
    put "$at/tmp" /tmp
    cp -L /etc/resolv.conf "$in/etc/resolv.conf" 2>/dev/null || true
    toolchain=$(cd "$root" && rustc --print sysroot)
    cargo_home=${CARGO_HOME:-$HOME/.cargo}
    if [ "$kind" = newcomer ]; then
        where=/
        if [ "${STEADY_TOOLCHAIN:-}" = host ]; then
            put "$toolchain" /home/newcomer/.rustup/toolchains/host ro
            put "$cargo_home/registry" /home/newcomer/.cargo/registry ro
        fi
    else
        put "$root" "$root"
        # A worktree's history lies with another one; cargo asks it which files belong to the package.
        history=$(git -C "$root" rev-parse --path-format=absolute --git-common-dir 2>/dev/null || true)
        case $history in '' | "$root"/*) ;; *) put "$history" "$history" ;; esac
        put "$toolchain" "$toolchain" ro
        mkdir -p "$cargo_home"
        put "$cargo_home" "$cargo_home"
        # There, cargo would find the subcommands of rustup, which is not in here.
        [ ! -d "$cargo_home/bin" ] || mount -t tmpfs none "$in$cargo_home/bin"
        nextest=$(command -v cargo-nextest || true)
        [ -z "$nextest" ] || put "$nextest" /usr/local/bin/cargo-nextest ro
        mkdir -p "$in$target"
        if [ "$kind" = over ]; then
            # By relative names: overlayfs has characters of its own.
            (cd "$folder" && mount -t overlay overlay \
                -o "lowerdir=$oldest/target,upperdir=$suite/over/changes,workdir=$suite/over/work" "$in$target")
            # Tests look at what of a file is in memory, which an overlay hides.
            mkdir -p "$at/tests-tmp" "$in$target/tmp"
            mount --bind "$at/tests-tmp" "$in$target/tmp"
        else
            mount --bind "$at/target" "$in$target"
        fi
    fi
    for name in $environment; do
        eval "set -- \"$name=\$$name\" \"\$@\""
    done
    [ -z "${CARGO_TARGET_DIR:-}" ] || set -- "CARGO_TARGET_DIR=$target" "$@"
    set -- "PATH=$toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "CARGO_HOME=$cargo_home" "$@"
    cd "$in"
    pivot_root . mnt
    cd /
    umount -l /mnt
    # The first process of a namespace has to ask for its signals; all others end with it.
    trap 'exit 130' INT TERM HUP
    cd "$where" 2>/dev/null || cd "$root"
    env -i HOME=/root LANG=C.UTF-8 SHELL=/bin/bash "$@"
}

# What a suite that only runs must not have made; lists of dependencies (.d) are written even when nothing is built.
compiled_here() {
    find "$folder/$1/over/changes" -type f \( -path '*/deps/*' -o -path '*/examples/*' -o -path '*/build/*' \) ! -name '*.d' |
        head -n 5
}

# one_suite SUITE BUILD OPTION...: ./dev test in there. Leaves its line of the summary in target/suites/SUITE/summary.
one_suite() {
    suite=$1 build=$2
    shift 2
    make_root "$suite"
    version=$(gstreamer_of "$suite")
    drift=$(drift_of "$suite" "$version")
    say "$suite: GStreamer $version$drift"
    kind=over STEADY_STEP=run
    [ "$build" = false ] || kind=own
    [ $kind = over ] && [ "$suite" != $oldest ] || STEADY_STEP=all
    export STEADY_STEP
    status=0
    (enter "$suite" $kind "$root/dev" --yes test "$@") || status=$?
    passed=0 failed=1
    [ ! -e "$folder/$suite/tmp/steady-result" ] || read -r passed failed <"$folder/$suite/tmp/steady-result"
    note=$drift
    [ $STEADY_STEP = all ] || note="$note, binaries of $oldest"
    if [ $STEADY_STEP = run ] && [ -n "$(compiled_here "$suite")" ]; then
        compiled_here "$suite" >&2
        failed=$((failed + 1))
        note="$note, BUT SOMETHING WAS BUILT: were sources changed meanwhile?"
    fi
    [ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1
    printf '%s: GStreamer %s%s: %s passed, %s failed\n' "$suite" "$version" "$note" "$passed" "$failed" >"$folder/$suite/summary"
}

# test_on LEVEL SUITES BUILD OPTION...
test_on() {
    level=$1 wanted=$2 build=$3
    shift 3
    for suite in $wanted; do
        is_known "$suite" || die "no suite $suite: there are $(printf '%s\n' "$known" | cut -d' ' -f1 | tr '\n' ' ')and all"
    done
    [ "$level" = quick ] || set -- "$level" "$@"
    # All that will be needed is built first, so that the binaries are there for whoever runs them.
    if [ "$build" = false ]; then
        lock $oldest 8
        make_root $oldest
        say "building on $oldest"
        (STEADY_STEP=build && export STEADY_STEP && enter $oldest own "$root/dev" --yes test "$@") || die "the build on $oldest failed"
    fi
    for suite in $wanted; do
        if [ "$build" = true ] || [ "$suite" = $oldest ]; then lock "$suite" 8; else lock $oldest 8 -s; lock "$suite" 9; fi
        one_suite "$suite" "$build" "$@"
        [ "$level" != --full ] || newcomer "$suite"
    done
    say "summary"
    for suite in $wanted; do
        cat "$folder/$suite/summary"
        [ "$level" != --full ] || cat "$folder/$suite/newcomer-summary"
    done | tee "$folder/summary"
    # The last line counts them all.
    sed -E 's/.*: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/' "$folder/summary" |
        awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
}

# newcomer SUITE: a root with nothing in it, a user who may use sudo, and what the README says.
newcomer() {
    suite=$1
    make_pristine "$suite"
    in=$folder/$suite/newcomer
    rm -rf "$in"
    cp -a "$folder/$suite/pristine" "$in"
    say "$suite: a machine that has nothing"
    # What a clone has, with changes that are not committed yet.
    home=$in/home/newcomer/gst-plugin-steady
    mkdir -p "$home"
    if git -C "$root" rev-parse 2>/dev/null; then
        # A file that was deleted is still listed, and is no reason to fail.
        (cd "$root" && git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T - 2>/dev/null) |
            tar -x -C "$home"
    else
        (cd "$root" && tar -c --exclude ./target .) | tar -x -C "$home"
    fi
    rustup=$(sed -nE 's/.* (https:[^ ]*) \| sh .*/\1/p' "$root/dev")
    STEADY_TOOLCHAIN=rustup
    if ! curl -fsI --max-time 20 "$rustup" >/dev/null 2>&1; then
        say "$rustup cannot be reached: this machine's toolchain stands in for the one that it would install"
        STEADY_TOOLCHAIN=host
    fi
    export STEADY_TOOLCHAIN
    status=0
    (enter "$suite" newcomer sh /home/newcomer/gst-plugin-steady/tests/newcomer.sh) || status=$?
    passed=0 failed=1
    [ ! -e "$folder/$suite/tmp/steady-result" ] || read -r passed failed <"$folder/$suite/tmp/steady-result"
    [ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1
    printf '%s: a machine that has nothing: %s passed, %s failed\n' "$suite" "$passed" "$failed" >"$folder/$suite/newcomer-summary"
    [ "$failed" -gt 0 ] || rm -rf "$in"
}

shell_on() {
    suite=$1 build=$2
    shift 2
    is_known "$suite" || die "no suite $suite: there are $(printf '%s\n' "$known" | cut -d' ' -f1 | tr '\n' ' ')"
    kind=own
    if [ "$suite" != $oldest ] && [ "$build" = false ]; then
        kind=over
        lock $oldest 8
        make_root $oldest
        (enter $oldest own "$root/dev" --yes shell true) || die "the build on $oldest failed"
        lock $oldest 8 -s
        lock "$suite" 9
    else
        lock "$suite" 8
    fi
    make_root "$suite"
    version=$(gstreamer_of "$suite")
    say "$suite: GStreamer $version$(drift_of "$suite" "$version")"
    enter "$suite" "$kind" "$root/dev" --yes shell "$@"
}

command=$1
shift
if [ "$command" != inside ]; then
    [ "$(id -u)" = 0 ] || die "roots of other suites need root (sudo ./dev ...)"
    unshare --mount --pid --fork true 2>/dev/null || die "namespaces are not permitted here, and other suites are entered in their own"
    mkdir -p "$folder"
fi
case $command in
    test) test_on "$@" ;;
    shell) shell_on "$@" ;;
    newcomer) lock "$1" 8; newcomer "$1"; cat "$folder/$1/newcomer-summary" ;;
    inside) inside "$@" ;;
    *) exit 64 ;;
esac; exit # on the same line, so that the script may be edited while it runs
