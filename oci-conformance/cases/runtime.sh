# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Cases for runtime.md: state, lifecycle, operations. The letter and number are a line of MUSTS.md.

r03_other_statuses_are_new_states() {
  running
  runtime pause "$ID" 2> /tmp/err || skip "cannot pause: $(said)"
  match "$(get status)" paused "status while paused"
  must runtime resume "$ID"
  eq "$(get status)" running "status after resume"
}

r04_state_follows_the_schema() {
  local status
  config '.annotations = {"org.example.key": "value", "org.example.empty": ""}'
  running
  for status in running stopped; do
    [ $status = running ] || { must signal KILL; wait_for stopped; }
    state | jq -e --arg id "$ID" --arg bundle "$BUNDLE" --arg status "$status" '
      (.ociVersion | type == "string" and test("^1\\.")) and .id == $id and .status == $status and
      (.bundle == $bundle) and
      (if $status == "stopped" then (.pid // 0) >= 0 else .pid > 0 end) and
      .annotations == {"org.example.key": "value", "org.example.empty": ""}' > /dev/null ||
      fail "state when $status: $(state | tr -d '\n')"
  done
}

r04_created_state_has_the_pid() {
  must create
  eq "$(get status)" created status
  [ -d "/proc/$(get pid)" ] || fail "no process $(get pid)"
  [ "$(namespace "$(get pid)" uts)" != "$(namespace self uts)" ] || fail "pid $(get pid) is not the container's"
}

r07_what_cannot_be_made_is_an_error() {
  refuses '.mounts += [{destination: "/mnt", type: "nosuchfs", source: "none"}]'
  refuses '.mounts += [{destination: "/mnt", type: "none", source: "/nonexistent", options: ["bind"]}]'
  refuses '.linux.sysctl = {"net.ipv4.nosuch": "1"}'
}

r08_resources_exist_before_start() {
  config '.mounts += [{destination: "/mnt", type: "tmpfs", source: "early"}] | .linux.sysctl = {"kernel.msgmax": "4321"}'
  must create
  local pid type
  pid=$(get pid)
  for type in pid mnt ipc uts net; do
    [ "$(namespace "$pid" $type)" != "$(namespace self $type)" ] || fail "no $type namespace before start"
  done
  grep -q ' /mnt .* early ' "/proc/$pid/mountinfo" || fail "not mounted before start"
  eq "$(nsenter -t "$pid" -u hostname)" case hostname
  eq "$(nsenter -t "$pid" -i cat /proc/sys/kernel/msgmax)" 4321 sysctl
}

r10_later_edits_have_no_effect() {
  program 'echo as created'
  hook poststop 'echo as created >> /tmp/hooks'
  must create
  program 'echo edited'
  config '.hooks.poststop = [] | .hostname = "edited" | .root.path = "elsewhere"'
  must start
  wait_for stopped
  must delete
  eq "$(out)" "as created" program
  eq "$(cat /tmp/hooks)" "as created" hook
}

r11_prestart_hooks_are_called() {
  hook prestart 'echo called > /tmp/hooks'
  must create
  eq "$(cat /tmp/hooks)" called hook
}

# A hook that fails in `create`: an error, nothing is left, poststop hooks are called.
failing_create_hook() {
  hook "$1" 'exit 3'
  hook "$1" 'echo next >> /tmp/hooks'
  hook poststop 'echo poststop >> /tmp/hooks'
  refused
  eq "$(cat /tmp/hooks)" poststop hooks
}

r12_failing_prestart_hook() { failing_create_hook prestart; }

r13_create_runtime_hooks_are_called() {
  hook createRuntime 'echo called > /tmp/hooks'
  must create
  eq "$(cat /tmp/hooks)" called hook
}

r14_failing_create_runtime_hook() { failing_create_hook createRuntime; }

r15_create_container_hooks_are_called() {
  hook createContainer 'echo called > /tmp/hooks'
  must create
  eq "$(cat /tmp/hooks)" called hook
}

r16_failing_create_container_hook() { failing_create_hook createContainer; }

r17_start_container_hooks_are_called() {
  hook startContainer 'echo called > /hooks'
  must create
  [ ! -e "$BUNDLE/rootfs/hooks" ] || fail "called before start"
  must start
  wait_for stopped
  eq "$(cat "$BUNDLE/rootfs/hooks")" called hook
}

r18_failing_start_container_hook() {
  program 'echo ran > /ran'
  hook startContainer 'exit 3'
  hook poststop 'echo poststop >> /tmp/hooks'
  must create
  must_fail start
  [ ! -e "$BUNDLE/rootfs/ran" ] || fail "the program ran"
  must_fail state
  nothing_left
  eq "$(cat /tmp/hooks)" poststop hooks
}

r21_failing_poststart_hook() {
  program 'sleep 60'
  hook poststart 'exit 3'
  hook poststop 'echo poststop >> /tmp/hooks'
  must create
  must_fail start
  must_fail state
  nothing_left
  eq "$(cat /tmp/hooks)" poststop hooks
}

r22_delete_undoes_create() {
  config '.linux.cgroupsPath = "/case/deeper" | .linux.resources = {pids: {limit: 20}}
          | .mounts += [{destination: "/mnt", type: "tmpfs", source: "x"}]'
  run
  rmdir /sys/fs/cgroup/*/case /sys/fs/cgroup/case 2> /dev/null # a parent may stay
  nothing_left
}

r24_failing_poststop_hook_is_a_warning() {
  hook poststop 'exit 3'
  hook poststop 'echo second >> /tmp/hooks'
  run
  eq "$(cat /tmp/hooks)" second hooks
  must_fail state
  nothing_left
}

r25_errors_leave_nothing() {
  refuses '.process.args = ["/nonexistent"]'
  echo text > "$BUNDLE/rootfs/data/file"
  refuses '.process.cwd = "/data/file/x"'
  refuses '.linux.namespaces += [{type: "nosuch"}]'
  refuses '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 20, hard: 10}]'
  refuses '.linux.maskedPaths = ["proc"]'
  must create
}

r26_warnings_change_nothing() {
  program 'grep CapBnd /proc/self/status'
  config '.process.capabilities.bounding += ["CAP_NO_SUCH"]'
  run
  match "$(out)" "*CapBnd:*0000000008000021" capabilities
}

r31_create_needs_a_bundle() {
  BUNDLE=/tmp/nonexistent refused
  mkdir /tmp/empty
  BUNDLE=/tmp/empty refused
  runtime create --bundle "$BUNDLE" > /dev/null 2> /tmp/err < /dev/null && fail "created without an id"
  nothing_left
}

r32_a_second_container_does_not_disturb_the_first() {
  running
  local pid
  pid=$(get pid)
  must_fail create
  eq "$(get status)" running status
  eq "$(get pid)" "$pid" pid
}

r33_invalid_ids() {
  local id
  for id in '' . .. ../up a/b /abs 'a b' $'a\nb' 'a*' "$(printf 'a%.0s' {1..4000})"; do
    ID=$id must_fail create
    [ "$(runtime list -q 2> /dev/null | wc -w)" = 0 ] || fail "created \"$id\""
  done
  [ ! -e /run/up ] && [ ! -e /up ] || fail "wrote outside the state directory"
  nothing_left
}

r35_properties_other_than_process_are_applied_by_create() {
  config '.linux.cgroupsPath = "/case" | .linux.resources = {pids: {limit: 17}} | .linux.maskedPaths = ["/data"]'
  echo secret > "$BUNDLE/rootfs/data/secret"
  must create
  local pid file
  pid=$(get pid)
  for file in /sys/fs/cgroup/pids/case/pids.max /sys/fs/cgroup/case/pids.max; do
    [ ! -e $file ] || eq "$(cat $file)" 17 "$file"
  done
  [ ! -e "/proc/$pid/root/data/secret" ] || fail "not masked before start"
}

r37_no_container_when_a_property_fails() {
  must_fail_then_succeed() {
    refuses "$1"
    must create
    must delete --force
  }
  must_fail_then_succeed '.linux.resources = {devices: [{allow: true, type: "x", access: "rwm"}]}'
  must_fail_then_succeed '.linux.seccomp = {defaultAction: "SCMP_ACT_NO_SUCH"}'
}

r39_start_of_a_running_container() {
  running
  local pid
  pid=$(get pid)
  must_fail start
  eq "$(get status)" running status
  eq "$(get pid)" "$pid" pid
}

r41_start_without_a_process() {
  config 'del(.process)'
  must create
  eq "$(get status)" created status
  must_fail start
}

r43_kill_of_a_stopped_container() {
  must create
  must start
  wait_for stopped
  local before
  before=$(state)
  must_fail signal TERM
  must_fail signal 0
  eq "$(state)" "$before" state
}

r44_signals_arrive() {
  local spelling
  running 'for s in USR1 USR2 HUP; do trap "echo $s" $s; done; echo ready; while :; do sleep 0.05; done'
  until grep -q ready /tmp/out; do sleep 0.05; done
  for spelling in 10 USR2 SIGHUP; do
    must signal "$spelling"
    sleep 0.3
  done
  eq "$(grep -v ready /tmp/out | tr '\n' ' ')" "USR1 USR2 HUP " signals
  must signal KILL
  wait_for stopped
}

r44_kill_of_a_created_container() {
  must create
  must signal KILL
  wait_for stopped
  must delete
  nothing_left
}

r46_delete_of_a_running_container() {
  running
  local pid
  pid=$(get pid)
  must_fail delete
  eq "$(get status)" running status
  eq "$(get pid)" "$pid" pid
}

r47_delete_removes_every_cgroup() {
  config '.linux.resources = {pids: {limit: 20}, memory: {limit: 67108864}, cpu: {shares: 512}}'
  run
  nothing_left
}

r48_what_create_did_not_make_stays() {
  local cgroup own=()
  while read -r cgroup; do own+=("$cgroup/mine"); done < <(findmnt -rn -o TARGET -t cgroup,cgroup2)
  mkdir "${own[@]}"
  mkdir /tmp/volume && echo kept > /tmp/volume/file
  unshare --net=/tmp/netns true 2> /dev/null || { touch /tmp/netns && unshare --net=/tmp/netns true; } || skip "no network namespace"
  remember
  config '.linux.cgroupsPath = "/mine/case"
          | .mounts += [{destination: "/mnt", type: "bind", source: "/tmp/volume", options: ["rbind"]}]
          | (.linux.namespaces[] | select(.type == "network")).path = "/tmp/netns"'
  run
  for cgroup in "${own[@]}"; do [ -d "$cgroup" ] || fail "removed $cgroup"; done
  eq "$(cat /tmp/volume/file)" kept volume
  nsenter --net=/tmp/netns true || fail "removed the network namespace"
  [ -x "$BUNDLE/rootfs/bin/busybox" ] || fail "removed the root filesystem"
  nothing_left
}

r49_an_id_can_be_used_again() {
  run
  run
  nothing_left
}
