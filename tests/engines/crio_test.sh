#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CRI-O is not in Debian: what it runs is replayed here, word by word. conmon, which makes its
# containers, is real; what CRI-O calls itself gets its environment, and what it reads is held
# against its rules: output that parses with stderr mixed in, texts that it looks for in lower case.
. "$(dirname "$0")/common.sh"
engine=crio

setup_crio() {
  need conmon
  need jq
  new_tag
  state_root=/run/crio/root
  mkdir -p /run/crio/root /run/crio/exits /run/crio/persist /run/crio/attach /run/xdg /tmp/bundle
  make_rootfs /tmp/bundle/rootfs
}
remove_containers() {
  for id in box pod other; do crio delete --force $id >/dev/null 2>&1; done
}

# What CRI-O calls itself. Global options come first, the environment is all but empty.
crio() { env -i XDG_RUNTIME_DIR=/run/xdg PATH="$PATH" "$OCICTR" --root /run/crio/root "$@"; }

# bundle FILTER WORDS...: config.json as CRI-O writes it, more or less, changed by a jq filter.
bundle() {
  filter=$1
  shift
  rm -f /tmp/bundle/config.json
  (cd /tmp/bundle && "$OCICTR" spec) || fail "spec"
  jq --argjson args "$(words "$@")" --arg path "/$tag/crio-box" '
    .process.args = $args | .process.terminal = false | .process.oomScoreAdj = 500
    | .process.env += ["TERM=xterm", "HOSTNAME=box"] | .root.readonly = false
    | .linux.cgroupsPath = $path
    | .linux.resources = {devices: [{allow: false, access: "rwm"}], memory: {limit: 67108864, swap: 67108864},
        cpu: {shares: 512, quota: 0, period: 100000}, pids: {limit: 100}}
    | .annotations = {"io.container.manager": "cri-o", "io.kubernetes.cri-o.TTY": "false",
        "io.kubernetes.cri-o.Labels": "{\"a\":\"b\"}", "io.kubernetes.cri-o.Stdin": "false",
        "org.systemd.property.TimeoutStopUSec": "uint64 30000000",
        "org.systemd.property.DefaultDependencies": "true"}
    | '"$filter" </tmp/bundle/config.json >/tmp/bundle/edited || fail jq
  mv /tmp/bundle/edited /tmp/bundle/config.json
}

# monitor OPTIONS...: conmon, with its two pipes; what it reports is in /tmp/sync.
monitor() {
  echo go >/tmp/start-pipe
  : >/tmp/sync
  expect 0 env -i XDG_RUNTIME_DIR=/run/xdg PATH="${search:-$PATH}" _OCI_STARTPIPE=4 _OCI_SYNCPIPE=5 \
    conmon "$@" 4</tmp/start-pipe 5>>/tmp/sync
}
create() {
  monitor -b /tmp/bundle -c "${id:-box}" --exit-dir /run/crio/exits -l /run/crio/log --log-level info \
    -n "k8s_${id:-box}" -P /run/crio/conmon.pid -p /run/crio/pid --persist-dir /run/crio/persist \
    -r "$OCICTR" --runtime-arg --root=/run/crio/root --socket-dir-path /run/crio/attach --syslog \
    -u "${id:-box}" "$@"
  eventually test -s /tmp/sync
}
created() {
  bundle "${filter:-.}" "$@"
  create
  [ "$(jq -r .pid /tmp/sync 2>/dev/null || jq -r .data /tmp/sync)" -gt 0 ] || fail "conmon: $(cat /tmp/sync)"
}
running() {
  created "$@"
  expect 0 crio start box
  is ""
}
ended() { eventually test -s "/run/crio/exits/${1:-box}"; }
# state [FIELD]: what CRI-O reads, stderr mixed in: a single warning would break it.
state() {
  expect 0 crio state box
  out=$(printf '%s' "$out" | jq -r "${1:-.}") || fail "the state is not JSON"
}
# process FILTER WORDS...: the file that exec gets.
process() {
  filter=$1
  shift
  jq ".process | .args = $(words "$@") | del(.rlimits) | $filter" </tmp/bundle/config.json >/tmp/process.json
}

# --- what it asks first ----------------------------------------------------------
t_features() {
  expect 0 env -i "$OCICTR" features
  for field in ociVersionMin ociVersionMax; do
    [ -n "$(printf '%s' "$out" | jq -r ".$field")" ] || fail "no $field"
  done
  printf '%s' "$out" | jq -e '.mountOptions | index("rro") and index("rbind")' >/dev/null || fail "no rro"
  printf '%s' "$out" | jq -e '.linux.namespaces | index("user")' >/dev/null || fail "no user namespaces"
}
t_version() {
  expect 0 env -i "$OCICTR" --version
  [ "$(printf '%s\n' "$out" | grep -c version)" = 1 ] || fail "not one line with the word"
  says "spec: 1."
}

# --- life cycle ------------------------------------------------------------------
t_create_start_exit() {
  created sh -c 'echo to-out; echo to-err >&2; exit 7'
  pid=$(cat /run/crio/pid)
  [ "$(wc -l </run/crio/pid)" = 0 ] || fail "the pid file has a newline"
  state .status
  is created
  state .pid
  is "$pid"
  # conmon and CRI-O look for the control group as soon as the pid is there.
  grep -q "/$tag/crio-box" "/proc/$pid/cgroup" || fail "not in its control group: $(cat "/proc/$pid/cgroup")"
  expect 0 crio start box
  ended
  [ "$(cat /run/crio/exits/box)" = 7 ] || fail "the exit file says $(cat /run/crio/exits/box)"
  out=$(cat /run/crio/log)
  says "stdout F to-out" "stderr F to-err"
  state .status
  is stopped
  state .pid
  is 0
  expect 0 crio delete --force box
}
t_state_fits_into_its_record() {
  running sleep 100
  state .status
  is running
  # Read over CRI-O's own record: these names are that record's.
  state '[keys[] | select(IN("started", "finished", "exitCode", "oomKilled", "seccompKilled", "error",
    "initPid", "initStartTime", "checkpointedTime", "containerMonitorProcess"))] | length'
  is 0
  state '.created | sub("\\.[0-9]+Z$"; "Z") | fromdate > 1600000000'
  is true
  state '.bundle, .annotations["io.container.manager"]'
  is "/tmp/bundle
cri-o"
}
t_create_without_a_program() {
  bundle . nosuch
  create
  out=$(cat /tmp/sync)
  says "executable file not found in"
  [ ! -s /run/crio/pid ] || fail "a pid file all the same"
  bundle . /etc
  create
  out=$(cat /tmp/sync)
  says "permission denied"
}
t_kill_signals_by_number() {
  running sh -c 'trap "exit 9" USR1; touch /tmp/up; while :; do sleep 0.05; done'
  eventually test -e /tmp/bundle/rootfs/tmp/up
  expect 0 crio kill box 10
  ended
  [ "$(cat /run/crio/exits/box)" = 9 ] || fail "$(cat /run/crio/exits/box)"
}
t_stop_then_kill() {
  running sh -c 'trap "" TERM; touch /tmp/up; while :; do sleep 0.05; done'
  eventually test -e /tmp/bundle/rootfs/tmp/up
  expect 0 crio kill box 15
  state .status
  is running
  expect 0 crio kill box KILL
  ended
  [ "$(cat /run/crio/exits/box)" = 137 ] || fail "$(cat /run/crio/exits/box)"
}
t_kill_of_a_stopped_one() {
  running true
  ended
  expect 1 crio kill box 15
  says "container not running"
  expect 0 crio kill -a box 9
  expect 0 crio delete --force box
  expect 0 crio delete --force box
  expect 1 crio state box
  says "does not exist"
  expect 1 crio kill box 9
  says "does not exist"
}
t_kill_all() {
  running sh -c 'sleep 300 & sleep 301 & touch /tmp/up; wait'
  eventually test -e /tmp/bundle/rootfs/tmp/up
  expect 0 crio kill -a box 9
  ended
}
t_pause_and_resume() {
  running sleep 100
  expect 0 crio pause box
  is ""
  state .status
  is paused
  expect 0 crio resume box
  state .status
  is running
}
t_out_of_memory() {
  filter='.linux.resources.memory = {limit: 16777216, swap: 16777216}' running guest alloc 64
  ended
  eventually test -e /run/crio/persist/oom -o -e /tmp/bundle/oom
}
t_options_of_a_drop_in() {
  bundle . true
  create --no-pivot --no-new-keyring
  expect 0 crio start box
  ended
}
t_delete_force_of_a_running_one() {
  running sleep 100
  expect 0 crio delete --force box
  is ""
}
t_start_twice() {
  running sleep 100
  expect 1 crio start box
}

# --- update ----------------------------------------------------------------------
t_update_from_stdin() {
  running sleep 100
  pid=$(cat /run/crio/pid)
  printf '{"memory":{"limit":50331648,"swap":50331648},"cpu":{"shares":256,"quota":0,"period":100000},"pids":{"limit":40}}' >/tmp/resources
  expect 0 sh -c "env -i PATH='$PATH' '$OCICTR' --root /run/crio/root update --resources - box </tmp/resources"
  is ""
  path=$(sed -n 's/^[0-9]*:pids://p' "/proc/$pid/cgroup")
  [ -n "$path" ] || skip "no control group controller here: pids of v1"
  expect 0 cat "/sys/fs/cgroup/pids$path/pids.max"
  is 40
  expect 0 cat "/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' "/proc/$pid/cgroup")/memory.limit_in_bytes"
  is 50331648
}

# --- exec ------------------------------------------------------------------------
t_exec_attached() {
  running sleep 100
  process . sh -c 'echo to-out; echo to-err >&2; exit 4'
  crio exec --process /tmp/process.json box >/tmp/out 2>/tmp/err
  [ $? = 4 ] || fail "exec does not end as the program"
  [ "$(cat /tmp/out)" = to-out ] && [ "$(cat /tmp/err)" = to-err ] || fail "streams are mixed"
  process . cat
  out=$(echo typed | crio exec --process /tmp/process.json box)
  is typed
}
t_exec_attached_on_a_terminal() {
  running sleep 100
  process '.terminal = true | .consoleSize = {height: 22, width: 66}' sh -c 'stty size; tty; exit 5'
  expect 5 on_terminal --size 22x66 --expect '22 66' -- env -i PATH="$PATH" "$OCICTR" \
    --root /run/crio/root exec --process /tmp/process.json box
  says /dev/pts/
}
# exec_sync: through conmon; what the program wrote is in the log.
exec_sync() {
  rm -f /run/crio/exec.log
  : >/run/crio/exec.pid
  monitor -c box -n k8s_box -r "$OCICTR" -p /run/crio/exec.pid -e -l /run/crio/exec.log \
    --socket-dir-path /run/crio/attach --log-level info --runtime-arg --root=/run/crio/root \
    --exec-process-spec /tmp/process.json --exit-dir /run/crio/exec-exits -u exec-of-box "$@"
}
t_exec_sync() {
  running sleep 100
  mkdir /run/crio/exec-exits
  process . sh -c 'echo answer; exit 3'
  exec_sync
  eventually grep -q '"exit_code": *3' /tmp/sync
  grep -q "stdout F answer" /run/crio/exec.log || fail "the log: $(cat /run/crio/exec.log)"
  grep -q '^[0-9]' /run/crio/exec.pid || fail "no pid"
}
t_exec_sync_in_time() {
  running sleep 100
  mkdir /run/crio/exec-exits
  process . sleep 100
  exec_sync -T 1
  eventually grep -q 'command timed out' /tmp/sync
}
t_exec_sync_without_a_program() {
  running sleep 100
  mkdir /run/crio/exec-exits
  process . /no/such
  exec_sync
  eventually grep -q 'no such file or directory' /tmp/sync
  [ ! -s /run/crio/exec.pid ] || fail "a pid file, as if it had run"
}
t_exec_in_a_stopped_one() {
  running true
  ended
  process . true
  expect 255 crio exec --process /tmp/process.json box
  says "stopped container"
}

# --- checkpoint ------------------------------------------------------------------
# How it is when criu is there, tests/guest tells.
t_checkpoint_without_criu() {
  running sleep 100
  expect 1 env -i XDG_RUNTIME_DIR=/run/xdg PATH=/nowhere "$OCICTR" --root /run/crio/root checkpoint \
    --file-locks --image-path /tmp/images --work-path /tmp/bundle --leave-running box
  says "executable file not found in"
  state .status
  is running
}
t_restore_without_criu() {
  bundle . sleep 100
  mkdir /tmp/images
  echo '[]' >/tmp/images/descriptors.json
  mkdir /tmp/path
  ln -s "$(command -v conmon)" /tmp/path/conmon
  search=/tmp/path create --restore /tmp/images --runtime-opt=--lsm-profile=selinux:label \
    --runtime-opt=--lsm-mount-context=context
  out=$(cat /tmp/sync)
  says "executable file not found in"
  [ ! -s /run/crio/pid ] || fail "a pid file all the same"
}

# --- terminals -------------------------------------------------------------------
t_terminal_container() {
  bundle '.process.terminal = true' sh -c 'stty size; tty; sleep 0.2; exit 6'
  create -t
  expect 0 crio start box
  ended
  [ "$(cat /run/crio/exits/box)" = 6 ] || fail "$(cat /run/crio/exits/box)"
  out=$(cat /run/crio/log)
  says /dev/pts/0
}

# --- pods ------------------------------------------------------------------------
t_pod() {
  # The sandbox holds the namespaces; the container joins those of network, IPC and host name.
  bundle ".linux.cgroupsPath = \"/$tag/crio-pod\" | .hostname = \"pod\"" sleep 100
  id=pod create
  expect 0 crio start pod
  of=/proc/$(cat /run/crio/pid)/ns
  join=
  for kind in network ipc uts; do
    file=$(case $kind in network) echo net ;; *) echo $kind ;; esac)
    join="$join | .linux.namespaces |= map(if .type == \"$kind\" then .path = \"$of/$file\" else . end)"
  done
  filter="del(.hostname) $join" running sh -c 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; hostname'
  ended
  out=$(cat /run/crio/log)
  says "$(readlink "$of/net")" "$(readlink "$of/ipc")" "F pod"
}
t_pod_with_users_of_its_own() {
  filter='.linux.namespaces += [{type: "user"}]
    | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings' \
    running cat /proc/self/uid_map
  ended
  out=$(cat /run/crio/log)
  says "0     100000      65536"
}
t_read_only_volumes_recursively() {
  mkdir -p /tmp/volume/below
  mount -t tmpfs tmpfs /tmp/volume/below
  filter='.mounts += [{destination: "/volume", type: "bind", source: "/tmp/volume", options: ["rbind", "rprivate", "rro"]}]' \
    running sh -c 'touch /volume/below/x || echo refused'
  ended
  umount /tmp/volume/below
  out=$(cat /run/crio/log)
  says refused
}

main "$@"
