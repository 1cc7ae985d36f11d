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
# SEC-07: mounts over the file that the label is written to are not written through.
t_label_under_a_hostile_proc() {
  load
  mkdir -p "$work/attr"
  for file in exec current apparmor; do echo unconfined >"$work/attr/$file"; done
  n=0
  for mount in '{destination: "/proc/self/attr", type: "tmpfs", source: "tmpfs"}' \
    '{destination: "/proc/thread-self/attr", type: "tmpfs", source: "tmpfs"}' \
    "{destination: \"/proc/self/attr\", type: \"bind\", source: \"$work/attr\", options: [\"bind\"]}" \
    "{destination: \"/proc/self/attr/exec\", type: \"bind\", source: \"$work/attr/exec\", options: [\"bind\"]}" \
    '{destination: "/proc/self/attr/exec", type: "bind", source: "/proc/self/sched", options: ["bind"]}' \
    '{destination: "/proc/1/attr", type: "tmpfs", source: "tmpfs"}' \
    '{destination: "/proc", type: "tmpfs", source: "tmpfs"}' \
    '{destination: "/proc", type: "bind", source: "/proc", options: ["rbind"]}'; do
    n=$((n + 1))
    bundle "$work/b" ".process.apparmorProfile = \"octest\" | .mounts += [$mount]" sleep 100
    if "$OCICTR" run -d -b "$work/b" "covered$n" >"$work/said" 2>&1; then
      expect 0 cat "/proc/$("$OCICTR" state "covered$n" | jq .pid)/attr/current"
      is "octest (enforce)"
      expect 0 "$OCICTR" delete -f "covered$n"
    else
      expect 0 cat "$work/said"
      [ "$(printf '%s\n' "$out" | wc -l)" = 1 ] || fail "more than one line"
      printf 'refused: %s\n' "$mount"
    fi
  done
  expect 0 cat "$work/attr/exec" "$work/attr/current" "$work/attr/apparmor"
  is "unconfined
unconfined
unconfined"
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
