#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Root on a host whose systemd keeps the hierarchies of cgroup v1, with a v2 one beside them (hybrid)
# or without.
. "$(dirname "$0")/common.sh"

cgroups=/sys/fs/cgroup
# place CONTROLLER PID: its directory there.
place() { printf '%s/%s%s\n' $cgroups "$1" "$(sed -n "s/^[0-9]*:[^:]*\b$1\b[^:]*://p" "/proc/$2/cgroup")"; }
pid_of() { "$OCICTR" state "$1" | jq .pid; }
gone() { # NAME of a directory
  left=$(find $cgroups -name "$1" -type d)
  [ -z "$left" ] || fail "left: $left"
}
limits='.linux.resources = {memory: {limit: 67108864}, pids: {limit: 30},
  cpu: {quota: 50000, period: 100000, shares: 512, cpus: "1", mems: "0"}}'
expect_limits() { # PID
  expect 0 cat "$(place memory "$1")/memory.limit_in_bytes" "$(place pids "$1")/pids.max" \
    "$(place cpu "$1")/cpu.cfs_quota_us" "$(place cpu "$1")/cpu.shares" "$(place cpuset "$1")/cpuset.cpus"
  is "67108864
30
50000
512
1"
}
# One that no container may use.
denies_devices() { # PID
  expect 0 cat "$(place devices "$1")/devices.list"
  says "c 1:3 rwm"
  lacks "a *:* rwm"
}

t_the_hierarchies_are_v1() {
  expect 0 stat -fc %T $cgroups $cgroups/memory
  is "tmpfs
cgroupfs"
  case $LAYOUT in
    v1) expect 1 test -d $cgroups/unified ;;
    hybrid) expect 0 stat -fc %T $cgroups/unified && is cgroup2fs ;;
    *) fail "LAYOUT is $LAYOUT" ;;
  esac
}
t_cgroupfs() {
  bundle "$work/b" "$limits"' | .linux.cgroupsPath = "/octest/fs"' sleep 100
  expect 0 "$OCICTR" run -d -b "$work/b" fs
  pid=$(pid_of fs)
  expect_limits "$pid"
  denies_devices "$pid"
  expect 0 "$OCICTR" exec fs cat /proc/self/cgroup
  lacks :/user.slice
  expect 0 "$OCICTR" pause fs
  [ "$(state_of fs)" = paused ] || fail "the status is $(state_of fs)"
  expect 0 "$OCICTR" resume fs
  expect 0 "$OCICTR" delete -f fs
  gone octest
}
t_scope() {
  unit=octest-scope.scope
  bundle "$work/b" "$limits"' | .linux.cgroupsPath = ":octest:scope"' sleep 100
  expect 0 "$OCICTR" --systemd-cgroup run -d -b "$work/b" scope
  pid=$(pid_of scope)
  expect_limits "$pid"
  denies_devices "$pid"
  expect 0 systemctl show -P CPUShares -P MemoryLimit -P TasksMax -P DevicePolicy $unit
  says 512 67108864 30 strict
  expect 0 "$OCICTR" exec scope cat /proc/self/cgroup
  says "memory:/" "systemd:/"
  lacks :/user.slice
  # A change of the unit has systemd write what it knows, devices too.
  expect 0 "$OCICTR" update --memory 96M scope
  expect 0 cat "$(place memory "$pid")/memory.limit_in_bytes"
  is 100663296
  denies_devices "$pid"
  expect 0 systemctl set-property --runtime $unit TasksMax=31
  expect 0 cat "$(place pids "$pid")/pids.max"
  is 31
  denies_devices "$pid"
  expect 0 systemctl daemon-reload
  denies_devices "$pid"
  expect 0 "$OCICTR" exec scope true
  expect 0 "$OCICTR" pause scope
  expect 0 "$OCICTR" resume scope
  expect 0 "$OCICTR" kill scope KILL
  eventually is_stopped scope
  expect 0 "$OCICTR" delete scope
  gone $unit
}
t_subgroup_of_a_scope() {
  bundle "$work/b" "$limits"' | .linux.cgroupsPath = ":octest:sub"
    | .annotations = {"run.oci.systemd.subgroup": "container"}' sleep 100
  expect 0 "$OCICTR" --systemd-cgroup run -d -b "$work/b" sub
  pid=$(pid_of sub)
  case $(place memory "$pid") in */octest-sub.scope/container) ;; *) fail "$(place memory "$pid")" ;; esac
  expect_limits "$pid"
  expect 0 "$OCICTR" exec sub true
  expect 0 "$OCICTR" delete -f sub
  gone octest-sub.scope
}
t_checkpoint_and_restore() {
  # Ten seconds to freeze it are little for an emulated machine.
  mkdir -p /etc/criu
  echo 'timeout 300' >/etc/criu/ocictr.conf
  counter dumped "$limits"
  expect 0 "$OCICTR" checkpoint --image-path "$images" dumped
  gone dumped
  expect 0 "$OCICTR" restore -d -b "$work/dumped" --image-path "$images" dumped
  goes_on dumped 3
  expect_limits "$(pid_of dumped)"
  denies_devices "$(pid_of dumped)"
  expect 0 "$OCICTR" exec dumped cat /proc/self/cgroup
  says "memory:/" "freezer:/"
  expect 0 "$OCICTR" delete -f dumped
  gone dumped
}
t_failures_leave_nothing() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:failing"
    | .linux.resources = {cpu: {cpus: "4000"}}' true
  expect 1 "$OCICTR" --systemd-cgroup create -b "$work/b" failing
  says cpus
  gone octest-failing.scope
  bundle "$work/b" '.linux.cgroupsPath = ":octest:failing" | del(.linux.resources)
    | .annotations = {"run.oci.delegate-cgroup": "payload"}' true
  expect 1 "$OCICTR" --systemd-cgroup create -b "$work/b" failing
  says "cgroup v2"
  gone octest-failing.scope
}

main "$@"
