# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Cases for config-linux.md, and runtime-linux.md. The letter and number are a line of MUSTS.md.

x01_links_in_dev() {
  program 'for l in fd stdin stdout stderr; do readlink /dev/$l; done'
  run
  eq "$(tr '\n' ' ' < /tmp/out)" "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 " links
}

x02_only_standard_streams_are_open() {
  program 'ls /proc/self/fd | tr "\n" " "'
  exec 7< /etc/passwd 9> /tmp/extra
  run
  eq "$(out)" "0 1 2 3 " "descriptors of ls"
}

l01_namespace_paths_are_absolute() {
  ln -s /proc/self/ns/net "$BUNDLE/net"
  refuses '(.linux.namespaces[] | select(.type == "network")).path = "net"'
  refuses '(.linux.namespaces[] | select(.type == "network")).path = "proc/self/ns/net"'
}

# joins TYPE NAME UNSHARE-OPTION: a container with that path is in that namespace
joins() {
  unshare "$3" --fork sleep 60 &
  local holder=$! link=/proc/$!/ns/$2
  [ "$2" != pid ] && [ "$2" != time ] || link=${link}_for_children
  until [ "$(readlink "$link")" != "$(namespace self "$2")" ]; do sleep 0.02; done
  config 'del(.linux.namespaces[] | select(.type == $type)) | .linux.namespaces += [{type: $type, path: $path}]' \
    --arg type "$1" --arg path "$link"
  must create
  eq "$(namespace "$(get pid)" "$2")" "$(readlink "$link")" "$1 namespace"
  must delete --force
  kill -KILL "$(pgrep -P $holder)" "$holder"
  wait "$holder" 2> /dev/null
}

l02_joins_a_cgroup_namespace() { joins cgroup cgroup --cgroup; }
l02_joins_a_pid_namespace() { joins pid pid --pid; }
l02_joins_a_network_namespace() { joins network net --net; }
l02_joins_an_ipc_namespace() { joins ipc ipc --ipc; }
l02_joins_a_uts_namespace() { joins uts uts --uts; }
l02_joins_a_time_namespace() {
  supports '.linux.namespaces | index("time") != null'
  joins time time --time
}

l03_the_path_must_be_of_the_type() {
  refuses '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/uts"'
  refuses '(.linux.namespaces[] | select(.type == "ipc")).path = "/proc/self/ns/mnt"'
  refuses '(.linux.namespaces[] | select(.type == "network")).path = "/etc/passwd"'
  refuses '(.linux.namespaces[] | select(.type == "network")).path = "/nonexistent"'
  mkfifo /tmp/fifo
  refuses '(.linux.namespaces[] | select(.type == "network")).path = "/tmp/fifo"'
}

l04_a_new_time_namespace() {
  supports '.linux.namespaces | index("time") != null'
  program 'cat /proc/self/timens_offsets; readlink /proc/self/ns/time'
  config '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: 1000, nanosecs: 7}, boottime: {secs: 2000}}'
  run
  match "$(tr -s ' \n' ' ' < /tmp/out)" "monotonic 1000 7 boottime 2000 0 time:*" offsets
  [ "$(tail -n 1 /tmp/out)" != "$(namespace self time)" ] || fail "the time namespace is the runtime's"
}

l05_namespaces_that_are_not_listed_are_inherited() {
  local type
  must create
  for type in user cgroup time; do
    eq "$(namespace "$(get pid)" $type)" "$(namespace self $type)" "$type namespace"
  done
}

# The mounts are then among the runtime's own, and go with the container.
l05_mounts_without_a_mount_namespace() {
  config 'del(.linux.namespaces[] | select(.type == "mount")) | .linux.maskedPaths = ["/data"]
          | .mounts += [{destination: "/mnt", type: "tmpfs", source: "shared"}]'
  echo secret > "$BUNDLE/rootfs/data/secret"
  running 'echo root > /mark; ls /data; ls / | grep -c bundle; sleep 60'
  eq "$(namespace "$(get pid)" mnt)" "$(namespace self mnt)" "mount namespace"
  until [ -e "$BUNDLE/rootfs/mark" ]; do sleep 0.05; done
  grep -q ' shared ' /proc/self/mountinfo || fail "not among the runtime's mounts"
  sleep 0.1
  eq "$(out)" 0 "what it sees of the host and of what is masked"
  runtime exec "$ID" ls /mark > /dev/null 2> /tmp/err || fail "exec is not in the root: $(said)"
  must delete --force
  nothing_left
  refuses '.mounts += [{destination: "/mnt", type: "nosuchfs", source: "none"}]'
}

l06_namespaces_are_given_once() {
  local type
  for type in pid network mount ipc uts; do
    refuses '.linux.namespaces += [{type: $type}]' --arg type $type
  done
  refuses '.linux.namespaces += [{type: "network", path: "/proc/self/ns/net"}]'
  refuses '.linux.namespaces += [{type: "cgroup"}, {type: "cgroup"}]'
}

l07_devices_are_available() {
  program 'stat -c "%F %t:%T %a %u:%g" /dev/one /opt/dev/two /dev/three; : < /dev/one'
  config '.linux.devices = [{path: "/dev/one", type: "c", major: 1, minor: 3, fileMode: 432, uid: 3, gid: 4},
                            {path: "/opt/dev/two", type: "u", major: 1, minor: 5, fileMode: 292},
                            {path: "/dev/three", type: "p", fileMode: 384}]'
  run
  eq "$(tr '\n' ';' < /tmp/out)" \
    "character special file 1:3 660 3:4;character special file 1:5 444 0:0;fifo 0:0 600 0:0;" devices
}

l08_a_different_file_at_the_path_is_an_error() {
  mkdir -p "$BUNDLE/rootfs/opt" && echo text > "$BUNDLE/rootfs/opt/file" && mkdir "$BUNDLE/rootfs/opt/dir"
  mknod "$BUNDLE/rootfs/opt/zero" c 1 5
  refuses '.linux.devices = [{path: "/opt/file", type: "c", major: 1, minor: 3}]'
  refuses '.linux.devices = [{path: "/opt/dir", type: "c", major: 1, minor: 3}]'
  refuses '.linux.devices = [{path: "/opt/zero", type: "c", major: 1, minor: 3}]'
  accepts '.linux.devices = [{path: "/opt/zero", type: "c", major: 1, minor: 5}]'
  eq "$(cat "$BUNDLE/rootfs/opt/file")" text file
}

l09_default_devices() {
  program 'for d in null zero full random urandom tty; do stat -c "%n %t:%T" /dev/$d; done; test /dev/ptmx -ef /dev/pts/ptmx && echo ptmx'
  run
  eq "$(tr '\n' ' ' < /tmp/out)" "/dev/null 1:3 /dev/zero 1:5 /dev/full 1:7 /dev/random 1:8 /dev/urandom 1:9 /dev/tty 5:0 ptmx " devices
}

l09_the_console_is_the_terminal() {
  program 'test -c /dev/console && test "$(stat -Lc %d:%r /dev/console)" = "$(stat -Lc %d:%r $(tty))" && echo same; tty'
  config '.process.terminal = true'
  "$AGENT" /tmp/console /tmp/report > /dev/null 2>&1 &
  until [ -S /tmp/console ]; do sleep 0.02; done
  must create --console-socket /tmp/console
  must start
  wait_for stopped
  sleep 0.1
  match "$(tr -d '\r' < /tmp/report.tty | tr '\n' ' ')" "same /dev/*" terminal
  kill $!
}

net_device() {
  supports .linux.netDevices.enabled
  ip link add moved type veth peer name stays || skip "no veth"
  ip address add 10.9.8.7/24 dev moved
  ip -6 address add fd00::7/64 dev moved nodad
}

l11_a_network_device_is_moved() {
  net_device
  ip link set moved mtu 1345
  ip link set stays up
  program 'sleep 60'
  config '.linux.netDevices = {moved: {name: "inside"}}'
  must create
  ! ip link show moved > /dev/null 2>&1 || fail "it is still outside"
  local pid shown
  pid=$(get pid)
  shown=$(nsenter -t "$pid" -n ip address show inside)
  match "$shown" "*mtu 1345*" "attributes"
  match "$shown" "*inet 10.9.8.7/24*global*" "address"
  match "$shown" "*inet6 fd00::7/64*global*" "address"
  match "$shown" "*UP*" "state"
}

l11_a_network_device_keeps_its_name() {
  net_device
  program 'sleep 60'
  config '.linux.netDevices = {moved: {}}'
  must create
  nsenter -t "$(get pid)" -n ip link show moved > /dev/null || fail "not moved"
}

l12_a_network_device_in_the_way_is_an_error() {
  net_device
  remember
  refuses '.linux.netDevices = {moved: {name: "lo"}}'
  ip link show moved > /dev/null 2>&1 || fail "the device is gone"
  match "$(ip address show moved)" "*10.9.8.7/24*" "address"
  refuses '.linux.netDevices = {nosuch: {}}'
}

l13_a_template_makes_a_name() {
  net_device
  program 'sleep 60'
  config '.linux.netDevices = {moved: {name: "lo%d"}}'
  must create
  nsenter -t "$(get pid)" -n ip link show lo0 > /dev/null || fail "no lo0: $(nsenter -t "$(get pid)" -n ip -br link)"
}

l14_a_network_device_goes_with_its_namespace() {
  net_device
  unshare --net sleep 60 &
  until [ "$(namespace $! net)" != "$(namespace self net)" ]; do sleep 0.02; done
  config '.linux.netDevices = {moved: {name: "inside"}} | (.linux.namespaces[] | select(.type == "network")).path = "/proc/'$!'/ns/net"'
  run
  nsenter -t $! -n ip link show inside > /dev/null || fail "the runtime took it out of the namespace"
  kill $!
}

l15_a_frozen_cgroup() {
  local file
  for file in /sys/fs/cgroup/freezer /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -e $file/cgroup.procs ] || continue
    mkdir -p $file/case
    [ ! -e $file/case/freezer.state ] || echo FROZEN > $file/case/freezer.state
    [ ! -e $file/case/cgroup.freeze ] || echo 1 > $file/case/cgroup.freeze
  done
  config '.linux.cgroupsPath = "/case"'
  # Refused, or thawed; never a hang.
  if create; then
    must start
    wait_for stopped
  else
    [ $? -lt 124 ] || fail "hung"
    must_fail state
  fi
}

# The cgroup of a process in the hierarchies of v1 and v2 that containers are put in.
cgroup_of() { awk -F: '$2 == "pids" || $2 == "" && v2 { print $3; exit }' v2="$([ -d /sys/fs/cgroup/pids ] || echo 1)" "/proc/$1/cgroup"; }

l16_absolute_cgroup_paths_start_at_the_mount() {
  config '.linux.cgroupsPath = "/case/sub"'
  must create
  eq "$(cgroup_of "$(get pid)")" /case/sub cgroup
}

l17_the_same_path_is_the_same_place() {
  local path first
  for path in relative/case /case/absolute; do
    config '.linux.cgroupsPath = $path' --arg path $path
    must create
    first=$(cgroup_of "$(get pid)")
    match "$first" "*$path" cgroup
    must delete --force
    (cd / && must create) || exit 1
    eq "$(cgroup_of "$(get pid)")" "$first" "cgroup the second time"
    must delete --force
  done
}

l18_cgroup_paths_do_not_leave_the_mount() {
  local path
  for path in /../../tmp/outside ../../../../tmp/outside /case/../../../tmp/outside; do
    config '.linux.cgroupsPath = $path' --arg path $path
    if create; then
      match "$(cgroup_of "$(get pid)")" '/*' cgroup
      case $(cgroup_of "$(get pid)") in *..*) fail "cgroup $(cgroup_of "$(get pid)")" ;; esac
      must delete --force
    fi
    [ ! -e /tmp/outside ] || fail "made /tmp/outside"
  done
}

l19_a_delegated_cgroup() {
  [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || skip "ownership is changed on cgroup v2 only"
  chown 5000:5000 "$BUNDLE/rootfs"
  config '.linux.namespaces += [{type: "user"}, {type: "cgroup"}] | .linux.cgroupsPath = "/case"
          | .linux.uidMappings = [{containerID: 0, hostID: 5000, size: 100}] | .linux.gidMappings = .linux.uidMappings
          | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"]}]'
  must create
  local file
  for file in cgroup.procs cgroup.subtree_control cgroup.threads; do
    eq "$(stat -c %u /sys/fs/cgroup/case/$file)" 5000 "owner of $file"
  done
  eq "$(stat -c %u /sys/fs/cgroup/case/cgroup.max.depth)" 0 "owner of another file"
}

# device_rules RULES: whether the container may open a device that no runtime allows by itself. It has
# no driver, so what is allowed fails too, but not with EPERM.
device_rules() {
  program 'mknod /tmp/device c 1 77; cat /tmp/device 2>&1 | grep -q "not permitted" && echo denied || echo allowed'
  accepts '.linux.resources.devices = $rules' --argjson rules "$1"
  rm "$BUNDLE/rootfs/tmp/device"
}

l20_device_rules_apply_in_order() {
  local all='{"allow": false, "access": "rwm"}' one='{"allow": true, "type": "c", "major": 1, "minor": 77, "access": "rwm"}'
  device_rules "[$all, $one]"
  eq "$(out)" allowed "all denied, then one allowed"
  device_rules "[$one, $all]"
  eq "$(out)" denied "one allowed, then all denied"
  device_rules "[$all, $one, $(jq -c '.allow = false' <<< "$one")]"
  eq "$(out)" denied "the same allowed, then denied"
}

l21_a_limit_below_the_usage() {
  config '.linux.resources = {memory: {limit: 67108864}} | .mounts += [{destination: "/mnt", type: "tmpfs", source: "x"}]'
  running 'dd if=/dev/zero of=/mnt/x bs=1M count=16 2> /dev/null; echo ready; sleep 60'
  until grep -q ready /tmp/out; do sleep 0.05; done
  echo '{"memory": {"limit": 4194304, "checkBeforeUpdate": true}}' > /tmp/resources
  must_fail runtime update --resources /tmp/resources "$ID" 2> /tmp/err
  eq "$(get status)" running status
}

l22_block_weights_need_a_value() {
  refuses '.linux.resources = {blockIO: {weightDevice: [{major: 8, minor: 0}]}}'
}

unified() {
  [ -d /sys/fs/cgroup/unified ] && UNIFIED=/sys/fs/cgroup/unified/case || UNIFIED=/sys/fs/cgroup/case
  [ -e "${UNIFIED%/case}/cgroup.controllers" ] || skip "no cgroup v2"
  config '.linux.cgroupsPath = "/case"'
}

l24_unified_enables_controllers() {
  unified
  local controllers size=2MB
  controllers=$(cat "${UNIFIED%/case}/cgroup.controllers")
  case " $controllers " in
    *" pids "*) config '.linux.resources = {unified: {"pids.max": "23"}}' && must create && eq "$(cat "$UNIFIED/pids.max")" 23 pids.max ;;
    *" hugetlb "*)
      config '.linux.resources = {unified: {($key): "4194304"}}' --arg key hugetlb.$size.max
      must create
      eq "$(cat "$UNIFIED/hugetlb.$size.max")" 4194304 hugetlb.$size.max
      ;;
    *) skip "no controller on cgroup v2" ;;
  esac
}

l25_unified_writes_what_it_does_not_know() {
  unified
  config '.linux.resources = {unified: {"cgroup.max.depth": "5"}}'
  must create
  eq "$(cat "$UNIFIED/cgroup.max.depth")" 5 cgroup.max.depth
}

l26_unified_without_the_controller() {
  unified
  refuses '.linux.resources = {unified: {"nosuch.max": "1"}}'
  refuses '.linux.resources = {unified: {"../escape": "1"}}'
  refuses '.linux.resources = {unified: {"rdma.max": "mlx5_0 hca_handle=2"}}'
}

l28_rdt_without_resctrl() {
  refuses '.linux.intelRdt = {closID: "nosuch"}'
  refuses '.linux.intelRdt = {l3CacheSchema: "L3:0=f"}'
  refuses '.linux.intelRdt = {schemata: ["MB:0=20\nL3:0=1"]}'
  refuses '.linux.intelRdt = {memBwSchema: "XX:0=20"}'
  refuses '.linux.intelRdt = {enableMonitoring: true}'
}

l30_an_errno_needs_an_action_that_has_one() {
  refuses '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 5}'
  refuses '.linux.seccomp = {defaultAction: "SCMP_ACT_KILL", defaultErrnoRet: 5}'
  refuses '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_KILL", errnoRet: 5}]}'
  refuses '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ALLOW", errnoRet: 5}]}'
}

l30_seccomp_errnos() {
  program 'mkdir /tmp/x 2>&1; uname 2>&1; true'
  config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28}, {names: ["uname"], action: "SCMP_ACT_ERRNO"}]}'
  run
  match "$(tr '\n' ' ' < /tmp/out)" "*No space left on device*" "errno that was asked for"
  ! grep -q Linux /tmp/out || fail "uname was allowed"
}

notify() {
  config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $path, listenerMetadata: "meta data",
          syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}]}' --arg path "$1"
}

l31_the_seccomp_agent_is_told_once() {
  "$AGENT" /tmp/agent /tmp/report &
  until [ -S /tmp/agent ]; do sleep 0.02; done
  notify /tmp/agent
  config '.annotations = {"org.example.key": "value"}'
  program 'mkdir /tmp/x 2>&1; true'
  must create
  local pid try
  pid=$(get pid)
  must start
  wait_for stopped
  for try in {1..40}; do [ -s /tmp/report ] && break || sleep 0.05; done
  kill $!
  [ "$(wc -l < /tmp/report)" = 1 ] || fail "$(wc -l < /tmp/report) connections"
  jq -e '.closed and .lateFds == 0 and (.fds | length) == 1 and (.fds[0] | contains("seccomp"))' /tmp/report > /dev/null ||
    fail "connection: $(cat /tmp/report)"
  jq -r .payload /tmp/report | jq -e --argjson pid "$pid" --arg id "$ID" --arg bundle "$BUNDLE" '
    (.ociVersion | type == "string") and .fds == ["seccompFd"] and .pid == $pid and .metadata == "meta data" and
    .state.id == $id and .state.bundle == $bundle and .state.pid == $pid and (.state.ociVersion | type == "string") and
    (.state.status | startswith("creat") or . == "running") and .state.annotations["org.example.key"] == "value"' > /dev/null ||
    fail "state: $(jq -r .payload /tmp/report)"
}

l32_a_seccomp_agent_that_is_not_there() {
  notify /tmp/nobody
  must create_or_start_fails
}

create_or_start_fails() {
  if create; then
    must_fail start
    must delete --force
  fi
  must_fail state
  nothing_left
}

l33_metadata_needs_a_listener() {
  refuses '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "x"}'
}

l34_a_rule_names_a_system_call() {
  refuses '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: [], action: "SCMP_ACT_ERRNO"}]}'
  refuses '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{action: "SCMP_ACT_ERRNO"}]}'
}

l35_masked_paths_are_absolute() {
  refuses '.linux.maskedPaths = ["proc/kcore"]'
  refuses '.linux.maskedPaths = [""]'
}

l35_masked_paths_cannot_be_read() {
  mkdir "$BUNDLE/rootfs/data/dir"
  echo secret | tee "$BUNDLE/rootfs/data/file" > "$BUNDLE/rootfs/data/dir/file"
  program 'cat /data/file; ls /data/dir; cat /proc/kcore; true'
  accepts '.linux.maskedPaths = ["/data/file", "/data/dir", "/proc/kcore", "/nonexistent"]'
  eq "$(head -c 100 /tmp/out)" "" "what could be read"
}

l36_read_only_paths_are_absolute() {
  refuses '.linux.readonlyPaths = ["data"]'
  refuses '.linux.readonlyPaths = [""]'
}

l36_read_only_paths_cannot_be_written() {
  mkdir "$BUNDLE/rootfs/data/dir" && echo text > "$BUNDLE/rootfs/data/file"
  program '{ touch /data/dir/x || echo x > /data/file || echo 1 > /proc/sys/kernel/shmmni; } 2> /dev/null && echo written; cat /data/file'
  accepts '.linux.readonlyPaths = ["/data/file", "/data/dir", "/proc/sys", "/nonexistent"]'
  eq "$(out)" text "what could be written"
}

l37_personality() {
  program 'uname -m'
  accepts '.linux.personality = {domain: "LINUX"}'
  eq "$(out)" "$(uname -m)" machine
  [ "$(uname -m)" = x86_64 ] || skip "LINUX32 has another name here"
  accepts '.linux.personality = {domain: "LINUX32"}'
  eq "$(out)" i686 machine
  refuses '.linux.personality = {domain: "LINUX", flags: ["NO_SUCH"]}'
}

l38_identity_maps() {
  chown -R 5000:6000 "$BUNDLE/rootfs"
  program 'tr -s " " < /proc/self/uid_map; tr -s " " < /proc/self/gid_map; stat -c %u:%g /bin/busybox'
  config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 5000, size: 70}]
          | .linux.gidMappings = [{containerID: 0, hostID: 6000, size: 80}]'
  run
  eq "$(sed 's/^ //' /tmp/out | tr '\n' ';')" "0 5000 70;0 6000 80;0:0;" "maps and owner"
  refuses '.linux.uidMappings += [{containerID: 10, hostID: 9000, size: 10}]'
}
