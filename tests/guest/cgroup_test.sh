#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Root on a host with the unified cgroup hierarchy alone, made and kept by systemd.
. "$(dirname "$0")/common.sh"
unlimited='.linux.resources = {}'

t_the_host_is_pure_v2() {
  expect 0 stat -fc %T $unified
  is cgroup2fs
  expect 0 "$OCICTR" features
  says '"v2": true'
}

# The test programs of the build know nothing of the layout.
t_integration_tests() {
  expect 0 "$OCICTR_TOOLS/oci_tests" --gtest_brief=1 --gtest_filter="${OCICTR_GTEST:-Cgroup.*:Lifecycle.*}"
  lacks SKIPPED
}
# Here root's control groups may have real time, and deadlines.
t_scheduling_policies() {
  expect 0 "$OCICTR_TOOLS/oci_tests" --gtest_brief=1 --gtest_filter='Scheduling.*'
  lacks SKIPPED
}
# Here the kernel has devices of every kind.
t_network_devices() {
  expect 0 "$OCICTR_TOOLS/oci_tests" --gtest_brief=1 --gtest_filter='NetDevices.*'
  lacks SKIPPED
}
t_cgroup_mechanisms() {
  expect 0 "$OCICTR_TOOLS/ns_tests" --gtest_brief=1 --gtest_filter='Cgroup*'
}

t_every_limit_reaches_its_file() {
  bundle "$work/b" '.linux.cgroupsPath = "/octest/limits" | .linux.resources = {
    memory: {limit: 67108864, reservation: 33554432, swap: 134217728},
    cpu: {shares: 1024, quota: 50000, period: 200000, burst: 1000, cpus: "1", mems: "0"},
    pids: {limit: 30}, blockIO: {weight: 500},
    unified: {"memory.high": "50331648", "cgroup.max.depth": "9"}}' sleep 100
  expect 0 "$OCICTR" create -b "$work/b" limits
  expect 0 sh -c "cd $unified/octest/limits && cat memory.max memory.low memory.swap.max \
    memory.high cpu.max cpu.max.burst cpuset.cpus cpuset.mems pids.max cgroup.max.depth"
  is "67108864
33554432
67108864
50331648
50000 200000
1000
1
0
30
9"
  expect 0 "$OCICTR" delete -f limits
  [ ! -e $unified/octest ] || fail "the cgroup is still there"
}
t_cgroup_namespace_and_mount() {
  bundle "$work/b" "$unlimited | .linux.resources.memory.limit = 67108864" \
    sh -c 'cat /proc/self/cgroup /sys/fs/cgroup/memory.max; grep cgroup2 /proc/mounts'
  expect 0 "$OCICTR" run -b "$work/b" namespaced
  says 0::/ 67108864 "cgroup2 ro,"
}
t_without_a_cgroup_namespace() {
  bundle "$work/b" '.linux.namespaces |= map(select(.type != "cgroup")) | .linux.cgroupsPath = "/octest/bound"' \
    sh -c 'own=$(sed s/^0::// /proc/self/cgroup); cat /proc/self/cgroup /sys/fs/cgroup$own/pids.max
      mkdir /sys/fs/cgroup$own/x || echo refused; ls -d /sys/fs/cgroup/system.slice'
  expect 0 "$OCICTR" run -b "$work/b" bound
  says 0::/octest/bound max refused /sys/fs/cgroup/system.slice
  # Of a tree that can be written the others stay as they are (SEC-27).
  jq '(.mounts[] | select(.type == "cgroup") | .options) -= ["ro"]' "$work/b/config.json" >"$work/edited"
  jq ".process.args = $(words sh -c 'own=$(sed s/^0::// /proc/self/cgroup)
    mkdir /sys/fs/cgroup$own/x && echo divided; mkdir /sys/fs/cgroup/system.slice/x || echo refused')" \
    "$work/edited" >"$work/b/config.json"
  expect 0 "$OCICTR" run -b "$work/b" bound
  says divided refused
  [ ! -e $unified/octest ] || fail "the cgroup is still there"
}
# The program attached to the cgroup decides, not the missing node.
t_device_rules_deny() {
  bundle "$work/b" '.process.capabilities |= map_values(. + ["CAP_MKNOD"])
    | .root.readonly = false' sh -c 'mknod /tmp/full c 1 7 && cat /tmp/full | head -c 1 | wc -c
      mknod /tmp/loop b 7 0; head -c 1 /tmp/loop; head -c 1 /dev/zero | wc -c'
  expect 0 "$OCICTR" run -b "$work/b" denied
  says "Operation not permitted"
}
t_device_program_is_attached_and_goes() {
  bundle "$work/b" '.linux.cgroupsPath = "/octest/devices" | .linux.resources.devices = [
    {allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}]' sleep 100
  expect 0 "$OCICTR" run -d -b "$work/b" devices
  expect 0 bpftool cgroup list $unified/octest/devices
  says cgroup_device
  expect 0 "$OCICTR" delete -f devices
}
t_delegation_to_the_container_root() {
  bundle "$work/b" '.linux.cgroupsPath = "/octest/delegated" | .linux.namespaces += [{type: "user"}]
    | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
    | .linux.gidMappings = .linux.uidMappings
    | (.mounts[] | select(.type == "cgroup") | .options) -= ["ro"]' \
    sh -c 'mkdir /sys/fs/cgroup/below && echo 0 >/sys/fs/cgroup/below/cgroup.procs && cat /proc/self/cgroup'
  chmod 711 "$work"
  chown -hR 100000:100000 "$work/b/rootfs"
  expect 0 "$OCICTR" run -b "$work/b" delegated
  says 0::/below
  chown -hR 0:0 "$work/b/rootfs"
  [ ! -e $unified/octest ] || fail "the cgroup is still there"
}
t_kill_reaches_all_without_a_pid_namespace() {
  bundle "$work/b" '.linux.namespaces |= map(select(.type != "pid")) | .linux.cgroupsPath = "/octest/all"' \
    sh -c 'sleep 1000 & sleep 1000 & wait'
  expect 0 "$OCICTR" run -d -b "$work/b" all
  eventually test "$(wc -l <$unified/octest/all/cgroup.procs)" -ge 3
  expect 0 "$OCICTR" kill all KILL
  eventually grep -q -x 'populated 0' $unified/octest/all/cgroup.events
  eventually is_stopped all
  expect 0 "$OCICTR" delete all
}
t_pause_and_resume() {
  bundle "$work/b" '.linux.cgroupsPath = "/octest/paused"' sleep 100
  expect 0 "$OCICTR" run -d -b "$work/b" paused
  expect 0 "$OCICTR" pause paused
  expect 0 cat $unified/octest/paused/cgroup.events
  says "frozen 1"
  [ "$(state_of paused)" = paused ] || fail "the status is $(state_of paused)"
  expect 0 "$OCICTR" resume paused
  expect 0 "$OCICTR" exec paused true
  expect 0 "$OCICTR" pause paused
  expect 0 "$OCICTR" delete -f paused
  [ ! -e $unified/octest ] || fail "the cgroup is still there"
}
# What systemd does as init of a container: divides the cgroup it was given.
t_exec_into_a_divided_cgroup() {
  bundle "$work/b" '.linux.cgroupsPath = "/octest/divided" | .process.user.uid = 0
    | (.mounts[] | select(.type == "cgroup") | .options) -= ["ro"]' \
    sh -c 'cd /sys/fs/cgroup && mkdir init.scope && echo 1 >init.scope/cgroup.procs &&
      echo +memory >cgroup.subtree_control && exec sleep 100'
  expect 0 "$OCICTR" run -d -b "$work/b" divided
  eventually grep -q memory $unified/octest/divided/cgroup.subtree_control
  expect 0 "$OCICTR" exec divided cat /proc/self/cgroup
  says 0::/init.scope
  expect 0 "$OCICTR" delete -f divided
}
# What waits counts time that passes, not what the clock on the wall says (FLT-38).
t_clock_jumps() {
  bundle "$work/b" . sleep 4
  expect 0 "$OCICTR" run -d -b "$work/b" jumps
  timeout 100 "$OCICTR" wait jumps >"$work/waited" 2>&1 &
  for jump in 'yesterday' '2 days' 'yesterday'; do
    expect 0 date -s "$jump"
    expect 0 "$OCICTR" state jumps
  done
  # Before Linux 6.15 nobody knows the status any more where pid 1 was quicker to reap the process.
  wait $! || grep 'its exit status is not known any more' "$work/waited" || fail "wait: $(cat "$work/waited")"
  expect 0 "$OCICTR" delete jumps
  # A hook that takes no time does not take too long, and one that hangs does not hang for a day.
  hook() { printf '.hooks.createRuntime = [{path: "/bin/sh", args: %s, timeout: %s}]' "$(words sh -c "$2")" "$1"; }
  bundle "$work/b" "$(hook 50 "date -s '2 days'; sleep 1; date -s '2 days ago'")" true
  expect 0 "$OCICTR" run -b "$work/b" jumps
  bundle "$work/b" "$(hook 2 "date -s yesterday; sleep 400")" true
  expect 1 timeout 100 "$OCICTR" run -b "$work/b" jumps
  expect 0 date -s '1 day'
}

main "$@"
