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

main "$@"
