#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs one case in the sandbox (run.sh starts it there):  lib.sh FILE CASE
# and is what the cases are written with. RUNTIME, ROOTFS (an archive) and AGENT come from run.sh.
# Exit status: 0 passed, 1 failed (the reason on stderr), 77 skipped (likewise).
set -u

ID=case BUNDLE=/tmp/bundle
AUTHOR_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

fail() {
  echo "$*" >&2
  exit 1
}

skip() {
  echo "$*" >&2
  exit 77
}

# --- the bundle ------------------------------------------------------------------------------

bundle() {
  mkdir -p "$BUNDLE/rootfs" && tar -C "$BUNDLE/rootfs" -xf "$ROOTFS" || fail "no root filesystem"
  cat > "$BUNDLE/config.json" << 'END'
{
  "ociVersion": "1.0.2",
  "root": {"path": "rootfs"},
  "hostname": "case",
  "process": {
    "args": ["true"],
    "cwd": "/",
    "env": ["PATH=/bin"],
    "user": {"uid": 0, "gid": 0},
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD"], "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD"],
      "effective": ["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD"]
    }
  },
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}]
  }
}
END
  remember
}

# config FILTER [JQ OPTION]...: edits config.json
config() {
  local filter=$1
  shift
  jq "$@" "$filter" "$BUNDLE/config.json" > "$BUNDLE/config.new" || fail "bad filter: $filter"
  mv "$BUNDLE/config.new" "$BUNDLE/config.json"
}

# program SCRIPT: what the container runs
program() { config '.process.args = ["sh", "-c", $script]' --arg script "$1"; }

# hook STAGE SCRIPT: one more hook; $state is what it got on its standard input
hook() {
  config '.hooks[$stage] += [{path: "/bin/sh", args: ["sh", "-c", "state=$(cat)\n" + $script], env: ["PATH=" + $path]}]' \
    --arg stage "$1" --arg script "$2" --arg path "$AUTHOR_PATH"
}

# --- the runtime -----------------------------------------------------------------------------

# No operation may hang. What the runtime says is in /tmp/err.
runtime() { timeout --kill-after=2 15 "$RUNTIME" "$@"; }
create() { runtime create --bundle "$BUNDLE" "$@" "$ID" < /dev/null > /tmp/out 2> /tmp/err; }
start() { runtime start "$ID" 2> /tmp/err; }
state() { runtime state "$ID" 2> /tmp/err; }
signal() { runtime kill "$ID" "$@" 2> /tmp/err; }
delete() { runtime delete "$@" "$ID" 2> /tmp/err; }
get() { state | jq -r ".$1"; }

wait_for() {
  local try
  for try in {1..100}; do
    [ "$(get status)" != "$1" ] || return 0
    sleep 0.05
  done
  fail "container is $(get status), not $1"
}

# From create to delete; what the program wrote is in /tmp/out.
run() {
  must create
  must start
  wait_for stopped
  must delete
}

running() {
  program "${1:-sleep 60}"
  must create
  must start
}

# --- what is expected --------------------------------------------------------------------------

said() { tr '\n' ' ' < /tmp/err | tail -c 300; }

must() { "$@" || fail "$*: status $?: $(said)"; }

must_fail() {
  local status=0
  "$@" || status=$?
  [ $status != 0 ] || fail "$*: succeeded"
  [ $status -lt 124 ] || [ $status = 255 ] || fail "$*: hung or died (status $status)"
}

eq() { [ "$1" = "$2" ] || fail "${3:-value}: \"$1\", expected \"$2\""; }
match() { case $1 in $2) ;; *) fail "${3:-value}: \"$1\" does not match \"$2\"" ;; esac }

# out: what the program wrote, without the warnings that a runtime may print before it
out() { cat /tmp/out; }

# The creation must fail and be as if it had not been tried.
refused() {
  must_fail create
  must_fail state
  nothing_left
}

# refuses FILTER [JQ OPTION]...: refused with this edit of the configuration, which is undone.
refuses() {
  cp "$BUNDLE/config.json" "$BUNDLE/config.saved"
  config "$@"
  local why
  why=$(refused 2>&1) || fail "$why, with" $*
  mv "$BUNDLE/config.saved" "$BUNDLE/config.json"
}

# accepts FILTER [JQ OPTION]...: the container runs with this edit, which is undone.
accepts() {
  cp "$BUNDLE/config.json" "$BUNDLE/config.saved"
  config "$@"
  local why
  why=$(run 2>&1) || fail "$why, with" $*
  mv "$BUNDLE/config.saved" "$BUNDLE/config.json"
}

# Cgroups, mounts, files of the runtime, and processes that were left to this namespace's init.
leftovers() {
  find /sys/fs/cgroup -mindepth 2 -type d | sort
  awk '{ print $3, $4, $5 }' /proc/self/mountinfo | sort
  find /run -mindepth 1 -name "*$ID*"
  local stat
  for stat in /proc/[0-9]*/stat; do
    awk -v self="$$" '{ id = $1; name = $2; sub(/.*\) /, ""); if ($2 == 1 && id != self) print "process", id, name, $1 }' \
      "$stat" 2> /dev/null
  done
}

remember() { leftovers > /tmp/before; }

nothing_left() {
  local try
  for try in {1..40}; do
    leftovers > /tmp/after
    ! cmp -s /tmp/before /tmp/after || return 0
    sleep 0.05
  done
  fail "left behind: $(diff /tmp/before /tmp/after | grep '^[<>]' | head -n 4 | tr '\n' ' ')"
}

# supports FILTER: what the runtime says of itself, for what the specification only recommends
supports() {
  [ "$(runtime features 2> /dev/null | jq -r "$1")" = true ] || skip "not supported: $1"
}

namespace() { readlink "/proc/$1/ns/$2"; }

main() {
  local file=$1 name=$2
  # shellcheck disable=SC1090
  . "$file"
  bundle
  "$name"
  runtime delete --force "$ID" > /dev/null 2>&1
  return 0
}

main "$@"
