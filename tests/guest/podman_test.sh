#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's podman on a pure cgroup v2 host, with the configuration it has there; root's, or with a
# user's systemd an ordinary user's.
. "$(dirname "$0")/common.sh"

manager=
podman() { command podman --runtime "$OCICTR" --cgroup-manager "$manager" "$@"; }
run() { # OPTIONS... -- WORDS...: from the directory with busybox
  options=
  while [ "$1" != -- ]; do
    options="$options $1"
    shift
  done
  shift
  # shellcheck disable=SC2086  # options without spaces
  podman run --network none $options --rootfs "$work/rootfs" "$@"
}
setup() {
  manager=$1
  [ -d "$work/rootfs" ] || make_rootfs "$work/rootfs"
}
pid_of() { podman inspect --format '{{.State.Pid}}' "$1"; }
# podman makes the slice, systemd the scope.
in_a_scope() {
  case $(cgroup_of "$1") in */*.slice/libpod-*.scope*) ;; *) fail "not in a scope: $(cgroup_of "$1")" ;; esac
}
gone() {
  expect 0 podman rm -f -t 0 -a
  left=$(ls -A "$OCICTR_ROOT" 2>/dev/null | grep -v -e '^\.' -e '^cache$')
  [ -z "$left" ] || fail "left in the state root: $left"
  left=$(find $unified -type d -name 'libpod-[0-9a-f]*' ! -name 'libpod-conmon*')
  [ -z "$left" ] || fail "left control groups: $left"
}
OCICTR_ROOT=${XDG_RUNTIME_DIR:-/run}/ocictr
[ "$(id -u)" != 0 ] || OCICTR_ROOT=/run/ocictr

limits() {
  setup "$1"
  expect 0 run --rm --memory 64m --pids-limit 7 --cpus 0.5 --cpuset-cpus 1 -- sh -c \
    'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpuset.cpus /proc/self/cgroup'
  is "67108864
7
50000 100000
1
0::/"
  expect 0 run --rm --pids-limit 7 -- guest fork 20
  says "fork 6 Resource temporarily unavailable"
  expect 137 run --rm --memory 16m --memory-swap 16m -- guest alloc 64
  expect 0 run -d --name c --memory 48m -- sleep 100
  expect 0 cat "$(cgroup_of "$(pid_of c)")/memory.max"
  is 50331648
  [ "$manager" = cgroupfs ] || in_a_scope "$(pid_of c)"
  gone
}
life_cycle() {
  setup "$1"
  expect 3 run --rm -- sh -c 'exit 3'
  expect 0 run -d --name c -- sh -c 'trap "exit 5" TERM; while :; do sleep 0.2; done'
  expect 0 podman exec c sh -c 'cat /proc/1/comm; cat /proc/self/cgroup'
  says sh 0::/
  expect 0 podman pause c
  expect 0 podman inspect --format '{{.State.Status}}' c
  is paused
  expect 0 podman unpause c
  expect 0 podman exec c true
  expect 0 podman stop -t 20 c
  expect 0 podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' c
  is "exited 5"
  gone
}

# Not for an ordinary user, who may not make cgroups without systemd.
t_cgroupfs_limits() { limits cgroupfs; }
t_cgroupfs_life_cycle() { life_cycle cgroupfs; }
t_systemd_limits() { limits systemd; }
t_systemd_life_cycle() { life_cycle systemd; }

# In the cgroup of who calls podman, which must be his to divide.
t_cgroups_split() {
  setup systemd
  split() {
    systemd-run --quiet --scope -p Delegate=yes podman --runtime "$OCICTR" run --cgroups=split \
      --network none --memory 64m "$@"
  }
  expect 0 split --rm --rootfs "$work/rootfs" sh -c 'cat /sys/fs/cgroup/memory.max /proc/self/cgroup'
  is "67108864
0::/"
  expect 0 split -d --name c --rootfs "$work/rootfs" sleep 100
  dir=$(cgroup_of "$(pid_of c)")
  case $dir in */run-*.scope/libpod-payload-*) ;; *) fail "it is in $dir" ;; esac
  expect 0 podman exec c cat /proc/self/cgroup
  is 0::/
  expect 0 podman pause c
  expect 0 podman unpause c
  expect 0 podman stop -t 0 c
  gone
}

main "$@"
