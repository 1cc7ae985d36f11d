#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checkpoints by Debian's criu: of bundles, with every option that is ours to understand, and as
# podman makes them.
. "$(dirname "$0")/common.sh"

nothing_of() {
  [ -z "$(state_of "$1")" ] || fail "$1 is still there"
  [ -z "$(find $unified -name "$1" -type d)" ] || fail "a cgroup is left"
  [ ! -e "/run/ocictr/$1" ] || fail "its record is left"
}

t_help_says_whether() {
  expect 0 "$OCICTR" checkpoint --help
  says --leave-running
  expect 1 env PATH=/nowhere "$OCICTR" checkpoint --help
  says --leave-running "executable file not found in \$PATH"
  expect 1 "$OCICTR" restore --lsm-mount-context
  says "requires an argument"
}
t_dump_and_restore() {
  counter one .
  expect 0 "$OCICTR" checkpoint --image-path "$images" --work-path "$work/log" one
  nothing_of one
  [ -s "$work/log/dump.log" ] || fail "no log"
  expect 0 jq -c . "$images/descriptors.json"
  expect 0 "$OCICTR" restore -d -b "$work/one" --image-path "$images" --work-path "$work/log" \
    --pid-file "$work/pid" --no-pivot -no-subreaper --no-new-keyring one
  [ "$(cat "$work/pid")" = "$("$OCICTR" state one | jq .pid)" ] || fail "another pid"
  goes_on one 3
  expect 0 cat "/proc/$(cat "$work/pid")/cgroup"
  is 0::/one
  expect 0 "$OCICTR" exec one sh -c 'cat /proc/1/comm; ls /proc | grep -c "^[0-9]"'
  says sh
  # criu restores into a time namespace of its own.
  expect 0 "$OCICTR" exec one readlink /proc/self/ns/time
  is "$(readlink "/proc/$(cat "$work/pid")/ns/time")"
  lacks "$(readlink /proc/self/ns/time)"
  expect 0 "$OCICTR" pause one
  [ "$(state_of one)" = paused ] || fail "not paused"
  expect 0 "$OCICTR" resume one
  expect 0 "$OCICTR" kill one KILL
  eventually is_stopped one
  expect 0 "$OCICTR" delete one
  nothing_of one
}
t_leave_running() {
  counter two '.linux.resources.memory.limit = 67108864'
  expect 0 "$OCICTR" checkpoint --leave-running --file-locks --tcp-established --ext-unix-sk \
    --shell-job --link-remap --image-path "$images" two
  [ "$(state_of two)" = running ] || fail "not running"
  goes_on two 3
  expect 0 "$OCICTR" delete -f two
  expect 0 "$OCICTR" restore -d -b "$work/two" --file-locks --tcp-close --ext-unix-sk --shell-job \
    --image-path "$images" --parent-path ../nothing two
  goes_on two 3
  expect 0 cat $unified/two/memory.max
  is 67108864
  expect 0 "$OCICTR" delete -f two
  nothing_of two
}
t_pre_dump() {
  counter three .
  expect 0 "$OCICTR" checkpoint --pre-dump --image-path "$work/pre" three
  [ "$(state_of three)" = running ] || fail "not running"
  expect 1 "$OCICTR" checkpoint --parent-path "$work/pre" --image-path "$images" three
  says "must be relative"
  expect 0 "$OCICTR" checkpoint --parent-path ../pre --image-path "$images" three
  nothing_of three
  [ -L "$images/parent" ] || fail "no parent"
  expect 0 "$OCICTR" restore -d -b "$work/three" --image-path "$images" three
  goes_on three 3
  expect 0 "$OCICTR" delete -f three
}
t_mounts_from_outside() {
  mkdir -p "$work/data"
  echo outside >"$work/data/file"
  ln -sf /inside/link "$work/data/unused"
  counter four '.mounts += [
    {destination: "/data", type: "bind", source: "'"$work/data"'", options: ["rbind", "ro"]},
    {destination: "/link/file", type: "bind", source: "'"$work/data/file"'", options: ["bind"]}]
    | .linux.maskedPaths = ["/proc/keys", "/proc/acpi"] | .linux.readonlyPaths = ["/proc/sys"]
    | .linux.namespaces |= map(select(.type != "cgroup"))'
  expect 0 "$OCICTR" checkpoint --image-path "$images" four
  echo changed >"$work/data/file"
  expect 0 "$OCICTR" restore -d -b "$work/four" --image-path "$images" four
  expect 0 "$OCICTR" exec four sh -c 'cat /data/file /link/file; cat /proc/keys | wc -c'
  is "changed
changed
0"
  expect 1 "$OCICTR" exec four touch /data/no
  expect 0 "$OCICTR" exec four cat /sys/fs/cgroup/four/cgroup.controllers
  expect 0 "$OCICTR" delete -f four
}
# The processes are below the cgroup that has the limits, and come back there.
t_delegated_cgroup() {
  counter divided '.linux.resources.memory.limit = 67108864
    | .annotations = {"run.oci.delegate-cgroup": "payload"}
    | (.mounts[] | select(.type == "cgroup") | .options) -= ["ro"]'
  expect 0 "$OCICTR" checkpoint --image-path "$images" divided
  nothing_of divided
  expect 0 "$OCICTR" restore -d -b "$work/divided" --image-path "$images" divided
  goes_on divided 3
  expect 0 cat "/proc/$("$OCICTR" state divided | jq .pid)/cgroup"
  is 0::/divided/payload
  expect 0 cat $unified/divided/memory.max $unified/divided/payload/memory.max
  is "67108864
max"
  expect 0 "$OCICTR" exec divided sh -c 'cat /proc/self/cgroup; mkdir /sys/fs/cgroup/below && echo may'
  says 0::/ may
  expect 0 "$OCICTR" pause divided
  expect 0 "$OCICTR" resume divided
  expect 0 "$OCICTR" delete -f divided
  nothing_of divided
}
# SEC-15: what the root file system says must not become criu's words.
t_hostile_mount_points() {
  for name in 'x]:' 'a
b' 'back\slash'; do
    bundle "$work/five" '.mounts += [{destination: "/led", type: "bind", source: "/srv", options: ["bind"]},
      {destination: "/run", type: "tmpfs", source: "tmpfs"}]' sleep 100
    mkdir -p "$work/five/rootfs/$name"
    ln -sfn "/$name" "$work/five/rootfs/led"
    expect 0 "$OCICTR" run -d -b "$work/five" five
    expect 1 "$OCICTR" checkpoint --image-path "$work/never" five
    says "could misread"
    [ "$(state_of five)" = running ] || fail "it is gone"
    expect 0 "$OCICTR" delete -f five
    mkdir -p "$images"
    echo '[]' >"$images/descriptors.json"
    expect 1 "$OCICTR" restore -d -b "$work/five" --image-path "$images" five
    says "could misread"
    nothing_of five
    rm -rf "$work/five"
  done
}
t_failures_leave_nothing() {
  counter six .
  expect 1 "$OCICTR" checkpoint --empty-ns pid --image-path "$images" six
  expect 1 "$OCICTR" checkpoint --manage-cgroups-mode x --image-path "$images" six
  expect 1 "$OCICTR" checkpoint --network-lock x --image-path "$images" six
  expect 1 "$OCICTR" checkpoint --page-server nowhere --image-path "$images" six
  expect 1 "$OCICTR" checkpoint --status-fd 77 --lazy-pages --image-path "$images" six
  goes_on six 3
  expect 0 "$OCICTR" checkpoint --image-path "$images" six
  expect 1 "$OCICTR" restore -d -b "$work/six" --image-path /nowhere six
  nothing_of six
  rm "$images"/core-1.img
  expect 1 "$OCICTR" restore -d -b "$work/six" --image-path "$images" six
  says "criu" restore.log
  nothing_of six
  expect 1 "$OCICTR" checkpoint --image-path "$images" six
  says "does not exist"
}
t_settings_of_criu() {
  echo 'log-file other.log' >"$work/criu.conf"
  counter settings '.annotations["org.criu.config"] = "'"$work"'/criu.conf"'
  expect 0 "$OCICTR" checkpoint --leave-running --image-path "$images" settings
  [ -s "$images/other.log" ] || fail "criu has not read its settings: $(ls "$images")"
  expect 0 "$OCICTR" delete -f settings
}
# console SOCKET OUTPUT: an engine's end of a terminal, as far as it matters here.
console() {
  cat >"$work/console.py" <<'PYTHON'
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
_, fds, _, _ = socket.recv_fds(listener.accept()[0], 4096, 1)
with open(sys.argv[2], "wb", buffering=0) as out:
    try:
        while data := os.read(fds[0], 4096):
            out.write(data)
    except OSError:
        pass
PYTHON
  rm -f "$1" "$2"
  python3 "$work/console.py" "$1" "$2" &
  eventually test -S "$1"
}
t_terminal() {
  rm -rf "$images"
  bundle "$work/seven" '.process.terminal = true' \
    sh -c 'i=0; while :; do i=$((i + 1)); echo tick $i; sleep 0.1; done'
  console "$work/console" "$work/said"
  expect 0 "$OCICTR" run -d -b "$work/seven" --console-socket "$work/console" seven
  eventually grep -q 'tick 3' "$work/said"
  expect 0 "$OCICTR" checkpoint --image-path "$images" seven
  console "$work/console" "$work/said"
  expect 0 "$OCICTR" restore -d -b "$work/seven" --console-socket "$work/console" --image-path "$images" seven
  eventually grep -q 'tick' "$work/said"
  ! grep -q -x 'tick 1' "$work/said" || fail "it began anew"
  expect 0 "$OCICTR" delete -f seven
  wait
}
t_attached() {
  counter eight .
  expect 0 "$OCICTR" checkpoint --image-path "$images" eight
  # Without a handler the first process of a pid namespace gets no other signal.
  (eventually counted eight 4; "$OCICTR" kill eight KILL) &
  expect 137 "$OCICTR" restore -b "$work/eight" --image-path "$images" eight
  wait
  nothing_of eight
}
t_hooks_and_namespaces() {
  ip netns add outside
  counter nine '.linux.namespaces |= map(if .type == "network" then .path = "/run/netns/outside" else . end)
    | .hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "cat > '"$work"'/hook"]}]'
  rm -f "$work/hook"
  expect 0 "$OCICTR" checkpoint --image-path "$images" nine
  expect 0 "$OCICTR" restore -d -b "$work/nine" --image-path "$images" nine
  pid=$("$OCICTR" state nine | jq .pid)
  [ "$(stat -Lc %i "/proc/$pid/ns/net")" = "$(stat -c %i /run/netns/outside)" ] || fail "another network"
  expect 0 jq -r .id "$work/hook"
  is nine
  expect 0 "$OCICTR" delete -f nine
  ip netns del outside
}
# --- memory that goes another way ------------------------------------------------
# Ports of this machine, which is nobody else's.
t_page_server() {
  counter ten .
  mkdir -p "$images"
  criu page-server --images-dir "$images" --work-dir "$work" --log-file page-server.log \
    --address 127.0.0.1 --port 27027 &
  server=$!
  eventually sh -c 'ss -tln | grep -q :27027'
  expect 0 "$OCICTR" checkpoint --page-server 127.0.0.1:27027 --image-path "$images" ten
  wait "$server" || fail "the page server: $(tail -n 5 "$work/page-server.log")"
  nothing_of ten
  expect 0 "$OCICTR" restore -d -b "$work/ten" --image-path "$images" ten
  goes_on ten 3
  expect 0 "$OCICTR" delete -f ten
}
t_lazy_pages() {
  counter source .
  bundle "$work/target" '.mounts += [{destination: "/run", type: "tmpfs", source: "tmpfs"}]' sh -c "$count_up"
  : >"$work/status"
  "$OCICTR" checkpoint --lazy-pages --page-server 127.0.0.1:27028 --status-fd 7 \
    --image-path "$images" source 7>>"$work/status" &
  dump=$!
  eventually test -s "$work/status"
  rm -rf "$work/lazy"
  mkdir "$work/lazy"
  criu lazy-pages --page-server --address 127.0.0.1 --port 27028 --images-dir "$images" \
    --work-dir "$work/lazy" --log-file lazy.log &
  lazy=$!
  eventually test -S "$work/lazy/lazy-pages.socket"
  expect 0 "$OCICTR" restore -d -b "$work/target" --lazy-pages --image-path "$images" \
    --work-path "$work/lazy" target
  goes_on target 3
  wait "$lazy" || fail "lazy pages: $(tail -n 5 "$work/lazy/lazy.log")"
  wait "$dump" || fail "the checkpoint ends with $?"
  nothing_of source
  expect 0 "$OCICTR" delete -f target
  nothing_of target
}

# --- engines -----------------------------------------------------------------------
podman() { command podman --runtime "$OCICTR" --cgroup-manager "$manager" "$@"; }
podman_counts() { [ "$(podman exec c sed -n '$p' /run/count)" -ge "$1" ]; }
by_podman() { # MANAGER
  manager=$1
  [ -d "$work/rootfs" ] || make_rootfs "$work/rootfs"
  expect 0 podman run -d --name c --network none --tmpfs /run --memory 64m --rootfs "$work/rootfs" \
    sh -c "$count_up"
  eventually podman_counts 3
  expect 0 podman container checkpoint --keep c
  expect 0 podman inspect --format '{{.State.Checkpointed}} {{.State.Status}}' c
  is "true exited"
  expect 0 podman container restore --keep c
  podman_counts 3 || fail "it began anew"
  expect 0 podman inspect --format '{{.State.Status}}' c
  is running
  expect 0 cat "$(cgroup_of "$(podman inspect --format '{{.State.Pid}}' c)")/memory.max"
  is 67108864
  expect 0 podman container checkpoint --leave-running -e "$work/c.tar.gz" c
  expect 0 podman container checkpoint -P -e "$work/pre.tar.gz" c
  expect 0 podman rm -f -t 0 c
}
t_podman_cgroupfs() { by_podman cgroupfs; }
t_podman_systemd() { by_podman systemd; }

# The programs of the machine that has started this one.
t_containerd() {
  PATH=$OCICTR_TOOLS/containerd:$PATH
  need containerd
  export CONTAINERD_NAMESPACE=octest
  start_containerd
  mkdir -p /tmp/rootfs
  make_rootfs /tmp/rootfs
  make_image
  expect 0 ctr image import --snapshotter native /tmp/image.tar
  expect 0 ctr run -d --null-io --snapshotter native --runtime io.containerd.runc.v2 \
    --runc-binary "$OCICTR" --env PATH=/bin --mount type=tmpfs,src=tmpfs,dst=/run \
    docker.io/library/bb:latest c sh -c "$count_up"
  eventually task_counts c 3
  expect 0 ctr container checkpoint --image --rw --task c docker.io/library/checkpoint:1
  # It was only looked at.
  eventually task_counts c $(($(task_count c) + 3))
  expect 0 ctr task checkpoint --exit --image-path /var/tmp/octest-ctr c
  expect 0 test -s /var/tmp/octest-ctr/pstree.img
  eventually sh -c 'ctr task ls | grep "^c .*STOPPED"'
  expect 0 ctr task delete -f c
  expect 0 ctr container delete c
  expect 0 ctr container restore --rw --live d docker.io/library/checkpoint:1
  [ "$(task_count d)" -ge 3 ] || fail "it began anew at $(task_count d)"
  eventually task_counts d $(($(task_count d) + 3))
  expect 0 ctr task kill -s KILL d
  eventually sh -c 'ctr task ls | grep "^d .*STOPPED"'
  expect 0 ctr task delete d
  says "exit code 137"
  stop_daemon "$containerd"
}
task_count() { sed -n '$p' "/proc/$(ctr task ls | awk -v name="$1" '$1 == name { print $2 }')/root/run/count"; }
task_counts() { [ "$(task_count "$1")" -ge "$2" ]; }

main "$@"
