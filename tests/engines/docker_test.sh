#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's Docker with ocictr as its default runtime, as a user drives it.
. "$(dirname "$0")/common.sh"
engine=docker

setup_docker() {
  need dockerd
  need jq
  [ -x /usr/bin/docker ] || skip "docker is not installed"
  new_tag
  export DOCKER_HOST=unix:///run/docker/sock DOCKER_CONFIG=/tmp/docker/client HOME=/tmp/home
  state_root=/run/docker/exec/runtime-runc/moby
  mkdir -p /tmp/docker /run/docker /tmp/home
  make_rootfs /tmp/rootfs
  start_containerd
  configure_docker >/tmp/docker/daemon.json || fail "the snippet: $(cat /tmp/docker/jq.log)"
  start_docker
  import_image
}
import_image() {
  tar -C /tmp/rootfs -c . | docker import --change 'ENV PATH=/bin' - bb >/dev/null || fail "docker import"
}
# reconfigure FILTER: of daemon.json.
reconfigure() {
  stop_daemon "$dockerd"
  jq "$1" /tmp/docker/daemon.json >/tmp/docker/new && mv /tmp/docker/new /tmp/docker/daemon.json
  start_docker
}
# The snippet that the package installs, with the program under test in it.
configure_docker() {
  jq --arg runtime "$OCICTR" --arg parent "/$tag" '.runtimes.ocictr.path = $runtime | . + {
    "data-root": "/tmp/docker/root", "exec-root": "/run/docker/exec", "pidfile": "/run/docker/pid",
    "hosts": ["unix:///run/docker/sock"], "containerd": "/run/containerd/sock",
    "deprecated-key-path": "/tmp/docker/key.json", "cgroup-parent": $parent,
    "default-runtime": "ocictr", "storage-driver": "vfs",
    "bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false
  }' "$(dirname "$0")/../../runtime/packaging/docker-daemon.json" 2>/tmp/docker/jq.log
}
start_docker() {
  dockerd --config-file /tmp/docker/daemon.json >>/tmp/docker/log 2>&1 &
  dockerd=$!
  for _ in $(seq 200); do
    ! docker version >/dev/null 2>&1 || return 0
    [ -d "/proc/$dockerd" ] || break
    sleep 0.1
  done
  fail "dockerd: $(tail -n 3 /tmp/docker/log)"
}
stop_engine() {
  stop_daemon "$dockerd"
  stop_daemon "$containerd"
}
remove_containers() {
  names=$(docker ps -a -q)
  # shellcheck disable=SC2086  # a list of words
  [ -z "$names" ] || docker rm -f -v $names >/dev/null
}

docker() { command /usr/bin/docker "$@"; }
run() { docker run --network "${network:-none}" "$@"; }
run_in_background() { expect 0 run -d --name box "$@" bb sleep 100; }
# Docker asks for every capability that it knows of, up to AUDIT_READ (37) at least: those that we
# have are granted.
has_our_capabilities() {
  effective=0x$(printf '%s\n' "$out" | sed -n 's/^status.CapEff //p')
  ours=0x$(sed -n 's/^CapBnd:.//p' /proc/self/status)
  [ $((effective & ~ours)) = 0 ] || fail "capabilities that we have not: $effective"
  [ $((ours & ~effective & ((1 << 38) - 1))) = 0 ] || fail "capabilities are missing: $effective of $ours"
}
inspect() { docker inspect -f "$1" box; }
state_is() { eventually sh -c "/usr/bin/docker inspect -f '{{.State.Status}}:{{.State.ExitCode}}' box | grep -q -x '$1'"; }
# limit V1-CONTROLLER/FILE V2-FILE: of the container.
limit() { limit_of "$(inspect '{{.State.Pid}}')" "$@"; }

# --- exit codes ----------------------------------------------------------------
t_run_rm() {
  expect 0 run --rm bb echo hello
  is hello
  expect 0 docker ps -a -q
  is ""
}
t_exit_3() {
  expect 3 run --rm bb sh -c 'echo to-out; echo to-err >&2; exit 3'
  says to-out to-err
}
t_exit_125_of_the_engine() { expect 125 run --rm --no-such-option bb true; }
t_exit_126_directory() {
  expect 126 run --rm bb /etc
  says "permission denied"
}
t_exit_126_not_executable() { expect 126 run --rm bb /etc/passwd; }
t_exit_127_missing_path() {
  expect 127 run --rm bb /no/such
  says "no such file or directory"
}
t_exit_127_missing_word() {
  expect 127 run --rm bb nosuch
  says "executable file not found in"
}
t_exit_137_killed() {
  run_in_background
  expect 0 docker kill box
  state_is exited:137
}
t_exit_137_out_of_memory() {
  expect 137 run --name box --memory 16m --memory-swap 16m bb guest alloc 64
  expect 0 inspect '{{.State.OOMKilled}}'
  is true
}
t_create_fails_cleanly() {
  expect 127 run --name box bb /missing
  expect 0 docker rm box
}
# Docker asks once whether it has stopped, right away, and else leaves everything behind.
t_start_fails_cleanly() {
  forbid_execve
  for _ in 1 2 3 4 5; do
    expect 125 run --rm --security-opt seccomp=/tmp/profile.json bb true
    says "Operation not permitted"
    gone "in the state root" state_left
  done
  expect 0 docker ps -a -q
  is ""
}

# --- terminals -----------------------------------------------------------------
t_run_tty() {
  run_on_terminal /usr/bin/docker run --rm --network none -it bb sh
}
t_run_tty_interrupt() {
  expect 9 on_terminal --expect ready --send "$(printf '\003')" --expect caught -- \
    /usr/bin/docker run --rm --network none -it bb \
    sh -c 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
}
t_exec_tty() {
  run_in_background
  exec_on_terminal /usr/bin/docker exec -it box sh
}
t_stdin_is_passed() {
  out=$(printf 'one\ntwo\n' | run --rm -i bb wc -l)
  is 2
}
t_attach() {
  expect 0 run -d --name box bb sh -c 'while ! test -e /go; do echo early; sleep 0.1; done; echo late; exit 6'
  (eventually grep -q early "$captured"; docker exec box touch /go) &
  expect 6 docker attach --no-stdin box
  says late
}

# --- life cycle ----------------------------------------------------------------
t_detached_logs_stop_rm() {
  expect 0 run -d --name box bb sh -c 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.1; done'
  eventually sh -c '/usr/bin/docker logs box | grep -q up'
  expect 0 docker stop -t 10 box
  state_is exited:0
  expect 0 docker logs box
  says bye
  expect 0 docker rm box
}
t_stop_of_a_stubborn_program() {
  run_in_background
  expect 0 docker stop -t 1 box
  state_is exited:137
}
t_create_start_wait() {
  expect 0 docker create --network none --name box bb sh -c 'echo attached; exit 6'
  expect 6 docker start -a box
  says attached
  expect 0 docker wait box
  is 6
}
t_start_again() {
  expect 3 run --name box bb sh -c 'test -e /kept && exit 4; touch /kept; exit 3'
  expect 4 docker start -a box
}
t_restart() {
  run_in_background
  first=$(inspect '{{.State.Pid}}')
  expect 0 docker restart -t 0 box
  [ "$first" != "$(inspect '{{.State.Pid}}')" ] || fail "the same process"
  expect 0 docker exec box true
}
t_restarted_when_it_fails() {
  expect 0 run -d --name box --restart on-failure:2 bb false
  state_is exited:1
  eventually sh -c "/usr/bin/docker inspect -f '{{.RestartCount}}:{{.State.Status}}' box | grep -x 2:exited"
}
t_pause_unpause() {
  run_in_background
  expect 0 docker pause box
  state_is paused:0
  expect 1 docker exec box true
  expect 0 docker unpause box
  expect 0 docker exec box true
}
t_kill_with_a_signal() {
  expect 0 run -d --name box bb sh -c 'trap "exit 8" USR1; echo up; while :; do sleep 0.05; done'
  eventually sh -c '/usr/bin/docker logs box | grep -q up'
  expect 0 docker kill -s USR1 box
  state_is exited:8
  expect 1 docker kill box
}
t_rm_force_of_a_running_one() {
  run_in_background
  expect 0 docker rm -f box
}
t_daemon_restarts() {
  reconfigure '."live-restore" = true'
  run_in_background
  stop_daemon "$dockerd"
  start_docker
  state_is running:0
  expect 7 docker exec box sh -c 'exit 7'
}
t_healthcheck() {
  run_in_background --health-cmd 'test -e /ok' --health-interval 1s --health-retries 1
  expect 0 docker exec box touch /ok
  eventually sh -c "/usr/bin/docker inspect -f '{{.State.Health.Status}}' box | grep -q -x healthy"
}
run_exit() { run --rm bb sh -c "exit $1"; }
t_several_at_once() { several_at_once run_exit; }

# --- looking at it ---------------------------------------------------------------
t_top() {
  run_in_background
  expect 0 docker top box
  says PID "sleep 100"
  expect 0 docker top box -o pid,comm
  says sleep
}
t_stats() {
  run_in_background --memory 30m
  expect 0 docker stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' box
  says "box " "/ 30MiB 1"
}
# Also those from before it is connected.
watch_events() {
  docker events --since "$(date +%s)" --filter container=box --format '{{.Action}}' >/tmp/events &
  watcher=$!
}
events_say() {
  for event in "$@" destroy; do eventually grep -q -F "$event" /tmp/events; done
  kill $watcher
}
t_events() {
  watch_events
  run_in_background
  expect 0 docker exec box true
  expect 0 docker pause box
  expect 0 docker unpause box
  expect 0 docker rm -f box
  events_say create start "exec_start: true" exec_die pause unpause kill die
}
t_events_of_memory() {
  watch_events
  # The first process goes on: once it ends nobody looks at its control group any more.
  expect 0 run -d --name box --memory 16m --memory-swap 16m bb sh -c 'guest alloc 64; exec sleep 100'
  eventually grep -q oom /tmp/events
  expect 0 docker rm -f box
  events_say oom die
}
t_info_does_not_warn() {
  expect 0 docker info
  says "Default Runtime: ocictr" seccomp
  lacks ocictr:
  for warning in "No memory limit" "No swap limit" "No cpu" "No pids" "seccomp profile" runtime; do
    lacks "WARNING: $warning"
  done
  if grep -E 'level=(warning|error).*(ocictr|features|runtime version)' /tmp/docker/log; then
    fail "dockerd complains"
  fi
}
t_copy_and_diff() {
  run_in_background
  echo outside >/tmp/file
  expect 0 docker cp /tmp/file box:/tmp/copied
  expect 0 docker exec box cat /tmp/copied
  is outside
  expect 0 docker diff box
  says "A /tmp/copied"
}

# --- update ----------------------------------------------------------------------
t_update_memory() {
  run_in_background --memory 30m --memory-swap 30m
  expect 0 docker update --memory 40m --memory-swap 40m box
  expect 0 limit memory/memory.limit_in_bytes memory.max
  is 41943040
}
t_update_cpu_and_pids() {
  run_in_background --cpu-shares 500
  expect 0 docker update --cpu-shares 200 --cpuset-cpus 0 --pids-limit 40 box
  expect 0 limit pids/pids.max pids.max
  is 40
  expect 0 limit cpuset/cpuset.cpus cpuset.cpus
  is 0
}
t_update_restart_policy() {
  run_in_background
  expect 0 docker update --restart always box
}

# --- exec ------------------------------------------------------------------------
t_exec_status_streams_options() {
  run_in_background
  expect 7 docker exec -e A=b -w /tmp -u 1000:10 box sh -c 'echo $A $(pwd) $(id -u):$(id -g); echo err >&2; exit 7'
  says "b /tmp 1000:10" err
  out=$(echo typed | docker exec -i box cat)
  is typed
}
t_exec_missing_and_directory() {
  run_in_background
  # Docker 20.10 says 126 of everything that could not be started.
  expect 126 docker exec box nosuch
  says "executable file not found in"
  expect 126 docker exec box /no/such
  says "no such file or directory"
  expect 126 docker exec box /etc
  state_is running:0
}
t_exec_detached() {
  run_in_background
  expect 0 docker exec -d box sh -c 'echo x > /tmp/made; sleep 100'
  eventually docker exec box test -f /tmp/made
}
t_exec_privileged() {
  run_in_background
  expect 0 docker exec --privileged box guest report
  has_our_capabilities
}

# --- what the container is -------------------------------------------------------
t_limits() {
  run_in_background --memory 64m --pids-limit 50 --cpuset-cpus 0 --cpu-shares 300
  expect 0 limit memory/memory.limit_in_bytes memory.max
  is 67108864
  expect 0 limit pids/pids.max pids.max
  is 50
}
t_init() {
  expect 0 run --rm --init bb ps
  says docker-init
  expect 3 run --rm --init bb sh -c 'exit 3'
}
t_read_only_and_tmpfs() {
  expect 0 run --rm --read-only --tmpfs /scratch:size=2m,mode=1770 bb sh -c 'touch /x || echo refused; df -k /scratch | tail -1; stat -c %a /scratch; touch /scratch/x'
  says refused 2048 1770
  expect 0 run --rm --user 1000 --tmpfs /scratch --tmpfs /root bb sh -c 'touch /scratch/x && stat -c %a /scratch /root'
  is "1777
755"
}
t_volume() {
  mkdir /tmp/data
  echo outside >/tmp/data/file
  expect 0 run --rm -v /tmp/data:/data bb sh -c 'cat /data/file; echo inside > /data/made'
  is outside
  [ "$(cat /tmp/data/made)" = inside ] || fail "nothing came out"
  expect 1 run --rm -v /tmp/data:/data:ro bb touch /data/no
  expect 0 run --rm -v named:/data bb sh -c 'echo kept > /data/x'
  expect 0 run --rm --mount type=volume,src=named,dst=/data bb cat /data/x
  is kept
}
t_volumes_from() {
  expect 0 run -d --name box -v /shared bb sh -c 'echo x > /shared/file; exec sleep 100'
  eventually docker exec box test -e /shared/file
  expect 0 run --rm --volumes-from box bb cat /shared/file
  is x
}
t_user() {
  expect 0 run --rm --user 1000:10 --group-add 55 bb guest report
  says "uid 1000 1000 1000" 55
  expect 0 run --rm --user user bb guest report
  says "env HOME=/tmp"
}
t_capabilities() {
  expect 0 run --rm --cap-drop ALL bb guest report
  says "status.CapEff 0000000000000000" "status.CapBnd 0000000000000000"
  expect 0 run --rm --cap-drop ALL --cap-add NET_ADMIN bb guest report
  says "status.CapEff 0000000000001000"
}
t_privileged() {
  expect 0 run --rm --privileged bb guest report
  says "status.Seccomp 0"
  has_our_capabilities
}
t_default_security() {
  expect 0 run --rm bb guest report
  says "status.Seccomp 2" "status.NoNewPrivs 0"
  expect 0 run --rm --security-opt seccomp=unconfined --security-opt no-new-privileges bb guest report
  says "status.Seccomp 0" "status.NoNewPrivs 1"
  expect 0 run --rm bb sh -c 'cat /proc/keys /proc/timer_list 2>/dev/null | wc -c'
  is 0
}
t_networks() {
  expect 0 run --rm bb ip link
  says lo UP
  network=host
  expect 0 run --rm bb readlink /proc/self/ns/net
  says "$(readlink /proc/self/ns/net)"
  network=none
  run_in_background
  network=container:box
  expect 0 run --rm bb readlink /proc/self/ns/net
  says "$(readlink "/proc/$(inspect '{{.State.Pid}}')/ns/net")"
}
t_namespaces_of_another() {
  run_in_background --ipc shareable
  expect 0 run --rm --pid container:box --ipc container:box bb ps
  says "sleep 100"
}
t_host_namespaces() {
  expect 0 run --rm --pid host --uts host --ipc host bb sh -c 'readlink /proc/self/ns/pid; hostname'
  is "$(readlink /proc/self/ns/pid)
$(hostname)"
}
t_user_namespace() {
  with_private_etc
  echo remapped:x:4000:4000::/:/bin/sh >>/etc/passwd
  echo remapped:x:4000: >>/etc/group
  echo remapped:400000:65536 >/etc/subuid
  echo remapped:400000:65536 >/etc/subgid
  reconfigure '."userns-remap" = "remapped"'
  state_root=/run/docker/exec.400000.400000/runtime-runc/moby
  import_image
  mount_points >/tmp/mounts_before  # dockerd has mounted its new root on itself
  expect 0 run --rm -v /made-here bb sh -c 'cat /proc/self/uid_map; touch /made-here/x; stat -c %u /made-here/x'
  says "0     400000      65536"
  run_in_background
  expect 4 docker exec box sh -c 'id -u; exit 4'
  is 0
  expect 0 run --rm --userns host bb cat /proc/self/uid_map
  lacks 400000
}
t_cgroup_namespaces() {
  expect 0 run --rm --cgroupns host bb readlink /proc/self/ns/cgroup
  is "$(readlink /proc/self/ns/cgroup)"
  expect 0 run --rm --cgroupns private bb readlink /proc/self/ns/cgroup
  [ "$out" != "$(readlink /proc/self/ns/cgroup)" ] || fail "the host's"
}
t_hostname_env_workdir() {
  expect 0 run --rm --hostname named -e A=b -w /tmp bb sh -c 'echo $(hostname) $A $(pwd)'
  is "named b /tmp"
}
t_sysctl_ulimit_device() {
  expect 0 run --rm --sysctl net.ipv4.ip_forward=1 bb cat /proc/sys/net/ipv4/ip_forward
  is 1
  expect 0 run --rm --ulimit nofile=123:456 bb guest report
  says "rlimit.NOFILE 123 456"
  expect 0 run --rm --device /dev/fuse:/dev/mine:rw bb stat -c %t:%T /dev/mine
  is a:e5
}
t_device_rules_and_profiles() {
  try='(exec 3<$D) && echo read; (exec 3<>$D) || echo refused'
  expect 0 run --rm --device /dev/fuse:/dev/mine:r -e D=/dev/mine bb sh -c "$try"
  says read refused
  expect 0 run --rm --device-cgroup-rule 'c 10:229 rm' -e D=/f bb sh -c "mknod /f c 10 229; $try"
  says read refused
  printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}' \
    >/tmp/profile.json
  expect 1 run --rm --security-opt seccomp=/tmp/profile.json bb sh -c 'touch /made && mkdir /directory'
  says "Operation not permitted"
}
t_of_a_paused_one() {
  run_in_background --cgroup-parent "/$tag/deeper"
  expect 0 cat "/proc/$(inspect '{{.State.Pid}}')/cgroup"
  says "/$tag/deeper/"
  expect 0 docker pause box
  echo outside >/tmp/file
  expect 0 docker cp /tmp/file box:/tmp/file
  expect 0 docker commit box next
  docker export box | tar -t | grep -q -x tmp/file || fail "not exported"
  expect 0 docker unpause box
  expect 0 docker update --cpus 0.5 box
  expect 0 limit cpu/cpu.cfs_quota_us cpu.max
  says 50000
  expect 0 run --rm --read-only --tmpfs /run -v vol:/vol next \
    sh -c 'cat /tmp/file; touch /vol/x /run/x && touch /x || echo refused'
  says outside refused
}
t_shm_size_and_oom_score() {
  expect 0 run --rm --shm-size 4m --oom-score-adj 300 bb sh -c 'df -k /dev/shm | tail -1; cat /proc/self/oom_score_adj'
  says 4096 300
}
t_no_descriptors_leak() {
  expect 0 run --rm bb guest fds
  is_stdio_only
}

# --- build -----------------------------------------------------------------------
t_build() {
  mkdir /tmp/context
  echo copied >/tmp/context/file
  cat >/tmp/context/Dockerfile <<'DOCKERFILE'
FROM bb
COPY file /file
RUN echo made > /made && cat /file >> /made
USER 1000
RUN id -u > /tmp/who
CMD ["sh", "-c", "cat /made /tmp/who"]
DOCKERFILE
  expect 0 env DOCKER_BUILDKIT=0 /usr/bin/docker build --network none -t built /tmp/context
  expect 0 run --rm built
  is "made
copied
1000"
}
t_build_fails() {
  mkdir /tmp/context
  printf 'FROM bb\nRUN exit 5\n' >/tmp/context/Dockerfile
  expect 5 env DOCKER_BUILDKIT=0 /usr/bin/docker build --network none /tmp/context
  says "returned a non-zero code: 5"
}

main "$@"
