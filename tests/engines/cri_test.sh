#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# containerd's CRI plugin with the packaged snippet, driven as kubelet drives it.
. "$(dirname "$0")/common.sh"
engine=cri

setup_cri() {
  need ctr
  /usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not installed"
  new_tag
  export CONTAINERD_NAMESPACE=k8s.io
  state_root=/run/containerd/runc/k8s.io
  mkdir -p /tmp/logs
  make_rootfs /tmp/rootfs
  cri_conf >/tmp/cri.toml
  start_containerd /tmp/cri.toml
  make_image
  expect 0 ctr image import --snapshotter native /tmp/image.tar
  pod=$(cri runp pod ocictr "/$tag") || fail "no sandbox: $(grep -e "level=error" -e "level=fatal" -e "failed to load" /tmp/containerd/log | tail -n 4)"
}
# What the package installs, with the tested program in it.
cri_conf() {
  sed -e '/^version/d' -e "s|/usr/bin/ocictr|$OCICTR|" "$packaging/containerd.toml"
  cat <<'CONF'
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/bb:latest"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
CONF
}
stop_engine() { stop_daemon "$containerd"; }
remove_containers() {
  [ -z "${box:-}" ] || cri rm "$box"
  [ -z "${pod:-}" ] || { cri stopp "$pod"; cri rmp "$pod"; }
}

cri() { /usr/bin/python3 -B "$(dirname "$0")/cri.py" /run/containerd/sock "$@"; }
# running WORDS...: the container $box.
running() {
  box=$(cri create "$pod" box docker.io/library/bb:latest "$@") || fail "create: $box"
  expect 0 cri start "$box"
}
status_is() {
  for _ in $(seq 50); do
    case $(cri status "$box") in "$1"*) return 0 ;; esac
    sleep 0.2
  done
  fail "not $1: $(cri status "$box")"
}

t_run_and_log() {
  running sh -c 'echo $WORD; echo to-err >&2; exit 7'
  status_is "exited 7"
  out=$(cat /tmp/logs/box.log)
  says "stdout F told" "stderr F to-err"
}
t_exec() {
  running sleep 100
  status_is "running 0"
  expect 4 cri exec "$box" sh -c 'echo in; echo err >&2; exit 4'
  says in err
  expect 1 cri exec "$box" /no/such
  says "no such file or directory"
}
t_stop() {
  running guest wait-term
  expect 0 cri stop "$box" 10
  status_is "exited 0"
}
t_stop_of_a_stubborn_program() {
  running sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done'
  eventually grep -q up /tmp/logs/box.log
  expect 0 cri stop "$box" 1
  status_is "exited 137"
}
t_missing_program() {
  box=$(cri create "$pod" box docker.io/library/bb:latest nosuch) || fail "create"
  expect 1 cri start "$box"
  says "executable file not found in"
  status_is "exited 128 StartError"
}
t_update_and_stats() {
  running sleep 100
  expect 0 cri update "$box" 50331648
  pid=$(ctr task ls | awk -v id="$box" '$1 == id {print $2}')
  expect 0 memory_limit_of "$pid"
  is 50331648
  expect 0 cri stats "$box"
  says memory
}
t_out_of_memory() {
  running guest alloc 128
  status_is "exited 137 OOMKilled"
}
t_tty() {
  running tty sh -c 'tty; sleep 0.3'
  status_is "exited 0"
  out=$(cat /tmp/logs/box.log)
  says /dev/pts/0
}
t_namespaces_of_the_pod() {
  running sh -c 'readlink /proc/self/ns/ipc; readlink /proc/self/ns/net; exec sleep 100'
  sandbox=$(ctr task ls | awk -v id="$pod" '$1 == id {print $2}')
  eventually grep -q net: /tmp/logs/box.log
  out=$(cat /tmp/logs/box.log)
  says "$(readlink "/proc/$sandbox/ns/ipc")" "$(readlink "/proc/$sandbox/ns/net")"
}

main "$@"
