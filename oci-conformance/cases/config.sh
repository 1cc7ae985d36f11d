# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Cases for config.md, and bundle.md. The letter and number are a line of MUSTS.md.

b01_the_configuration_is_config_json() {
  mv "$BUNDLE/config.json" "$BUNDLE/Config.json"
  refused
}

c01_version_is_a_semantic_one() {
  local version
  for version in '' 1 1.0 v1.0.2 1.0.2.3 01.0.2 1.0.2- one 1.0.x; do
    refuses '.ociVersion = $version' --arg version "$version"
  done
  refuses 'del(.ociVersion)'
  refuses '.ociVersion = 1'
}

c01_other_versions_of_the_same_major_are_accepted() {
  local version
  for version in 1.0.0 1.0.2-dev 1.2.1 1.3.0 1.3.0+dev; do
    accepts '.ociVersion = $version' --arg version "$version"
  done
}

c02_the_root_directory_must_exist() {
  refuses '.root.path = "nonexistent"'
  refuses '.root.path = "config.json"'
  refuses 'del(.root.path)'
  refuses 'del(.root)'
}

c02_the_root_path_may_be_absolute() {
  config '.root.path = $path' --arg path "$BUNDLE/rootfs"
  program 'cat /data/mark'
  echo here > "$BUNDLE/rootfs/data/mark"
  run
  eq "$(out)" here program
}

c03_a_read_only_root() {
  program 'touch /data/x 2> /dev/null && echo written; touch /mnt/x && echo mounted; true'
  config '.root.readonly = true | .mounts += [{destination: "/mnt", type: "tmpfs", source: "x"}]'
  run
  eq "$(out)" mounted "what could be written"
}

c04_mounts_in_the_listed_order() {
  mkdir -p "$BUNDLE/volume" && echo volume > "$BUNDLE/volume/mark"
  program 'cat /mnt/inner/mark 2> /dev/null || echo hidden'
  accepts '.mounts += [{destination: "/mnt", type: "tmpfs", source: "x"},
                       {destination: "/mnt/inner", type: "bind", source: "volume", options: ["rbind"]}]'
  eq "$(out)" volume "outer first"
  mkdir -p "$BUNDLE/rootfs/mnt/inner"
  accepts '.mounts += [{destination: "/mnt/inner", type: "bind", source: "volume", options: ["rbind"]},
                       {destination: "/mnt", type: "tmpfs", source: "x"}]'
  eq "$(out)" hidden "inner first"
}

c05_a_relative_destination_starts_at_the_root() {
  program 'grep -c " /mnt/sub .* relative " /proc/self/mountinfo'
  config '.process.cwd = "/data" | .mounts += [{destination: "mnt/sub", type: "tmpfs", source: "relative"}]'
  run
  eq "$(out)" 1 "mounts at /mnt/sub"
}

# option OPTION PATTERN: PATTERN is in the mount's options or in those of its file system
option() {
  program 'grep " /mnt " /proc/self/mountinfo'
  accepts '.mounts += [{destination: "/mnt", type: "tmpfs", source: "x", options: $options}]' \
    --argjson options "$(printf '%s\n' $1 | jq -R . | jq -sc .)"
  local line
  line=$(awk '{ for (i = 7; $i != "-"; ++i); print "," $6 "," $(i + 3) "," }' /tmp/out)
  case $2 in
    !*) case $line in *,${2#!},*) fail "$1: mount has $line" ;; esac ;;
    *) match "$line" "*,$2,*" "$1" ;;
  esac
}

c06_options_that_restrict() {
  option ro ro
  option 'ro rw' rw
  option nosuid nosuid
  option 'nosuid suid' !nosuid
  option nodev nodev
  option 'nodev dev' !nodev
  option noexec noexec
  option 'noexec exec' !noexec
}

c06_options_for_access_times() {
  option noatime noatime
  option 'noatime atime' !noatime
  option nodiratime nodiratime
  option 'nodiratime diratime' !nodiratime
  option relatime relatime
  option 'strictatime norelatime' !relatime
  option strictatime !relatime
  option 'strictatime nostrictatime' relatime
}

c06_options_of_the_file_system() {
  option sync sync
  option 'sync async' !sync
  option dirsync dirsync
  option lazytime lazytime
  option 'lazytime nolazytime' !lazytime
  option iversion '*'
  option 'iversion noiversion' '*'
}

c06_options_without_an_effect() {
  option defaults rw
  option loud rw
  option silent rw
}

c06_bind_and_rbind() {
  mkdir -p /tmp/volume/sub
  mount -t tmpfs deep /tmp/volume/sub && touch /tmp/volume/sub/deep
  program 'ls /mnt/sub'
  accepts '.mounts += [{destination: "/mnt", source: "/tmp/volume", options: ["bind"]}]'
  eq "$(out)" "" "below bind"
  accepts '.mounts += [{destination: "/mnt", type: "none", source: "/tmp/volume", options: ["rbind"]}]'
  eq "$(out)" deep "below rbind"
}

c06_a_bind_source_is_relative_to_the_bundle() {
  mkdir -p "$BUNDLE/volume" && echo volume > "$BUNDLE/volume/mark"
  program 'cat /mnt'
  config '.mounts += [{destination: "/mnt/file", type: "bind", source: "volume/mark", options: ["bind"]}]'
  program 'cat /mnt/file'
  run
  eq "$(out)" volume program
}

# propagation OPTION PATTERN: the optional fields of a bind mount of a shared volume
propagation() {
  program 'grep " /mnt " /proc/self/mountinfo'
  accepts '.mounts += [{destination: "/mnt", source: "/tmp/volume", options: ["rbind", $option]}]' --arg option "$1"
  match "$(awk '{ fields = ""; for (i = 7; $i != "-"; ++i) fields = fields " " $i; print fields }' /tmp/out)" "$2" "$1"
}

shared_volume() {
  mkdir /tmp/volume
  mount -t tmpfs -o mode=755 shared /tmp/volume && mount --make-shared /tmp/volume || skip "cannot share a mount"
  remember
}

c06_propagation_options() {
  shared_volume
  local prefix
  for prefix in '' r; do
    propagation ${prefix}shared '*shared:*'
    propagation ${prefix}slave '*master:*'
    propagation ${prefix}private ''
    propagation ${prefix}unbindable '*unbindable*'
  done
}

c06_propagation_works() {
  shared_volume
  config '.mounts += [{destination: "/mnt", source: "/tmp/volume", options: ["rbind", "rslave"]}]'
  program 'until [ -e /mnt/sub/late ]; do sleep 0.05; done; echo seen'
  mkdir /tmp/volume/sub
  must create
  must start
  mount -t tmpfs late /tmp/volume/sub && touch /tmp/volume/sub/late
  wait_for stopped
  umount /tmp/volume/sub
  eq "$(out)" seen "mount from outside"
}

c06_remount() {
  program 'grep " /mnt " /proc/self/mountinfo | tail -n 1'
  config '.mounts += [{destination: "/mnt", type: "tmpfs", source: "x"},
                      {destination: "/mnt", type: "tmpfs", source: "x", options: ["remount", "ro", "nosuid"]}]'
  run
  match "$(awk '{ print "," $6 "," }' /tmp/out)" "*,ro,*nosuid,*" options
}

c06_a_read_only_bind_mount() {
  mkdir /tmp/volume
  program 'touch /mnt/x 2> /dev/null && echo written; true'
  config '.mounts += [{destination: "/mnt", source: "/tmp/volume", options: ["rbind", "ro"]}]'
  run
  eq "$(out)" "" "what could be written"
}

c06_recursive_attributes() {
  mkdir -p /tmp/volume/sub
  mount -t tmpfs deep /tmp/volume/sub
  remember
  program 'touch /mnt/x /mnt/sub/x 2> /dev/null && echo written; grep -c " /mnt/sub .*nosuid" /proc/self/mountinfo'
  supports '.mountOptions | index("rro") != null'
  config '.mounts += [{destination: "/mnt", source: "/tmp/volume", options: ["rbind", "rro", "rnosuid"]}]'
  run
  eq "$(out)" 1 "mounts that are restricted"
}

c06_unknown_options_are_the_file_systems() {
  program 'grep " /mnt " /proc/self/mountinfo'
  config '.mounts += [{destination: "/mnt", type: "tmpfs", source: "x", options: ["size=40k", "mode=711"]}]'
  run
  match "$(out)" "*size=40k*mode=711*" "data options"
  refuses '.mounts[-1].options = ["no_such_option=1"]'
}

c07_an_id_mapped_mount() {
  supports .linux.mountExtensions.idmap.enabled
  mkdir /tmp/volume && touch /tmp/volume/file && chown 1000:1001 /tmp/volume/file
  program 'stat -c %u:%g /mnt/file'
  local option
  for option in idmap ridmap; do
    accepts '.mounts += [{destination: "/mnt", source: "/tmp/volume", options: ["rbind", $option],
                          uidMappings: [{containerID: 1000, hostID: 5000, size: 1}],
                          gidMappings: [{containerID: 1001, hostID: 5001, size: 1}]}]' --arg option $option
    eq "$(out)" 5000:5001 "owner with $option"
  done
}

c08_mappings_of_a_mount_come_in_pairs() {
  refuses '.mounts += [{destination: "/mnt", source: "/tmp", options: ["rbind", "idmap"],
                        uidMappings: [{containerID: 0, hostID: 5000, size: 1}]}]'
  refuses '.mounts += [{destination: "/mnt", source: "/tmp", options: ["rbind", "idmap"],
                        gidMappings: [{containerID: 0, hostID: 5000, size: 1}]}]'
}

c09_idmap_needs_a_mapping() {
  refuses '.mounts += [{destination: "/mnt", source: "/tmp", options: ["rbind", "idmap"]}]'
  refuses '.mounts += [{destination: "/mnt", source: "/tmp", options: ["rbind", "ridmap"]}]'
}

c10_console_size_without_a_terminal() {
  program 'echo ran'
  accepts '.process.consoleSize = {height: 25, width: 80}'
  eq "$(out)" ran program
  accepts '.process.terminal = false | .process.consoleSize = {height: 65535, width: 1}'
  eq "$(out)" ran program
}

c10_console_size_with_a_terminal() {
  program 'stty size; test -c /dev/console && echo console; test -t 0 && test -t 1 && test -t 2 && echo terminal'
  config '.process.terminal = true | .process.consoleSize = {height: 33, width: 99}'
  "$AGENT" /tmp/console /tmp/report > /dev/null 2>&1 &
  until [ -S /tmp/console ]; do sleep 0.02; done
  must create --console-socket /tmp/console
  must start
  wait_for stopped
  sleep 0.1
  eq "$(tr -d '\r' < /tmp/report.tty | tr '\n' ' ')" "33 99 console terminal " terminal
  kill $!
}

c11_the_working_directory_is_absolute() {
  refuses '.process.cwd = "data"'
  refuses '.process.cwd = "./data"'
  refuses '.process.cwd = ""'
}

c12_at_least_one_argument() {
  local try
  for try in '[]' '[""]'; do
    config ".process.args = $try"
    if create; then
      must_fail start
      must delete --force
    fi
    must_fail state
  done
}

c13_the_program_is_found_as_execvp_does() {
  mkdir -p "$BUNDLE/rootfs/first" "$BUNDLE/rootfs/second"
  printf '#!/bin/sh\necho "$0" "$@"\n' > "$BUNDLE/rootfs/second/tool"
  chmod 755 "$BUNDLE/rootfs/second/tool"
  printf '#!/bin/sh\necho not executable\n' > "$BUNDLE/rootfs/first/tool"
  accepts '.process.env = ["PATH=/nonexistent:/first:/second"] | .process.args = ["tool", "a b", ""]'
  eq "$(out)" "/second/tool a b " "found in PATH"
  accepts '.process.cwd = "/second" | .process.args = ["./tool"]'
  match "$(out)" "*./tool" "with a slash"
  refuses '.process.env = ["PATH=/first"] | .process.args = ["tool"]'
}

c15_limits_match() {
  program 'grep -E "open files|core file|processes" /proc/self/limits'
  config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 123, hard: 456}, {type: "RLIMIT_CORE", soft: 0, hard: 9},
                              {type: "RLIMIT_NPROC", soft: 77, hard: 88}]'
  run
  match "$(tr -s ' \n' ' ' < /tmp/out)" "*core file size 0 9 *processes 77 88 *open files 123 456 *" limits
}

c16_limits_are_given_once() {
  refuses '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 20, hard: 20}, {type: "RLIMIT_NOFILE", soft: 30, hard: 30}]'
  refuses '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 20, hard: 20}, {type: "RLIMIT_NOFILE", soft: 20, hard: 20}]'
}

c17_unknown_capabilities_are_a_warning() {
  program 'grep CapBnd /proc/self/status'
  local set
  for set in bounding effective permitted inheritable ambient; do
    accepts '.process.capabilities[$set] += ["CAP_NO_SUCH"]' --arg set $set
    match "$(out)" "*0000000008000021" "$set"
  done
  config '.process.capabilities.bounding += ["CAP_NO_SUCH"]'
  must runtime --debug --log /tmp/log create --bundle "$BUNDLE" "$ID" > /tmp/out < /dev/null
  match "$(cat /tmp/log)" "*CAP_NO_SUCH*" "what was logged"
}

c19_oom_score_is_left_alone() {
  program 'cat /proc/self/oom_score_adj'
  echo 321 > /proc/self/oom_score_adj
  run
  eq "$(out)" 321 oom_score_adj
  accepts '.process.oomScoreAdj = 654'
  eq "$(out)" 654 oom_score_adj
}

readonly STAGES='prestart createRuntime createContainer startContainer poststart poststop'

c20_hook_paths_are_absolute() {
  local stage
  for stage in $STAGES; do
    refuses '.hooks[$stage] = [{path: "bin/sh"}]' --arg stage $stage
    refuses '.hooks[$stage] = [{path: ""}]' --arg stage $stage
    refuses '.hooks[$stage] = [{args: ["sh"]}]' --arg stage $stage
  done
}

c21_hook_timeouts_are_positive() {
  local stage
  for stage in $STAGES; do
    refuses '.hooks[$stage] = [{path: "/bin/true", timeout: 0}]' --arg stage $stage
    refuses '.hooks[$stage] = [{path: "/bin/true", timeout: -1}]' --arg stage $stage
  done
}

c21_hooks_are_aborted_when_their_time_is_up() {
  hook createRuntime 'sleep 15; echo late > /tmp/late'
  config '.hooks.createRuntime[0].timeout = 1'
  SECONDS=0
  refused
  [ $SECONDS -lt 8 ] || fail "took $SECONDS seconds"
  [ ! -e /tmp/late ] || fail "the hook ran to its end"
}

# A mark that only the runtime's files have, and one that only the container's have.
marks() {
  mkdir -p /tmp/own && cp /bin/busybox /tmp/own/tool
  mkdir -p "$BUNDLE/rootfs/inside" && ln -s /bin/busybox "$BUNDLE/rootfs/inside/tool"
}

# in_runtime STAGE: its path is the runtime's, and so are its namespaces
in_runtime() {
  marks
  program 'sleep 1'
  config '.hooks[$stage] = [{path: "/tmp/own/tool", args: ["sh", "-c",
          "for t in mnt uts ipc net pid; do readlink /proc/self/ns/$t; done > /tmp/spaces"], env: ["PATH=/bin:/usr/bin"]}]' --arg stage "$1"
  run
  eq "$(cat /tmp/spaces)" "$(for t in mnt uts ipc net pid; do namespace self $t; done)" "namespaces of the hook"
  refuses_inside "$1"
}

# A path that only exists in the container must not be found; poststop hooks only warn.
refuses_inside() {
  config '.hooks[$stage] = [{path: "/inside/tool", args: ["touch", "/tmp/wrong"]}]' --arg stage "$1"
  case $1 in
    poststop) run ;;
    poststart)
      must create
      must_fail start
      ;;
    *) refused ;;
  esac
  [ ! -e /tmp/wrong ] && [ ! -e "$BUNDLE/rootfs/tmp/wrong" ] || fail "the path was resolved in the container"
}

c22_prestart_hooks_belong_to_the_runtime() { in_runtime prestart; }
c23_create_runtime_hooks_belong_to_the_runtime() { in_runtime createRuntime; }
c26_poststart_hooks_belong_to_the_runtime() { in_runtime poststart; }
c27_poststop_hooks_belong_to_the_runtime() { in_runtime poststop; }

c24_create_container_hooks_are_in_the_container() {
  marks
  config '.hooks.createContainer = [{path: "/tmp/own/tool", args: ["sh", "-c",
          "for t in mnt uts ipc net; do readlink /proc/self/ns/$t; done > /tmp/spaces"], env: ["PATH=/bin:/usr/bin"]}]'
  must create
  eq "$(cat /tmp/spaces)" "$(for t in mnt uts ipc net; do namespace "$(get pid)" $t; done)" "namespaces of the hook"
  must delete --force
  refuses_inside createContainer
}

c25_start_container_hooks_are_in_the_container() {
  marks
  program 'for t in mnt uts ipc net pid; do readlink /proc/self/ns/$t; done'
  config '.hooks.startContainer = [{path: "/inside/tool", args: ["sh", "-c",
          "for t in mnt uts ipc net pid; do readlink /proc/self/ns/$t; done > /spaces"], env: ["PATH=/bin"]}]'
  run
  eq "$(cat "$BUNDLE/rootfs/spaces")" "$(out)" "namespaces of the hook"
  config '.hooks.startContainer = [{path: "/tmp/own/tool", args: ["touch", "/tmp/wrong"]}]'
  must create
  must_fail start
}

c28_hooks_are_called_in_order() {
  local stage
  for stage in poststop startContainer poststart createContainer createRuntime prestart; do
    case $stage in
      startContainer) hook $stage "echo $stage 1 >> /order"; hook $stage "echo $stage 2 >> /order" ;;
      *) hook $stage "echo $stage 1 >> /tmp/order"; hook $stage "echo $stage 2 >> /tmp/order" ;;
    esac
  done
  program 'sleep 1'
  must create
  eq "$(tr '\n' ' ' < /tmp/order)" \
    "prestart 1 prestart 2 createRuntime 1 createRuntime 2 createContainer 1 createContainer 2 " "during create"
  must start
  eq "$(tr '\n' ' ' < "$BUNDLE/rootfs/order")" "startContainer 1 startContainer 2 " "before the program"
  eq "$(tail -n 2 /tmp/order | tr '\n' ' ')" "poststart 1 poststart 2 " "after the program"
  wait_for stopped
  must delete
  eq "$(tail -n 2 /tmp/order | tr '\n' ' ')" "poststop 1 poststop 2 " "after delete"
}

c29_the_state_is_on_standard_input() {
  local stage file status
  config '.annotations = {"org.example.key": "value"}'
  for stage in $STAGES; do
    [ $stage = startContainer ] || hook $stage 'printf "%s" "$state" > /tmp/state.'$stage
  done
  hook startContainer 'printf "%s" "$state" > /state.startContainer'
  program 'sleep 0.3'
  must create
  local pid
  pid=$(get pid)
  must start
  wait_for stopped
  must delete
  mv "$BUNDLE/rootfs/state.startContainer" /tmp/
  for stage in $STAGES; do
    jq -e --arg id "$ID" --arg bundle "$BUNDLE" '(.ociVersion | type == "string") and .id == $id and
      .bundle == $bundle and .annotations == {"org.example.key": "value"}' "/tmp/state.$stage" > /dev/null ||
      fail "state in $stage: $(cat "/tmp/state.$stage")"
    status=$(jq -r .status "/tmp/state.$stage")
    case $stage in
      poststart) eq "$status" running "status in $stage" ;;
      poststop) eq "$status" stopped "status in $stage" ;;
      *) match "$status" 'creat*' "status in $stage" ;;
    esac
  done
  for stage in prestart createRuntime poststart; do
    eq "$(jq .pid "/tmp/state.$stage")" "$pid" "pid in $stage"
  done
  for stage in createContainer startContainer; do
    eq "$(jq .pid "/tmp/state.$stage")" 1 "pid in $stage"
  done
}

# Most profiles answer ENOSYS for clone3, and older ones deny what is newer than they are.
c25_start_container_hooks_under_an_old_filter() {
  hook startContainer 'echo called > /hooks'
  config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [
            {names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38},
            {names: ["close_range", "openat2", "faccessat2", "pidfd_open", "pidfd_send_signal", "pidfd_getfd"],
             action: "SCMP_ACT_ERRNO"}]}'
  run
  eq "$(cat "$BUNDLE/rootfs/hooks")" called hook
}

# Before the root is changed the container's init still has the runtime's; its mounts are there already.
before_pivot() {
  config '.mounts += [{destination: "/mnt", type: "tmpfs", source: "early"}]'
  hook "$1" 'pid=$(echo "$state" | jq .pid)
             stat -Lc %d:%i /proc/$pid/root / > /tmp/roots
             grep -c " early " /proc/$pid/mountinfo > /tmp/mounts'
  must create
  eq "$(head -n 1 /tmp/roots)" "$(tail -n 1 /tmp/roots)" "root of the container"
  eq "$(cat /tmp/mounts)" 1 "mounts of the container"
}

c30_prestart_hooks_come_before_pivot() { before_pivot prestart; }
c31_create_runtime_hooks_come_before_pivot() { before_pivot createRuntime; }

c32_create_container_hooks_come_before_pivot() {
  config '.mounts += [{destination: "/mnt", type: "tmpfs", source: "early"}]'
  hook createContainer 'stat -Lc %d:%i / > /tmp/root; grep -c " early " /proc/self/mountinfo > /tmp/mounts
                        ls -d '"$BUNDLE"'/rootfs/bin > /tmp/rootfs'
  must create
  eq "$(cat /tmp/root)" "$(stat -Lc %d:%i /)" "root of the hook"
  eq "$(cat /tmp/mounts)" 1 "mounts of the container"
  eq "$(cat /tmp/rootfs)" "$BUNDLE/rootfs/bin" "the bundle in the hook"
}

c33_start_container_hooks_come_before_the_program() {
  hook startContainer 'sleep 0.3; echo hook >> /order'
  program 'echo program >> /order'
  run
  eq "$(tr '\n' ' ' < "$BUNDLE/rootfs/order")" "hook program " order
}

c34_poststart_hooks_come_after_the_program() {
  hook poststart 'pid=$(echo "$state" | jq .pid); tr "\0" " " < /proc/$pid/cmdline > /tmp/running; sleep 0.3; echo > /tmp/done'
  config '.process.args = ["sleep", "4321"]'
  must create
  must start
  [ -e /tmp/done ] || fail "start returned before the hook"
  eq "$(cat /tmp/running)" "sleep 4321 " "what ran when the hook was called"
}

c35_poststop_hooks_come_after_the_deletion() {
  config '.linux.cgroupsPath = "/case"'
  hook poststop 'find /sys/fs/cgroup -mindepth 1 -name case > /tmp/cgroups; sleep 0.3
                 '"$RUNTIME"' state '$ID' > /tmp/state 2> /dev/null; echo $? > /tmp/status'
  run
  [ -e /tmp/status ] || fail "delete returned before the hook"
  eq "$(cat /tmp/cgroups)" "" "cgroups in the hook"
  [ "$(cat /tmp/status)" != 0 ] || fail "the container still had a state: $(cat /tmp/state)"
}

c36_annotations_are_strings() {
  refuses '.annotations = ["a"]'
  refuses '.annotations = "a"'
  refuses '.annotations = {"": "empty"}'
  refuses '.annotations = {"org.example.number": 1}'
  refuses '.annotations = {"org.example.null": null}'
  refuses '.annotations = {"org.example.list": ["a"]}'
}

c37_unknown_annotations_are_ignored() {
  accepts '.annotations = {"org.example.unknown": "x", "plain": "", "org.opencontainers.image.os": "linux"}'
}

c38_unknown_properties_are_ignored() {
  accepts '.unknown = 1 | .process.unknown = {a: [1]} | .linux.unknown = null | .mounts[0].unknown = "x"
           | .linux.namespaces[0].unknown = true | .root.unknown = 1.5 | .process.user.unknown = []'
}

c39_invalid_values_are_errors() {
  refuses '.process.user.uid = -1'
  refuses '.process.user.uid = "root"'
  refuses '.process.user.gid = 4294967296'
  refuses '.process.args = "sh"'
  refuses '.process.env = {"A": "b"}'
  refuses '.process.terminal = "yes"'
  refuses '.mounts = {}'
  refuses '.mounts += [{type: "tmpfs", source: "x"}]'
  refuses '.mounts += [{destination: "", type: "tmpfs", source: "x"}]'
  refuses '.linux.namespaces = "all"'
  refuses '.linux.rootfsPropagation = "nosuch"'
  refuses '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: -1, hard: 10}]'
  refuses '.process.oomScoreAdj = 1001'
  refuses '.hostname = 5'
  refuses '.root.readonly = "true"'
}

c39_unsupported_values_are_errors() {
  refuses '.process.scheduler = {policy: "SCHED_NO_SUCH"}'
  refuses '.process.ioPriority = {class: "IOPRIO_CLASS_NO_SUCH", priority: 1}'
  refuses '.linux.memoryPolicy = {mode: "MPOL_NO_SUCH"}'
  refuses '.linux.personality = {domain: "NO_SUCH"}'
  refuses '.process.apparmorProfile = "no_such_profile"'
}

# lacks WITH WITHOUT: refused, when the member that WITHOUT names is taken from what WITH adds
lacks() {
  local member
  for member in "${@:2}"; do refuses "$1 | del($member)"; done
}

# But for those numbers that every runtime takes for 0: uid, gid and the I/O priority.
c40_required_members_are_there() {
  lacks . .process.cwd .mounts[0].destination .linux.namespaces[0].type
  lacks '.process.terminal = true | .process.consoleSize = {height: 1, width: 1}' \
    .process.consoleSize.height .process.consoleSize.width
  lacks '.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}]' .process.rlimits[0].{type,soft,hard}
  lacks '.process.scheduler = {policy: "SCHED_BATCH"}' .process.scheduler.policy
  lacks '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 1}' .process.ioPriority.class
  lacks '.hooks.poststop = [{path: "/bin/true"}]' .hooks.poststop[0].path
  lacks '.linux.devices = [{path: "/dev/x", type: "c", major: 1, minor: 3}]' .linux.devices[0].{path,type,major,minor}
  lacks '.linux.resources.devices = [{allow: true, type: "c", major: 1, minor: 3, access: "r"}]' .linux.resources.devices[0].allow
  lacks '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 0}]' .linux.resources.hugepageLimits[0].{pageSize,limit}
  lacks '.linux.resources.network.priorities = [{name: "lo", priority: 1}]' .linux.resources.network.priorities[0].{name,priority}
  lacks '.linux.resources.blockIO.throttleReadBpsDevice = [{major: 8, minor: 0, rate: 1}]' \
    .linux.resources.blockIO.throttleReadBpsDevice[0].{major,minor,rate}
  lacks '.linux.memoryPolicy = {mode: "MPOL_DEFAULT"}' .linux.memoryPolicy.mode
  lacks '.linux.personality = {domain: "LINUX"}' .linux.personality.domain
  lacks '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO",
         args: [{index: 0, value: 1, op: "SCMP_CMP_EQ"}]}]}' .linux.seccomp.defaultAction \
    .linux.seccomp.syscalls[0].action .linux.seccomp.syscalls[0].args[0].{index,value,op}
  lacks '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 9}]
         | .linux.gidMappings = .linux.uidMappings' .linux.uidMappings[0].{containerID,hostID,size}
}

c39_a_broken_configuration_is_an_error() {
  local text why
  for text in '' '{' 'null' '[]' '"x"' '{"ociVersion": "1.0.2"} x' '{"ociVersion": "1.0.2", }'; do
    printf '%s' "$text" > "$BUNDLE/config.json"
    why=$(refused 2>&1) || fail "$why, with $text"
  done
}
