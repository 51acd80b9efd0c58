#!/bin/sh
# Runs in a root that has nothing (see suite.sh): a user with sudo types what the README says, and answers what is asked.
set -eu
home=/home/newcomer
clone=$home/gst-plugin-steady
export DEBIAN_FRONTEND=noninteractive
sh -ec 'apt-get -q update; apt-get -qy install --no-install-recommends sudo' >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; exit 1; }
useradd --home-dir $home --shell /bin/bash newcomer
echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/newcomer
# Where rustup would have put it.
if [ -d $home/.rustup/toolchains/host ]; then
    mkdir -p $home/.cargo/bin
    for program in "$home"/.rustup/toolchains/host/bin/*; do ln -s "$program" $home/.cargo/bin/; done
fi
find $home -xdev ! -path "$home/.rustup/toolchains/*" ! -path "$home/.cargo/registry*" -exec chown -h newcomer: {} +
for tool in cargo gst-launch-1.0 cc git; do
    ! command -v $tool >/dev/null || { echo "this machine has $tool already" >&2; exit 1; }
done

# typed COMMAND: in a terminal, with a yes to each question.
typed() {
    log=/tmp/typed.log
    rm -f $log
    : >$log
    chown newcomer: $log
    mkfifo /tmp/keys
    exec 3<>/tmp/keys
    (cd $clone && exec su newcomer -l -c "cd $clone && exec script -qefc '$1' $log" <&3 >/dev/null 2>&1) &
    terminal=$!
    tail -n +1 -f $log &
    shown=$!
    answered=0
    while kill -0 $terminal 2>/dev/null; do
        asked=$(grep -ao 'Go ahead? \[y/N\]' $log | wc -l)
        if [ "$asked" -gt "$answered" ]; then echo y >&3; answered=$asked; fi
        sleep 1
    done
    status=0
    wait $terminal || status=$?
    kill $shown
    exec 3>&-
    rm /tmp/keys
    return $status
}

# The commands as they stand in the README: the first block's, and the one that runs the tests.
# shellcheck disable=SC2016 # backquotes of Markdown
export=$(sed -n '/^```sh/,/^```/ { /^```/d; p; }' $clone/README.md | head -n 1)
# shellcheck disable=SC2016
test=$(cat $clone/README.md $clone/CONTRIBUTING.md | grep -o '`\./dev test`' | head -n 1 | tr -d '`')
if [ "$export" != "./dev export" ] || [ -z "$test" ]; then
    echo "the README says other commands: $export, $test" >&2
    exit 1
fi

typed "$export"
[ "$(head -c 8 $clone/demo.mp4 | tail -c 4)" = ftyp ] || { echo "no video" >&2; exit 1; }
[ "${STEADY_ONLY:-}" != export ] || { echo "1 0" >/tmp/steady-result; exit 0; }
status=0
typed "$test" || status=$?
tr -d '\r' </tmp/typed.log | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' | tail -n 1 >/tmp/result
[ ! -s /tmp/result ] || cp /tmp/result /tmp/steady-result
exit $status
