#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An ordinary user with a login session, on a pure cgroup v2 host.
. "$(dirname "$0")/common.sh"
none='del(.linux.resources)'

t_who_we_are() {
  expect 0 id -un
  is tester
  expect 0 sh -c 'cat /proc/self/cgroup'
  says /user.slice/user-1000.slice/
}
t_run() {
  bundle "$work/b" "$none" sh -c 'id -u; cat /proc/self/uid_map; exit 7'
  expect 7 "$OCICTR" run -b "$work/b" plain
  says 0 "0       1000          1"
  [ -z "$(ls "$XDG_RUNTIME_DIR/ocictr")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/ocictr")"
}
t_life_cycle() {
  bundle "$work/b" "$none" sleep 100
  expect 0 "$OCICTR" create -b "$work/b" cycle
  [ "$(state_of cycle)" = created ] || fail "the status is $(state_of cycle)"
  expect 0 "$OCICTR" start cycle
  expect 0 "$OCICTR" exec cycle sh -c 'ls /sys/fs/cgroup | wc -l; id -u'
  expect 0 "$OCICTR" kill cycle KILL
  eventually is_stopped cycle
  expect 0 "$OCICTR" delete cycle
}
t_ranges_of_ids() {
  bundle "$work/b" "$none | .process.user = {uid: 55, gid: 55} | .linux.uidMappings = [
    {containerID: 0, hostID: 1000, size: 1}, {containerID: 1, hostID: 100000, size: 65536}]
    | .linux.gidMappings = .linux.uidMappings" sh -c 'id -u; id -g'
  expect 0 "$OCICTR" run -b "$work/b" ranges
  is "55
55"
}
# Limits that can't be set are refused, never forgotten.
t_limits_without_delegation() {
  bundle "$work/b" '.linux.resources = {memory: {limit: 33554432}}' true
  expect 1 "$OCICTR" run -b "$work/b" limited
  says cgroup
}
# The user's systemd has its cgroup delegated: who is below it may make and limit more of them there.
t_limits_in_a_delegated_cgroup() {
  delegated=/user.slice/user-1000.slice/user@1000.service
  parent=$unified$delegated/octest
  inside() { systemd-run --user --scope --quiet "$@"; }
  bundle "$work/b" '.linux.resources = {memory: {limit: 67108864, reservation: 33554432},
    cpu: {quota: 50000, period: 100000, shares: 1024}, pids: {limit: 7}}
    | .linux.cgroupsPath = "'$delegated'/octest/limits"
    | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]}]' sleep 100
  expect 0 inside "$OCICTR" run -d -b "$work/b" limits
  expect 0 sh -c "cd '$parent/limits' && cat memory.max memory.low cpu.max cpu.weight pids.max"
  is "67108864
33554432
50000 100000
100
7"
  [ "$(cgroup_of "$("$OCICTR" state limits | jq .pid)")" = "$parent/limits" ] || fail "it is not in $parent/limits"
  expect 0 inside "$OCICTR" exec limits cat /sys/fs/cgroup/memory.max /proc/self/cgroup
  is "67108864
0::/"
  expect 0 inside "$OCICTR" exec limits guest fork 20
  says "fork 5 Resource temporarily unavailable"
  expect 0 "$OCICTR" update --memory 96M --pids-limit 9 limits
  expect 0 cat "$parent/limits/memory.max" "$parent/limits/pids.max"
  is "100663296
9"
  expect 0 "$OCICTR" pause limits
  expect 0 "$OCICTR" resume limits
  expect 0 "$OCICTR" delete -f limits
  [ ! -e "$parent" ] || fail "$parent is still there"
  bundle "$work/b" '.linux.resources = {memory: {limit: 16777216, swap: 16777216}}
    | .linux.cgroupsPath = "'$delegated'/octest/small"' guest alloc 64
  expect 137 inside "$OCICTR" run -b "$work/b" small
  [ ! -e "$parent" ] || fail "$parent is still there"
}
# Not in one that is another's, whatever the limits.
t_only_below_what_is_delegated() {
  bundle "$work/b" '.linux.resources = {pids: {limit: 7}} | .linux.cgroupsPath = "/octest/limits"' true
  expect 1 "$OCICTR" run -b "$work/b" elsewhere
  says /octest
  [ ! -e $unified/octest ] || fail "it was made"
}

main "$@"
