#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's podman with ocictr as its runtime, as a user drives it. Run through ctest, or:
#   build/tests/sandbox env OCICTR=… OCICTR_TOOLS=build/tests sh tests/engines/podman_test.sh NAME
. "$(dirname "$0")/common.sh"
engine=podman

# --- exit codes ----------------------------------------------------------------
t_run_rm() {
  expect 0 run --rm bb echo hello
  is hello
  expect 0 podman ps -a -q
  is ""
}
t_exit_3() { expect 3 run --rm bb sh -c 'exit 3'; }
t_exit_125_of_the_engine() { expect 125 run --rm --no-such-option bb true; }
t_exit_125_of_the_program() { expect 125 run --rm bb sh -c 'exit 125'; }
t_exit_126_directory() { expect 126 run --rm bb /etc; }
t_exit_126_not_executable() { expect 126 run --rm bb /etc/passwd; }
t_exit_127_missing_path() { expect 127 run --rm bb /no/such/program; }
t_exit_127_missing_word() {
  expect 127 run --rm bb nosuchprogram
  expect 127 run --rm bb ''
}
ended_with() {
  eventually sh -c "command podman --root /tmp/podman/root --runroot /run/podman/storage inspect \\
    --format '{{.State.Status}}:{{.State.ExitCode}}' c | grep -q -x exited:$1"
}
t_exit_137_killed() {
  expect 0 run -d --name c bb sleep 100
  expect 0 podman kill c
  ended_with 137
}
t_exit_137_out_of_memory() {
  expect 137 run --name c --memory 16m --memory-swap 16m bb guest alloc 64
}
t_create_fails_cleanly() {
  expect 127 run --name c bb /missing
  expect 0 podman rm c
}
# `start` says that the program could not be executed, and podman cleans up behind it.
t_start_fails_cleanly() {
  forbid_execve
  expect 126 run --rm --security-opt seccomp=/tmp/profile.json bb true
  says "Operation not permitted"
  expect 0 podman ps -a -q
  is ""
}

# --- terminals -----------------------------------------------------------------
t_run_tty() {
  run_on_terminal "$0" --inside run --rm -it bb sh
}
t_run_tty_interrupt() {
  expect 9 on_terminal --expect ready --send "$(printf '\003')" --expect caught -- \
    "$0" --inside run --rm -it bb sh -c 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
}
t_exec_tty() {
  expect 0 run -d --name c bb sleep 100
  exec_on_terminal "$0" --inside exec -it c sh
}
t_tty_without_a_terminal_of_ours() {
  expect 0 run --rm -t bb tty
  says /dev/
}
t_stdin_is_passed() {
  out=$(printf 'one\ntwo\n' | run --rm -i bb wc -l)
  is 2
}
# As programs do that log to /dev/stdout; the pipes are conmon's.
t_standard_streams_can_be_opened() {
  open='cat /dev/stdin; echo to-out >/dev/stdout; echo to-err >/dev/stderr'
  ids="--uidmap 0:100000:5000 --gidmap 0:200000:6000"
  for options in "" "--user 1000:10" "$ids" "$ids --user 1000:10"; do
    out=$(echo typed | run --rm -i $options bb sh -ec "$open" 2>&1) || fail "$options: $out"
    says typed to-out to-err
    expect 0 run -d --name c $options bb sleep 100
    for user in 0 1000; do
      out=$(echo typed | podman exec -i --user $user c sh -ec "$open" 2>&1) || fail "$options, exec: $out"
      says typed to-out to-err
    done
    # Right after an end podman may find a mount of its own still busy.
    eventually podman rm -f -t 0 c
  done
}

# --- life cycle ----------------------------------------------------------------
t_detached_exec_logs_stop_rm() {
  expect 0 run -d --name c bb sh -c 'trap "echo bye; exit 0" TERM; echo from-the-log; while :; do sleep 0.1; done'
  expect 0 podman exec c cat /proc/1/comm
  is sh
  expect 0 podman exec -e A=b -w /tmp -u 1000:10 c sh -c 'echo $A $(pwd) $(id -u):$(id -g)'
  is "b /tmp 1000:10"
  eventually sh -c "grep -q from-the-log /tmp/podman/root/vfs-containers/*/userdata/ctr.log"
  expect 0 podman logs c
  says from-the-log
  expect 0 podman inspect --format '{{.State.Status}} {{.State.Running}}' c
  is "running true"
  expect 0 podman stop -t 10 c
  expect 0 podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' c
  is "exited 0"
  expect 0 podman logs c
  says bye
  expect 0 podman rm c
}
t_stop_of_a_stubborn_program() {
  expect 0 run -d --name c bb sh -c 'trap "" TERM; while :; do sleep 0.1; done'
  expect 0 podman stop -t 1 c
  expect 0 podman inspect --format '{{.State.ExitCode}}' c
  is 137
}
t_create_start_attach() {
  expect 0 podman create --cgroup-parent "/$tag" --network none --name c bb sh -c 'echo attached; exit 6'
  expect 6 podman start -a c
  says attached
  expect 6 podman start -a c
}
t_restart() {
  expect 0 run -d --name c bb sleep 100
  first=$(podman inspect --format '{{.State.Pid}}' c)
  expect 0 podman restart -t 0 c
  second=$(podman inspect --format '{{.State.Pid}}' c)
  [ "$first" != "$second" ] || fail "the same process"
  expect 0 podman exec c true
}
t_pause_unpause() {
  expect 0 run -d --name c bb sleep 100
  expect 0 podman pause c
  expect 0 podman inspect --format '{{.State.Status}}' c
  is paused
  expect 0 podman unpause c
  expect 0 podman exec c true
}
t_rm_force_of_a_running_one() {
  expect 0 run -d --name c bb sleep 100
  expect 0 podman rm -f -t 0 c
}
t_kill_with_a_signal() {
  expect 0 run -d --name c bb sh -c 'trap "echo usr1; exit 8" USR1; echo up; while :; do sleep 0.05; done'
  eventually sh -c "grep -q up /tmp/podman/root/vfs-containers/*/userdata/ctr.log"
  expect 0 podman kill -s USR1 c
  ended_with 8
}
t_top() {
  expect 0 run -d --name c bb sleep 100
  expect 0 podman top c pid comm
  says sleep
}
run_exit() { run --rm bb sh -c "exit $1"; }
t_several_at_once() {
  several_at_once run_exit
  expect 0 podman ps -a -q
  is ""
}
t_removed_by_itself() {
  expect 0 run -d --rm --name c bb sleep 0.2
  eventually sh -c '! command podman --root /tmp/podman/root --runroot /run/podman/storage container exists c'
}

# --- exec ----------------------------------------------------------------------
t_exec_missing_is_127() {
  expect 0 run -d --name c bb sleep 100
  expect 127 podman exec c nosuchprogram
  expect 127 podman exec c /no/such
}
t_exec_directory_is_126() {
  expect 0 run -d --name c bb sleep 100
  expect 126 podman exec c /etc
}
t_exec_status_and_streams() {
  expect 0 run -d --name c bb sleep 100
  expect 7 podman exec c sh -c 'echo to-out; echo to-err >&2; exit 7'
  says to-out to-err
  out=$(echo typed | podman exec -i c cat)
  is typed
}
t_exec_detached() {
  expect 0 run -d --name c bb sleep 100
  expect 0 podman exec -d c sh -c 'echo x > /tmp/made; sleep 100'
  eventually podman exec c test -f /tmp/made
}
t_exec_privileged() {
  expect 0 run -d --name c bb sleep 100
  expect 0 podman exec --privileged c guest report
  says "status.Seccomp"
}
t_preserve_fds() {
  out=$(exec 3</etc/hostname && run --rm --preserve-fds 1 bb guest fds)
  says "fd 3 /etc/hostname"
}

# --- what the container is -------------------------------------------------------
t_memory() {
  expect 0 run -d --name c --memory 64m bb sleep 100
  pid=$(podman inspect --format '{{.State.Pid}}' c)
  expect 0 memory_limit_of "$pid"
  is 67108864
}
t_pids_limit() {
  expect 0 run --rm --pids-limit 7 bb guest fork 20
  says "fork 6 Resource temporarily unavailable"
  for none in 0 -1; do
    expect 0 run --rm --pids-limit $none bb sh -c 'echo "$(echo forked)"'
    is forked
  done
}
t_cpus() {
  expect 0 run --rm --cpus 0.5 --cpu-shares 200 --cpuset-cpus 0 bb guest report
  says "status.Cpus_allowed_list 0"
}
t_cgroups_disabled() {
  engine_conf='runtime_supports_nocgroup = ["ocictr"]'
  setup_podman
  expect 0 podman run --rm --network none --cgroups=disabled bb echo fine
}
t_read_only() {
  expect 1 run --rm --read-only --read-only-tmpfs=false bb touch /x
  says "Read-only file system"
  expect 0 run --rm --read-only bb touch /tmp/x
}
t_tmpfs() {
  expect 0 run --rm --tmpfs /scratch:size=2m,mode=1770 bb sh -c 'df -k /scratch | tail -1; stat -c %a /scratch; touch /scratch/x'
  says 2048 1770
  # A new directory is everybody's, as tmpfs has it; one of the image keeps its mode and its owner.
  expect 0 run --rm --user 1000 --tmpfs /scratch --tmpfs /root bb sh -c 'touch /scratch/x && stat -c "%a %u" /scratch /root'
  is "1777 0
755 0"
  chmod 750 /tmp/rootfs/var && chown 1000 /tmp/rootfs/var
  tar -C /tmp/rootfs -c . | podman import - owned >/dev/null 2>&1
  expect 0 run --rm --tmpfs /var owned stat -c "%a %u" /var
  is "750 1000"
  # Nor must it be an owner whom the user namespace knows.
  chown -R 100000:100000 /tmp/rootfs
  mkdir -m 755 /tmp/rootfs/foreign
  expect 0 run --rm --uidmap 0:100000:5000 --gidmap 0:100000:5000 --tmpfs /foreign --rootfs /tmp/rootfs \
    stat -c "%a %u" /foreign
  is "755 0"
}
t_volume() {
  mkdir /tmp/data
  echo outside >/tmp/data/file
  expect 0 run --rm -v /tmp/data:/data bb sh -c 'cat /data/file; echo inside > /data/made'
  is outside
  [ "$(cat /tmp/data/made)" = inside ] || fail "nothing came out"
  expect 1 run --rm -v /tmp/data:/data:ro bb touch /data/no
  expect 0 run --rm -v /tmp/data/file:/etc/one:ro bb cat /etc/one
  is outside
}
t_named_volume() {
  expect 0 run --rm -v vol:/data bb sh -c 'echo kept > /data/x'
  expect 0 run --rm -v vol:/data bb cat /data/x
  is kept
}
t_user() {
  expect 0 run --rm --user 1000:10 bb id -u
  is 1000
  expect 0 run --rm --user user bb guest report
  says "uid 1000 1000 1000" "env HOME=/tmp"
  expect 0 run --rm --user 1000 --group-add 55 bb guest report
  says "55"
}
t_cap_drop() {
  expect 0 run --rm --cap-drop all bb guest report
  says "status.CapEff 0000000000000000" "status.CapBnd 0000000000000000"
  expect 0 run --rm --cap-drop all --cap-add net_admin bb guest report
  says "status.CapEff 0000000000001000"
}
t_privileged() {
  expect 0 run --rm --privileged bb guest report
  says "status.Seccomp 0"
}
t_init() {
  init=$(command -v catatonit || ls /usr/libexec/podman/catatonit 2>/dev/null) ||
    { init=/tmp/init; cp "$(command -v busybox)" /tmp/init-busybox; printf '#!/bin/sh\nshift\nexec "$@"\n' >/tmp/init; chmod +x /tmp/init; }
  expect 3 run --rm --init --init-path "$init" bb sh -c 'exit 3'
}
t_network_none() {
  expect 0 run --rm bb ip link
  says lo UP
  lacks eth0
}
t_network_host() {
  network=host
  expect 0 run --rm bb readlink /proc/self/ns/net
  is "$(readlink /proc/self/ns/net)"
}
t_network_of_another() {
  expect 0 run -d --name c bb sleep 100
  network=container:c
  expect 0 run --rm bb readlink /proc/self/ns/net
  is "$(readlink "/proc/$(podman inspect --format '{{.State.Pid}}' c)/ns/net")"
}
t_pid_and_ipc_of_another() {
  expect 0 run -d --name c bb sleep 100
  expect 0 run --rm --pid container:c --ipc container:c bb ps
  says "sleep 100"
}
t_pid_host() {
  expect 0 run --rm --pid host bb readlink /proc/self/ns/pid
  is "$(readlink /proc/self/ns/pid)"
}
t_user_namespace() {
  expect 0 run --rm --uidmap 0:100000:5000 --gidmap 0:100000:5000 bb guest report
  says "uid 0 0 0" "uid_map          0     100000       5000"
}
t_hostname_env_workdir() {
  expect 0 run --rm --hostname named -e A=b -w /tmp bb sh -c 'echo $(hostname) $A $(pwd)'
  is "named b /tmp"
}
t_sysctl() {
  expect 0 run --rm --sysctl net.ipv4.ip_forward=1 bb cat /proc/sys/net/ipv4/ip_forward
  is 1
}
t_ulimit() {
  # podman raises nproc when it is not told; that takes a capability this machine may not give.
  expect 0 run --rm --ulimit nofile=123:456 --ulimit nproc=1000:1000 bb guest report
  says "rlimit.NOFILE 123 456"
}
t_device() {
  expect 0 run --rm --device /dev/fuse:/dev/mine:rw bb stat -c %t:%T /dev/mine
  is a:e5
}
# Nodes of its own, whoever may open those of the host.
t_device_in_a_user_namespace() {
  mknod /tmp/node c 1 5
  chmod 600 /tmp/node
  ids="--uidmap 0:100000:5000 --gidmap 0:100000:5000"
  show='stat -c "%a %u:%g %t:%T" /dev/mine; head -c 1 /dev/mine | wc -c'
  expect 0 run --rm $ids --device /tmp/node:/dev/mine bb sh -c "$show"
  is "600 0:0 1:5
1"
  expect 0 run -d --name c $ids bb sleep 100
  expect 0 run --rm --userns container:c --device /tmp/node:/dev/mine bb sh -c "$show"
  is "600 0:0 1:5
1"
}
t_default_seccomp() {
  expect 0 run --rm bb guest report
  says "status.Seccomp 2"
  expect 0 run --rm --security-opt seccomp=unconfined bb guest report
  says "status.Seccomp 0"
}
t_no_new_privileges() {
  expect 0 run --rm --security-opt no-new-privileges bb guest report
  says "status.NoNewPrivs 1"
}
t_masked_paths() {
  expect 0 run --rm bb sh -c 'cat /proc/keys /proc/timer_list 2>/dev/null | wc -c'
  is 0
}
t_oom_score_adj() {
  expect 0 run --rm --oom-score-adj 300 bb guest report
  says "oom 300"
}
t_shm_size() {
  expect 0 run --rm --shm-size 4m bb sh -c 'df -k /dev/shm | tail -1'
  says 4096
}
t_no_descriptors_leak() {
  expect 0 run --rm bb guest fds
  is_stdio_only
}
t_hooks_directory() {
  mkdir /tmp/hooks
  cat >/tmp/hooks/h.json <<HOOK
{"version":"1.0.0","hook":{"path":"/bin/sh","args":["sh","-c","cat > /tmp/hooks/state"]},
 "when":{"always":true},"stages":["createRuntime"]}
HOOK
  expect 0 podman --hooks-dir /tmp/hooks run --rm --cgroup-parent "/$tag" --network none bb true
  expect 0 cat /tmp/hooks/state
  says '"pid"' '"bundle"'
}
t_json_log() {
  # As the packaged containers.conf drop-in says: errors come through the JSON log.
  engine_conf="runtime_supports_json = [\"$(basename "$OCICTR")\"]"
  setup_podman
  expect 127 run --rm bb /no/such/program
  says "no such file or directory"
  expect 126 run --rm bb /etc
}
# --- looking at it ---------------------------------------------------------------
t_stats() {
  expect 0 run -d --name c --memory 64m bb sleep 100
  expect 0 podman stats --no-stream --format '{{.Name}} {{.PIDs}}' c
  is "c 1"
}
t_healthcheck() {
  expect 0 run -d --name c --health-cmd 'test -e /ok' --health-interval disable bb sleep 100
  expect 1 podman healthcheck run c
  expect 0 podman exec c touch /ok
  expect 0 podman healthcheck run c
  expect 0 podman inspect --format '{{.State.Health.Status}}' c
  is healthy
}
t_wait_and_events() {
  expect 0 run -d --name c bb sh -c 'sleep 0.3; exit 9'
  expect 0 podman wait c
  is 9
  expect 0 podman events --stream=false --filter container=c --format '{{.Status}}'
  says create init start died
}
t_copy_and_diff() {
  expect 0 run -d --name c bb sleep 100
  echo outside >/tmp/file
  expect 0 podman cp /tmp/file c:/tmp/copied
  expect 0 podman exec c cat /tmp/copied
  is outside
  expect 0 podman diff c
  says "A /tmp/copied"
}
t_update() {
  expect 0 run -d --name c --memory 64m bb sleep 100
  pid=$(podman inspect --format '{{.State.Pid}}' c)
  expect 0 podman update --memory 96m --memory-swap 96m --cpu-shares 300 c
  expect 0 memory_limit_of "$pid"
  is 100663296
}
t_attach() {
  expect 0 run -d --name c bb sh -c 'while ! test -e /go; do echo early; sleep 0.1; done; echo late; exit 6'
  (eventually grep -q early "$captured"; podman exec c touch /go) &
  expect 0 podman attach --no-stdin c
  says late
}
t_restarted_when_it_fails() {
  expect 0 run -d --name c --restart on-failure:2 bb false
  eventually sh -c "command podman --root /tmp/podman/root --runroot /run/podman/storage inspect \\
    --format '{{.RestartCount}}:{{.State.Status}}' c | grep -q -x 2:exited"
}
t_commit_run() {
  expect 0 run --name c bb sh -c 'echo kept > /made'
  expect 0 podman commit -q c next
  expect 0 run --rm next cat /made
  is kept
}
t_build() {
  mkdir /tmp/context
  printf 'FROM bb\nRUN echo made > /made\nUSER 1000\nCMD ["cat", "/made"]\n' >/tmp/context/Containerfile
  expect 0 podman build --network none --cgroup-parent "/$tag" --isolation oci -t built /tmp/context
  expect 0 run --rm built
  is made
}
t_secret() {
  echo hidden >/tmp/secret
  expect 0 podman secret create s /tmp/secret
  expect 0 run --rm --secret s bb cat /run/secrets/s
  is hidden
}

# --- pods ------------------------------------------------------------------------
infra_image() {
  tar -C /tmp/rootfs -c . | podman import --change 'CMD ["/bin/guest", "wait-term"]' - infra >/dev/null 2>&1
}
a_pod() {
  infra_image
  expect 0 podman pod create --name p --network none --cgroup-parent "/$tag" --infra-image infra "$@"
}
t_pod() {
  a_pod --hostname inside
  expect 0 podman run -d --pod p --name c bb sleep 100
  expect 0 podman run --rm --pod p bb sh -c 'hostname; readlink /proc/self/ns/net; readlink /proc/self/ns/ipc'
  pid=$(podman inspect --format '{{.State.Pid}}' c)
  says inside "$(readlink "/proc/$pid/ns/net")" "$(readlink "/proc/$pid/ns/ipc")"
  expect 0 podman pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'
  is "p Running 2"
  expect 0 podman pod top p pid comm
  says sleep
  expect 0 podman pod pause p
  expect 0 podman inspect --format '{{.State.Status}}' c
  is paused
  expect 0 podman pod unpause p
  # The first has the sysfs that they share for reading only.
  expect 0 podman run --rm --pod p --privileged bb grep -c ' /sys rw,.* - sysfs sysfs rw' /proc/self/mountinfo
  expect 0 podman pod kill p
  expect 0 podman pod rm -f -t 0 p
}
t_pod_stop_start() {
  a_pod
  expect 0 podman run -d --pod p --name c bb guest wait-term
  expect 0 podman pod stop -t 10 p
  expect 0 podman pod start p
  expect 0 podman exec c true
  expect 0 podman pod restart p
  expect 0 podman exec c true
  expect 0 podman pod rm -f -t 0 p
}
t_pod_shares_processes() {
  a_pod --share pid,net,ipc,uts
  expect 0 podman run -d --pod p --name c bb sleep 100
  expect 0 podman run --rm --pod p bb ps
  says "guest wait-term" "sleep 100"
  expect 0 podman stop -t 0 c
  expect 0 podman pod rm -f -t 0 p
}
t_kube_play() {
  engine_conf='infra_image = "localhost/infra:latest"'
  setup_podman
  infra_image
  cat >/tmp/pod.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  hostname: inside
  restartPolicy: Never
  volumes: [{name: scratch, emptyDir: {}}]
  containers:
  - name: a
    image: localhost/bb:latest
    imagePullPolicy: Never
    command: [sh, -c, 'hostname; echo $WORD; id -u; touch /scratch/x; exec sleep 100']
    env: [{name: WORD, value: told}]
    securityContext: {runAsUser: 1000, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}
    volumeMounts: [{name: scratch, mountPath: /scratch}]
    resources: {limits: {memory: 64Mi}}
YAML
  expect 0 podman kube play --network none /tmp/pod.yaml
  eventually sh -c "command podman --root /tmp/podman/root --runroot /run/podman/storage logs p-a | grep -q 1000"
  expect 0 podman logs p-a
  says inside told 1000
  expect 0 podman kube down /tmp/pod.yaml
}

# --- users and groups --------------------------------------------------------------
t_userns_auto() {
  with_private_etc
  echo containers:300000:200000 >/etc/subuid
  echo containers:300000:200000 >/etc/subgid
  expect 0 run --rm --userns auto bb cat /proc/self/uid_map
  says 300000
  expect 0 run --rm --userns auto:size=2000 bb cat /proc/self/uid_map
  says 300000 2000
}
t_idmapped_volume() {
  mkdir /tmp/data
  touch /tmp/data/file
  expect 0 run --rm --uidmap 0:100000:5000 --gidmap 0:100000:5000 -v /tmp/data:/data:U bb stat -c %u /data/file
  is 0
}
t_idmapped_mount() {
  mkdir /tmp/data
  touch /tmp/data/file
  expect 0 run --rm --uidmap 0:100000:5000 --gidmap 0:100000:5000 -v /tmp/data:/data:idmap bb stat -c %u /data/file
  is 0
  [ "$(stat -c %u /tmp/data/file)" = 0 ] || fail "the file itself was given away"
}
t_keep_groups() {
  out=$(setpriv --groups 55,66 "$0" --inside run --rm --group-add keep-groups bb guest report 2>&1)
  says "55" "66"
}
t_cgroups_no_conmon() {
  expect 0 run --rm --cgroups=no-conmon bb echo fine
  is fine
}
t_cgroup_namespaces() {
  expect 0 run --rm --cgroupns host bb readlink /proc/self/ns/cgroup
  is "$(readlink /proc/self/ns/cgroup)"
  expect 0 run --rm --cgroupns private bb readlink /proc/self/ns/cgroup
  [ "$out" != "$(readlink /proc/self/ns/cgroup)" ] || fail "the host's"
}
t_mount_options() {
  mkdir -p /tmp/data
  expect 0 run --rm -v /tmp/data:/data:nosuid,nodev,noexec bb grep ' /data ' /proc/self/mountinfo
  says nosuid nodev noexec
  expect 0 run --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m,notmpcopyup bb grep ' /t ' /proc/self/mountinfo
  says size=1024k
  expect 0 run --rm --mount type=image,src=bb,dst=/image bb ls /image/bin/sh
  for options in "" "--uidmap 0:100000:5000 --gidmap 0:100000:5000"; do
    expect 0 run --rm --user 1000 $options --mount type=devpts,dst=/dev/pts bb \
      sh -c 'exec 3<>/dev/ptmx && stat -c %a /dev/pts/0'
    is 620
  done
}
t_pod_without_infra() {
  expect 0 podman pod create --infra=false --name p
  expect 0 podman run --rm --pod p --network none bb echo in-a-pod
  is in-a-pod
  expect 0 podman pod rm -f p
}
# podman's API server knows socket activation; this socket is of a network namespace it never was in.
t_service_on_a_socket_of_another_namespace() {
  need socat
  unshare --net sh -c 'ip link set lo up && echo up >/tmp/up && exec sleep 1000' &
  other=$!
  eventually test -s /tmp/up
  "$(dirname "$OCICTR")/ctrtool" ns_open_file -n -N "/proc/$other/ns/net" -4 127.0.0.1,80 -l 5 \
    :set_fds -s -e :CTRTOOL_NS_OPEN_FILE_FD_0 -- podman --root /tmp/podman/root \
    --runroot /run/podman/storage system service --time 0 >/tmp/service.log 2>&1 &
  service=$!
  eventually nsenter -t "$other" -n sh -c "printf 'GET /_ping HTTP/1.0\r\n\r\n' | \
    socat -t 10 - TCP:127.0.0.1:80 | grep -q OK"
  kill "$service" "$other"
  wait
}
t_runtime_is_ours() {
  expect 0 podman info --format '{{.Host.OCIRuntime.Path}}'
  is "$OCICTR"
}

# The pty program needs a command, not a function.
if [ "${1:-}" = --inside ]; then
  shift
  words=$1
  shift
  tag=$(sed -n 1p /tmp/podman/tag)
  case $words in run) run "$@" ;; *) podman "$words" "$@" ;; esac
  exit
fi
main "$@"
