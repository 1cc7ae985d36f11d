#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's containerd with ocictr as the program behind its runc shim, driven by ctr.
. "$(dirname "$0")/common.sh"
engine=containerd

setup_containerd() {
  need ctr
  new_tag
  export CONTAINERD_NAMESPACE=$tag
  state_root=/run/containerd/runc/$tag
  runtime="--runtime io.containerd.runc.v2 --runc-binary $OCICTR --env PATH=/bin"
  make_rootfs /tmp/rootfs
  start_containerd
}
stop_engine() {
  stop_daemon "$containerd"
  containerd=
}
# Without its daemon ctr would wait ten seconds for it.
remove_containers() {
  [ -n "$containerd" ] || return 0
  for name in $(ctr container ls -q); do
    ctr task delete -f "$name" >/dev/null 2>&1
    ctr container delete "$name" >/dev/null
  done
}

# run OPTIONS... ROOTFS NAME WORDS...
run() { ctr run $runtime --rootfs "$@"; }
run_in_background() { expect 0 run -d "$@" /tmp/rootfs c sleep 100; }
task_is() { eventually sh -c "ctr task ls | grep -q '^c .*$1'"; }

# --- run -----------------------------------------------------------------------
t_run_rm() {
  expect 0 run --rm /tmp/rootfs c echo hello
  is hello
  expect 0 ctr container ls -q
  is ""
}
t_run_status_and_streams() {
  expect 3 run --rm /tmp/rootfs c sh -c 'echo to-out; echo to-err >&2; exit 3'
  says to-out to-err
}
t_run_killed_by_a_signal() { expect 134 run --rm /tmp/rootfs c sh -c 'guest signal 6; exit $?'; }
t_run_missing_program() {
  expect 1 run --rm /tmp/rootfs c /no/such
  says "OCI runtime create failed" "no such file or directory"
  expect 1 run --rm /tmp/rootfs d nosuch
  says "executable file not found in"
}
t_run_directory() {
  expect 1 run --rm /tmp/rootfs c /etc
  says "permission denied"
}
t_start_fails_cleanly() {
  forbid_execve
  expect 1 run --rm --seccomp --seccomp-profile /tmp/profile.json /tmp/rootfs c true
  says "Operation not permitted"
  expect 0 ctr container ls -q
  is ""
}
t_run_tty() {
  run_on_terminal ctr run --rm -t $runtime --rootfs /tmp/rootfs c sh
}
t_run_detached_is_listed() {
  run_in_background --pid-file /tmp/pid
  expect 0 ctr task ls
  says "c " RUNNING "$(cat /tmp/pid)"
}
t_run_without_streams() {
  expect 0 run -d --null-io /tmp/rootfs c sh -c 'echo lost; exec sleep 100'
  task_is RUNNING
}
t_configuration_file() {
  need jq
  (cd /tmp && "$OCICTR" spec) || fail spec
  jq ".process.args = $(words echo from-a-file) | .process.terminal = false | .root.path = \"/tmp/rootfs\"
     | .linux.cgroupsPath = \"/$tag/c\"" /tmp/config.json >/tmp/c.json
  expect 0 ctr run --rm $runtime --config /tmp/c.json c
  says from-a-file
}

# --- tasks ---------------------------------------------------------------------
t_exec_status_and_streams() {
  run_in_background
  expect 4 ctr task exec --exec-id e --cwd /tmp --user 1000:10 c sh -c 'pwd; id -u; echo err >&2; exit 4'
  says /tmp 1000 err
  expect 0 ctr task exec --exec-id e c true
}
t_exec_tty() {
  run_in_background
  exec_on_terminal ctr task exec -t --exec-id e c sh
}
t_exec_detached_and_killed() {
  run_in_background
  expect 0 ctr task exec -d --exec-id e c sleep 200
  expect 0 ctr task ps c
  [ "$(printf '%s\n' "$out" | wc -l)" = 3 ] || fail "not two processes"
  expect 0 ctr task kill -s KILL --exec-id e c
  eventually sh -c '[ "$(ctr task ps c | wc -l)" = 2 ]'
  expect 137 ctr task delete --exec-id e c
}
t_exec_missing_program() {
  run_in_background
  expect 1 ctr task exec --exec-id e c /no/such
  says "no such file or directory"
  expect 1 ctr task exec --exec-id f c /etc
  says "permission denied"
  task_is RUNNING
}
t_pause_and_resume() {
  run_in_background
  expect 0 ctr task pause c
  task_is PAUSED
  expect 1 ctr task exec --exec-id e c true
  expect 0 ctr task resume c
  task_is RUNNING
  expect 0 ctr task exec --exec-id f c true
}
t_ps() {
  run_in_background --pid-file /tmp/pid
  expect 0 ctr task ps c
  says "$(cat /tmp/pid)"
}
t_metrics() {
  run_in_background
  expect 0 ctr task metrics c
  says pids.current memory
}
t_kill_twice() {
  run_in_background
  expect 0 ctr task kill -s KILL c
  task_is STOPPED
  expect 1 ctr task kill -s KILL c
  says "process already finished"
  expect 0 ctr task delete c
  says "exit code 137"
}
t_kill_by_name_and_number() {
  expect 0 run -d /tmp/rootfs c sh -c 'trap "exit 8" USR1; touch /tmp/up; while :; do sleep 0.05; done'
  eventually test -e /tmp/rootfs/tmp/up
  expect 0 ctr task kill -s USR1 c
  task_is STOPPED
  expect 0 ctr task delete c
  says "exit code 8"
}
t_kill_all() {
  expect 0 run -d /tmp/rootfs c sh -c 'sleep 300 & exec sleep 301'
  eventually sh -c '[ "$(ctr task ps c | wc -l)" = 3 ]'
  expect 0 ctr task kill -a -s KILL c
  task_is STOPPED
}
t_stubborn_program() {
  expect 0 run -d /tmp/rootfs c sleep 100
  expect 0 ctr task kill c
  task_is RUNNING
  expect 1 ctr task delete c
  expect 0 ctr task delete -f c
}
t_unknown_task() {
  expect 1 ctr task kill c
  says "not found"
}
t_daemon_restarts() {
  run_in_background
  stop_engine
  start_containerd
  task_is RUNNING
  expect 7 ctr task exec --exec-id e c sh -c 'exit 7'
  expect 0 ctr task kill -s KILL c
  task_is STOPPED
}
t_shim_dies() {
  run_in_background --pid-file /tmp/pid
  shim=$(sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$(cat /tmp/pid)/stat")
  kill -KILL "$shim"
  eventually sh -c '! ctr task ls -q | grep -q .'
  eventually test ! -d "/proc/$(cat /tmp/pid)"
}
# Until the watcher is seen to get events: what was before nobody tells it.
watch_events() {
  ctr events >/tmp/events &
  watcher=$!
  eventually sh -c "ctr namespaces label $tag watched=yes && grep -q watched /tmp/events"
}
t_events() {
  watch_events
  run_in_background
  expect 0 ctr task exec --exec-id e c true
  expect 0 ctr task pause c
  expect 0 ctr task resume c
  expect 0 ctr task delete -f c
  for event in create start exec-added paused resumed exit delete; do
    eventually grep -q "/tasks/$event" /tmp/events
  done
  kill $watcher
}
t_out_of_memory() {
  watch_events
  # The first process goes on: once it ends nobody looks at its control group any more.
  expect 0 run -d --memory-limit 16000000 /tmp/rootfs c sh -c 'guest alloc 64; exec sleep 100'
  eventually grep -q /tasks/oom /tmp/events
  kill $watcher
}

# --- what the container is -------------------------------------------------------
t_limits() {
  run_in_background --pid-file /tmp/pid --memory-limit 33554432 --cpus 0.5 --cpu-shares 200
  expect 0 memory_limit_of "$(cat /tmp/pid)"
  is 33554432
}
t_process() {
  expect 0 run --rm --env A=b --cwd /tmp /tmp/rootfs c sh -c 'echo $A $(pwd)'
  is "b /tmp"
}
t_mounts() {
  mkdir /tmp/data
  echo outside >/tmp/data/file
  expect 0 run --rm --mount type=bind,src=/tmp/data,dst=/data,options=rbind:ro /tmp/rootfs c sh -c 'cat /data/file; touch /data/x || echo refused'
  says outside refused
}
t_tmpfs() {
  for place in root scratch; do
    expect 0 run --rm --mount type=tmpfs,src=tmpfs,dst=/$place /tmp/rootfs c stat -c %a /$place
    case $place in root) is 755 ;; *) is 1777 ;; esac
  done
}
t_read_only() {
  expect 1 run --rm --read-only /tmp/rootfs c touch /x
  says "Read-only file system"
}
t_capabilities() {
  expect 0 run --rm --cap-drop CAP_CHOWN --cap-add CAP_SYS_TIME /tmp/rootfs c guest report
  says "status.CapEff 00000000aa0425fa" "status.NoNewPrivs 1"
  expect 0 run --rm --allow-new-privs /tmp/rootfs c guest report
  says "status.NoNewPrivs 0"
}
t_privileged() {
  expect 0 run --rm --privileged /tmp/rootfs c guest report
  says "status.Seccomp 0"
}
t_seccomp() {
  expect 0 run --rm --seccomp /tmp/rootfs c guest report
  says "status.Seccomp 2"
}
t_host_network() {
  expect 0 run --rm --net-host /tmp/rootfs c readlink /proc/self/ns/net
  is "$(readlink /proc/self/ns/net)"
}
t_namespace_of_another() {
  run_in_background --pid-file /tmp/pid
  other=/proc/$(cat /tmp/pid)/ns/uts
  expect 0 run --rm --with-ns "uts:$other" /tmp/rootfs d readlink /proc/self/ns/uts
  is "$(readlink "$other")"
}
t_image_in_a_user_namespace() {
  make_image
  expect 0 ctr image import --snapshotter native /tmp/image.tar
  expect 0 ctr run --rm --snapshotter native --uidmap 0:100000:5000 --gidmap 0:100000:5000 \
    --runtime io.containerd.runc.v2 --runc-binary "$OCICTR" docker.io/library/bb:latest c guest report
  says "uid 0 0 0" "uid_map          0     100000       5000"
}
t_device() {
  expect 0 run --rm --device /dev/fuse /tmp/rootfs c stat -c %t:%T /dev/fuse
  is a:e5
}
t_no_pivot() { expect 0 run --rm --no-pivot /tmp/rootfs c true; }
t_no_descriptors_leak() {
  expect 0 run --rm /tmp/rootfs c guest fds
  is_stdio_only
}
# Older runtimes pass over it, and the container shares the cache with all.
t_rdt_class_needs_resctrl() {
  ! grep -q ' resctrl ' /proc/mounts || skip "this machine forbids nothing: it has resctrl"
  expect 1 run --rm --rdt-class class /tmp/rootfs c true
  says /linux/intelRdt "no resctrl file system is mounted"
}
run_exit() { run --rm /tmp/rootfs "c$1" sh -c "exit $1"; }
t_several_at_once() { several_at_once run_exit; }

main "$@"
