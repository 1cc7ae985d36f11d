#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# AppArmor profiles of programs, on a host that has it enabled.
. "$(dirname "$0")/common.sh"

confined() { # PROFILE WORDS...
  profile=$1
  shift
  bundle "$work/b" ".process.apparmorProfile = \"$profile\" | .root.readonly = false" "$@"
}
load() {
  apparmor_parser -r <<'PROFILE' || fail "the profile cannot be loaded"
profile octest flags=(attach_disconnected) {
  file,
  deny /etc/** w,
  capability,
  signal,
}
PROFILE
}

t_program_is_confined() {
  load
  confined octest sh -c 'cat /proc/self/attr/current; echo x >/tmp/x && echo x >/etc/x'
  expect 1 "$OCICTR" run -b "$work/b" confined
  says "octest (enforce)" "/etc/x: Permission denied"
}
t_exec_is_confined() {
  load
  confined octest sleep 100
  expect 0 "$OCICTR" run -d -b "$work/b" execs
  expect 0 "$OCICTR" exec execs cat /proc/self/attr/current
  says "octest (enforce)"
  expect 0 "$OCICTR" delete -f execs
}
t_exec_with_a_profile_of_its_own() {
  load
  confined unconfined sleep 100
  expect 0 "$OCICTR" run -d -b "$work/b" own
  expect 0 "$OCICTR" exec own cat /proc/self/attr/current
  is unconfined
  expect 0 "$OCICTR" exec --apparmor octest own cat /proc/self/attr/current
  says "octest (enforce)"
  expect 0 "$OCICTR" delete -f own
}
t_unknown_profile_is_refused() {
  confined octest-unknown true
  expect 1 "$OCICTR" run -b "$work/b" unknown
  says octest-unknown '`/proc/self/attr/exec`'
  expect 1 "$OCICTR" state unknown
}
t_with_no_new_privileges_and_seccomp() {
  load
  confined octest cat /proc/self/attr/current
  jq '.process.noNewPrivileges = true | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{names: ["mkdirat"], action: "SCMP_ACT_ERRNO"}]}' "$work/b/config.json" >"$work/c" &&
    mv "$work/c" "$work/b/config.json"
  expect 0 "$OCICTR" run -b "$work/b" nnp
  says "octest (enforce)"
}

main "$@"
