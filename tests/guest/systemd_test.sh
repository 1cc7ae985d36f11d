#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The systemd driver without an engine: root's scopes in the system's manager, an ordinary user's in
# the user's own.
. "$(dirname "$0")/common.sh"

[ "$(id -u)" = 0 ] && manager="systemctl" || manager="systemctl --user"
runtime() { "$OCICTR" --systemd-cgroup "$@"; }
# property NAME UNIT
property() { $manager show -P "$1" "$2"; }
not_there() {
  [ "$(property LoadState "$1")" = not-found ] || fail "$1 is still there"
  left=$(find $unified -name "$1" -type d)
  [ -z "$left" ] || fail "left: $left"
}

t_scope_with_limits() {
  bundle "$work/b" '.linux.cgroupsPath = "octest-inner.slice:octest:limits" | .linux.resources = {
    memory: {limit: 67108864}, cpu: {quota: 50000, period: 100000}, pids: {limit: 30}}
    | .annotations = {"org.systemd.property.TimeoutStopSec": "7",
      "org.systemd.property.Description": "\u0027of the test\u0027"}' sleep 100
  expect 0 runtime run -d -b "$work/b" limits
  unit=octest-limits.scope
  pid=$("$OCICTR" state limits | jq .pid)
  dir=$(cgroup_of "$pid")
  case $dir in */octest.slice/octest-inner.slice/$unit) ;; *) fail "it is in $dir" ;; esac
  expect 0 sh -c "cd '$dir' && cat memory.max cpu.max pids.max"
  is "67108864
50000 100000
30"
  expect 0 property MemoryMax $unit
  is 67108864
  expect 0 property TasksMax $unit
  is 30
  expect 0 property CPUQuotaPerSecUSec $unit
  is 500ms
  expect 0 property TimeoutStopUSec $unit
  is 7s
  expect 0 property Description $unit
  is "of the test"
  expect 0 property Delegate $unit
  is yes
  # What systemd does not know it leaves alone, and it does not undo what it knows.
  expect 0 $manager daemon-reload
  expect 0 cat "$dir/memory.max"
  is 67108864
  expect 0 "$OCICTR" state limits
  says '"systemd-scope": "octest-limits.scope"'
  expect 0 "$OCICTR" exec limits sh -c 'cat /proc/self/cgroup; exit 0'
  says 0::/
  expect 0 "$OCICTR" update --memory 96M --cpu-quota 33333 limits
  expect 0 $manager daemon-reload
  expect 0 cat "$dir/memory.max"
  is 100663296
  expect 0 property MemoryMax $unit
  is 100663296
  expect 0 "$OCICTR" delete -f limits
  not_there $unit
}
# As a container whose init is systemd does it; `exec` then has to join below the scope.
t_exec_into_a_divided_cgroup() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:divided" | del(.linux.resources)
    | .mounts = [.mounts[] | select(.destination != "/sys/fs/cgroup")]
    | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid"]}]
    | if any(.linux.namespaces[]; .type == "cgroup") then . else .linux.namespaces += [{type: "cgroup"}] end' \
    sh -c 'cd /sys/fs/cgroup && mkdir init.scope && echo 1 >init.scope/cgroup.procs &&
      echo +pids >cgroup.subtree_control && exec sleep 100'
  expect 0 runtime run -d -b "$work/b" divided
  dir=$unified$(property ControlGroup octest-divided.scope)
  eventually grep -q pids "$dir/cgroup.subtree_control"
  expect 0 "$OCICTR" exec divided cat /proc/self/cgroup
  says 0::/init.scope
  expect 0 "$OCICTR" delete -f divided
  not_there octest-divided.scope
}
# What engines and users may set has its property, and the files have the last word.
t_all_limits_are_properties() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:props" | .linux.resources = {
    memory: {limit: 67108864, reservation: 33554432, swap: 134217728},
    cpu: {idle: 1, cpus: "1", mems: "0"}, pids: {limit: 30},
    unified: {"memory.high": "50331648", "memory.min": "1048576"}}' sleep 100
  expect 0 runtime run -d -b "$work/b" props
  unit=octest-props.scope
  expect 0 sh -c "$manager show -p MemoryMax -p MemoryLow -p MemorySwapMax -p MemoryHigh -p MemoryMin \
    -p CPUWeight -p AllowedCPUs -p AllowedMemoryNodes -p TasksMax $unit | sort"
  is "AllowedCPUs=1
AllowedMemoryNodes=0
CPUWeight=idle
MemoryHigh=50331648
MemoryLow=33554432
MemoryMax=67108864
MemoryMin=1048576
MemorySwapMax=67108864
TasksMax=30"
  dir=$(cgroup_of "$("$OCICTR" state props | jq .pid)")
  expect 0 $manager daemon-reload
  expect 0 cat "$dir/cpu.idle"
  is 1
  echo '{"cpu": {"idle": 0, "shares": 1024}, "pids": {"limit": 31}}' >"$work/update"
  expect 0 "$OCICTR" update -r "$work/update" props
  expect 0 $manager daemon-reload
  expect 0 sh -c "cat '$dir/cpu.idle' '$dir/cpu.weight' '$dir/pids.max'"
  is "0
100
31"
  expect 0 property TasksMax $unit
  is 31
  expect 0 "$OCICTR" delete -f props
  not_there $unit
}
# crun's annotations.
t_in_a_subgroup() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:sub" | .linux.resources = {memory: {limit: 67108864}}
    | .annotations = {"run.oci.systemd.subgroup": "container"}' sleep 100
  expect 0 runtime run -d -b "$work/b" sub
  dir=$(cgroup_of "$("$OCICTR" state sub | jq .pid)")
  case $dir in */octest-sub.scope/container) ;; *) fail "it is in $dir" ;; esac
  expect 0 cat "$dir/memory.max" "$dir/../memory.max"
  is "67108864
67108864"
  expect 0 "$OCICTR" exec sub cat /proc/self/cgroup
  says 0::/
  expect 0 "$OCICTR" update --memory 96M sub
  expect 0 cat "$dir/memory.max" "$dir/../memory.max"
  is "100663296
100663296"
  expect 0 "$OCICTR" pause sub
  expect 0 "$OCICTR" resume sub
  expect 0 "$OCICTR" delete -f sub
  not_there octest-sub.scope
  bundle "$work/b" 'del(.linux.resources) | .annotations = {"run.oci.systemd.subgroup": "../x"}' true
  expect 1 runtime run -b "$work/b" sub
  says run.oci.systemd.subgroup
}
t_in_a_delegated_cgroup() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:own" | .linux.resources = {memory: {limit: 67108864}}
    | .annotations = {"run.oci.systemd.subgroup": "limits", "run.oci.delegate-cgroup": "payload"}
    | (.mounts[] | select(.type == "cgroup") | .options) -= ["ro"]' sleep 100
  expect 0 runtime run -d -b "$work/b" own
  dir=$(cgroup_of "$("$OCICTR" state own | jq .pid)")
  case $dir in */octest-own.scope/limits/payload) ;; *) fail "it is in $dir" ;; esac
  expect 0 cat "$dir/../memory.max" "$dir/memory.max"
  is "67108864
max"
  expect 0 "$OCICTR" exec own cat /proc/self/cgroup
  says 0::/payload
  expect 0 "$OCICTR" delete -f own
  not_there octest-own.scope
  bundle "$work/b" 'del(.linux.resources) | .annotations = {"run.oci.delegate-cgroup": "a/b"}' true
  expect 1 runtime run -b "$work/b" own
  says run.oci.delegate-cgroup
}
# A slice takes no processes from systemd; ocictr puts them in, where it may.
t_a_slice_as_unit() {
  bundle "$work/b" '.linux.cgroupsPath = "system.slice::octest-pod.slice"
    | .linux.resources = {memory: {limit: 67108864}}' sleep 100
  if [ "$(id -u)" != 0 ]; then
    expect 1 runtime run -d -b "$work/b" pod
    says "Permission denied"
    # systemd knows any slice; one without a cgroup is only a name.
    left=$(find $unified -name octest-pod.slice -type d)
    [ -z "$left" ] || fail "left: $left"
    return
  fi
  expect 0 runtime run -d -b "$work/b" pod
  dir=$(cgroup_of "$("$OCICTR" state pod | jq .pid)")
  case $dir in /sys/fs/cgroup/octest.slice/octest-pod.slice) ;; *) fail "it is in $dir" ;; esac
  expect 0 property MemoryMax octest-pod.slice
  is 67108864
  expect 0 cat "$dir/memory.max"
  is 67108864
  expect 0 "$OCICTR" exec pod true
  expect 1 runtime run -b "$work/b" pod2
  expect 0 "$OCICTR" delete -f pod
  [ ! -e "$dir" ] || fail "$dir is still there"
}
# For systemds that know v1 only: the named hierarchy, which the host has mounted.
t_v1_is_forced() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:old" | del(.linux.resources)
    | .annotations = {"run.oci.systemd.force_cgroup_v1": "/sys/fs/cgroup"}
    | .mounts = [.mounts[] | select(.destination != "/sys/fs/cgroup")]
    | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid"]}]' \
    sh -c 'grep " /sys/fs/cgroup " /proc/mounts; ls /sys/fs/cgroup'
  expect 1 runtime run -b "$work/b" old
  says /mounts
  not_there octest-old.scope
  [ "$(id -u)" = 0 ] || return 0
  mkdir -p /tmp/systemd
  expect 0 mount -t cgroup cgroup /tmp/systemd -o none,name=systemd,xattr
  expect 0 runtime run -b "$work/b" old
  says name=systemd tasks
  expect 0 umount /tmp/systemd
}
t_again_under_the_same_name() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:again" | del(.linux.resources)' sleep 100
  for _ in 1 2; do
    expect 0 runtime run -d -b "$work/b" again
    expect 0 "$OCICTR" delete -f again
  done
  bundle "$work/b" 'del(.linux.cgroupsPath) | del(.linux.resources)' sh -c 'exit 3'
  expect 3 runtime run -b "$work/b" unnamed
  not_there ocictr-unnamed.scope
}
t_a_taken_name_is_refused() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:taken" | del(.linux.resources)' sleep 100
  expect 0 runtime run -d -b "$work/b" taken
  expect 1 runtime run -b "$work/b" second
  says octest-taken.scope
  expect 0 "$OCICTR" state taken
  says running
  expect 0 "$OCICTR" delete -f taken
  not_there octest-taken.scope
}
t_failures_leave_nothing() {
  bundle "$work/b" '.linux.cgroupsPath = ":octest:failing" | del(.linux.resources)' /no/such/program
  expect 1 runtime create -b "$work/b" failing
  not_there octest-failing.scope
  bundle "$work/b" '.linux.cgroupsPath = ":octest:failing"
    | .linux.resources = {unified: {"memory.nonsense": "1"}}' true
  expect 1 runtime create -b "$work/b" failing
  says memory.nonsense
  not_there octest-failing.scope
  bundle "$work/b" '.linux.cgroupsPath = ":octest:failing" | del(.linux.resources)
    | .annotations = {"org.systemd.property.NoSuchProperty": "true"}' true
  expect 1 runtime create -b "$work/b" failing
  says NoSuchProperty
  not_there octest-failing.scope
  expect 1 "$OCICTR" state failing
}
has_left() { ! kill -0 "$1" 2>/dev/null; }
# given_up PID STATUS: it ends so, and says why. The guest is slow: what is not noticed takes a minute.
given_up() {
  eventually has_left "$1"
  status=0
  wait "$1" || status=$?
  [ "$status" = "$2" ] || fail "status $status: $(cat "$work/err")"
  grep -q 'interrupted by a signal' "$work/err" || fail "it says: $(cat "$work/err")"
  [ "$(wc -l <"$work/err")" = 1 ] || fail "it says: $(cat "$work/err")"
}
# What a scope may be told to come after takes its time. (A shell's background ignores SIGINT.)
t_interrupted_while_the_job_waits() {
  $manager reset-failed octest-slow.service 2>/dev/null
  [ "$(id -u)" = 0 ] && user= || user=--user
  # shellcheck disable=SC2086  # one word or none
  expect 0 systemd-run $user --no-block --unit octest-slow -p Type=oneshot sleep 1000
  bundle "$work/b" '.linux.cgroupsPath = ":octest:waiting" | del(.linux.resources)
    | .annotations = {"org.systemd.property.After": "[\u0027octest-slow.service\u0027]"}' true
  for command in create run; do
    for signal in 15 1; do
      "$OCICTR" --systemd-cgroup $command -b "$work/b" waiting >"$work/out" 2>"$work/err" &
      eventually waits octest-waiting.scope
      children=$(pgrep -P $!)
      kill -$signal $!
      given_up $! $((128 + signal))
      for child in $children; do has_left "$child" || fail "$command has left $child"; done
      not_there octest-waiting.scope
      expect 1 "$OCICTR" state waiting
    done
  done
  expect 0 $manager stop octest-slow.service
  expect 0 runtime run -b "$work/b" waiting
}
waits() { [ "$(property Job "$1")" -gt 0 ] 2>/dev/null; }
is_running() { [ "$(state_of "$1")" = running ]; }
has_left_when_told() { ! kill -15 "$1" 2>/dev/null; }
# The user's own manager can be stopped; `exec` asks it to move its process, and the end of `run` to
# stop the scope.
t_interrupted_while_the_manager_is_stopped() {
  [ "$(id -u)" != 0 ] || return 0
  bundle "$work/b" '.linux.cgroupsPath = ":octest:stuck" | del(.linux.resources)' sleep 100
  expect 0 runtime run -d -b "$work/b" stuck
  systemd=$(pgrep -u "$(id -u)" -x systemd)
  trap 'kill -s CONT "$systemd"' EXIT
  kill -s STOP "$systemd"
  "$OCICTR" exec stuck true >"$work/out" 2>"$work/err" &
  eventually pgrep -P $!
  kill -s TERM $!
  given_up $! 143
  kill -s CONT "$systemd"
  expect 0 "$OCICTR" exec stuck true
  expect 0 "$OCICTR" delete -f stuck
  not_there octest-stuck.scope
  "$OCICTR" --systemd-cgroup run -b "$work/b" stuck >"$work/out" 2>"$work/err" &
  eventually is_running stuck
  kill -s STOP "$systemd"
  kill -9 "$("$OCICTR" state stuck | jq .pid)"
  eventually has_left_when_told $!
  status=0
  wait $! || status=$?
  [ $status = 143 ] || fail "status $status: $(cat "$work/err")"
  grep -q 'no answer' "$work/err" || fail "it says: $(cat "$work/err")"
  kill -s CONT "$systemd"
  expect 0 "$OCICTR" delete stuck
  not_there octest-stuck.scope
}
t_wrong_paths() {
  for path in /a/b name a:b:c; do
    bundle "$work/b" ".linux.cgroupsPath = \"$path\" | del(.linux.resources)" true
    expect 1 runtime run -b "$work/b" wrong
    says /linux/cgroupsPath
  done
}

main "$@"
