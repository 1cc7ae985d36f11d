#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Budgets of what does not depend on the load of the machine: instructions in user space (valgrind's
# callgrind, the whole process with its start), system calls (strace), resident memory. A test that
# fails here says that somebody has added work to a path that engines walk often; see if it has to
# be there.
# Where a budget of the design is not met yet, its line says so and the limit is the present value.
# Run through ctest, or:
#   build/tests/sandbox env OCICTR=build/ocictr sh tests/bench/budget_test.sh NAME
. "$(dirname "$0")/common.sh"

skip() { printf 'SKIP: %s\n' "$*"; exit 77; }
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# The same environment always: the C library walks through it.
plain() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

# within WHAT VALUE LIMIT
within() {
  case $2 in '' | *[!0-9]*) fail "$1: no number: $2" ;; esac
  printf '%-24s %9d (limit %d)\n' "$1" "$2" "$3"
  [ "$2" -le "$3" ] || fail "$1: $2 is more than $3"
}

instructions() {
  plain valgrind --tool=callgrind --callgrind-out-file=/dev/null "$OCICTR" "$@" 2>&1 >/dev/null </dev/null |
    sed -n 's/.*Collected : *//p'
}
# System calls of the command and its children, the container's program among them. Not counted is
# what only waits, or tries again because something was not ready: how often depends on the load.
system_calls() {
  plain strace -f -qq -o /tmp/calls "$OCICTR" "$@" </dev/null >/dev/null 2>&1 || fail "strace: $*"
  # A call that another one interrupted in the output has two lines.
  grep -v -e ' <\.\.\. ' -e ' +++ ' -e ' --- ' -e ' = -1 E\(AGAIN\|BUSY\|INTR\)' \
    -e ' \(clock_nanosleep\|poll\|wait4\|restart_syscall\)(' /tmp/calls | grep -c .
}

prepare() {
  need busybox
  need "$1"
  [ "$(id -u)" = 0 ] || skip "needs root: to make containers"
  make_rootfs || fail "root file system"
  mkdir -p /tmp/bundle
  make_config /tmp/bundle '"/bin/true"' run
  make_config /tmp/sleep '"/bin/sleep", "1000"' sleep
}
start_container() {
  "$OCICTR" run -d -b /tmp/sleep c </dev/null >/dev/null 2>&1 || fail "run"
}

# And reaped: a zombie is looked at more closely.
stopped_container() {
  "$OCICTR" run -d --pid-file /tmp/pid -b /tmp/bundle stopped </dev/null >/dev/null 2>&1 || fail "run"
  for _ in $(seq 100); do
    [ -e "/proc/$(cat /tmp/pid)" ] || return
    sleep 0.1
  done
  fail "the container does not stop"
}

# --- instructions ----------------------------------------------------------------
t_instructions_of_version() {
  need valgrind
  within --version "$(instructions --version)" 105000
}
t_instructions_of_state() {
  prepare valgrind
  start_container
  within state "$(instructions state c)" 150000
}
t_instructions_of_plan() {
  prepare valgrind
  within plan "$(instructions plan /tmp/bundle)" 700000  # design: 400000, and printing it is 210000
}
t_instructions_of_validate() {
  prepare valgrind
  within validate "$(instructions validate /tmp/bundle)" 650000  # design: 400000
}

# --- system calls ------------------------------------------------------------------
t_system_calls_of_state() {
  prepare strace
  start_container
  within state "$(system_calls state c)" 32  # design: 25, and the C library needs 14 to start
}
t_system_calls_of_run() {
  prepare strace
  within run "$(system_calls run -b /tmp/bundle c)" 660  # design: 330
}
t_system_calls_of_exec() {
  prepare strace
  start_container
  within exec "$(system_calls exec c /bin/true)" 320
}

# --- memory -------------------------------------------------------------------------
t_memory_of_run() {
  prepare busybox
  within "KiB of run" "$("$OCICTR_TOOLS/peak" "$OCICTR" run -b /tmp/bundle c </dev/null)" 2100  # design: 1350
}

# What is set up is not charged to the container, whose program needs some pages to start.
t_memory_limit_of_run() {
  prepare busybox
  [ -e /sys/fs/cgroup/memory/tasks ] || skip "no control group controller here: memory (v1)"
  limit='"resources": { "memory": { "limit": 147456 },'
  sed "s|\"resources\": *{|$limit|" /tmp/bundle/config.json >/tmp/config && cp /tmp/config /tmp/bundle/config.json
  # How much the kernel charges in advance differs a little.
  for _ in 1 2 3 4 5; do
    "$OCICTR" run -b /tmp/bundle c </dev/null && return
  done
  fail "true does not start within 144 KiB"
}

# --- what grows --------------------------------------------------------------------
t_list_is_linear() {
  prepare strace
  stopped_container
  for count in 100 1000; do
    make_records 0 $count
    # Four for each, and the heap grows now and then.
    within "list of $count" "$(system_calls list)" $((4 * count + count / 20 + 60))
    rm -rf /run/ocictr/r*
  done
}
t_a_container_costs_the_same_among_many() {
  prepare strace
  stopped_container
  alone=$(system_calls run -b /tmp/bundle c)
  make_records 0 1000
  among=$(system_calls run -b /tmp/bundle c)
  # What waits for something may call once more.
  within "run among 1000" "$among" $((alone + alone / 20))
  before=$(system_calls state r5)
  rm -rf /run/ocictr/r[67]*
  within "state among 1000" "$before" $(($(system_calls state r5) + 2))
}
t_bind_mounts_are_linear() {
  prepare strace
  for count in 10 100 1000; do
    with_mounts /tmp/bundle /tmp/many$count $count
    eval "calls$count=$(system_calls run -b /tmp/many$count c)"
  done
  # shellcheck disable=SC2154  # set by eval
  few=$(((calls100 - calls10) * 10 / 90)) many=$(((calls1000 - calls100) * 10 / 900))
  within "calls for 10 mounts" $few 120
  within "the same among 1000" $many $((few + few / 10))
}

if [ "${1:-}" = --list ]; then
  sed -n 's/^t_\([a-z0-9_]*\)() {.*/\1/p' "$0"
  exit 0
fi
finish() {
  "$OCICTR" delete --force c 2>/dev/null
  remove_cgroups
}
trap finish EXIT
"t_$1"
