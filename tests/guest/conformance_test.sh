#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Programs of oci-conformance on another kernel, with cgroup v2, systemd and AppArmor: those whose
# verdict depends on the machine, and some that show that the others hold here too. The programs
# come from the host, which has a compiler (conformance.sh).
. "$(dirname "$0")/common.sh"

holds() { # PROGRAM
  expect 0 env XDG_CACHE_HOME="$OCICTR_TOOLS/in_guest" \
    bash "$(dirname "$0")/../../oci-conformance/run.sh" --check "$1" "$OCICTR"
}

t_apparmor_profile() {
  apparmor_parser -r <<'PROFILE' || fail "the profile cannot be loaded"
profile acme_secure_profile flags=(attach_disconnected) {
  file,
  capability,
  signal,
  ptrace,
  mount,
}
PROFILE
  holds linux_process_apparmor_profile
}
t_default() { holds default; }
t_process_capabilities() { holds process_capabilities; }
t_linux_uid_mappings() { holds linux_uid_mappings; }
t_linux_seccomp() { holds linux_seccomp; }
t_kill() { holds kill; }

main "$@"
