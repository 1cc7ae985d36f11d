#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An ordinary user without any privilege runs containers: bundles of `spec --rootless`, the life
# cycle, exec, ranges of ids through newuidmap, and podman.
. "$(dirname "$0")/common.sh"
engine=rootless
id=12345

setup_rootless() {
  command -v setpriv >/dev/null || skip "setpriv is not installed"
  [ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] || skip "this machine forbids user namespaces"
  new_tag
  with_private_etc
  echo "plain:x:$id:$id::/tmp/home:/bin/sh" >>/etc/passwd
  echo "plain:x:$id:" >>/etc/group
  echo plain:200000:65536 >/etc/subuid
  echo plain:200000:65536 >/etc/subgid
  mkdir -p /tmp/home /tmp/bundle "/run/user/$id"
  make_rootfs /tmp/bundle/rootfs
  chown -R "$id:$id" /tmp/home /tmp/bundle "/run/user/$id"
  chmod 700 "/run/user/$id"
  # A copy: where the build is, a user may not look.
  mkdir /tmp/runtime
  cp "$OCICTR" /tmp/runtime/
  OCICTR=/tmp/runtime/${OCICTR##*/}
  cd /tmp
  as_user true || skip "this machine forbids changing to an ordinary user"
}

as_user() {
  setpriv --reuid $id --regid $id --clear-groups env -i PATH="$PATH" HOME=/tmp/home \
    XDG_RUNTIME_DIR="/run/user/$id" OCICTR="$OCICTR" "$@"
}
runtime() { as_user "$OCICTR" "$@"; }

# edit FILTER: of config.json, which stays the user's.
edit() { jq "$1" </tmp/bundle/config.json >/tmp/edited && cp /tmp/edited /tmp/bundle/config.json; }

# bundle WORDS...
bundle() {
  need jq
  as_user sh -c 'cd /tmp/bundle && rm -f config.json && "$OCICTR" spec --rootless' || fail "spec --rootless"
  edit ".process.args = $(words "$@") | .process.terminal = false"
}

remove_containers() { :; }
nothing_left() {
  left=$(ls -A "/run/user/$id/ocictr" 2>/dev/null | grep -v -e '^\.' -e '^cache$')
  [ -z "$left" ] || fail "left in the state root: $left"
  left=$(find /sys/fs/cgroup -type d -name "*$tag*")
  [ -z "$left" ] || fail "left control groups: $left"
}

t_spec_runs() {
  bundle guest report
  expect 0 runtime run -b /tmp/bundle "$tag"
  says "uid 0 0 0" "uid_map          0      12345          1" "setgroups deny" "hostname "
}
t_exit_status() {
  bundle sh -c 'exit 13'
  expect 13 runtime run -b /tmp/bundle "$tag"
}
t_files_belong_to_the_user() {
  bundle sh -c 'touch /tmp/made'
  edit '.root.readonly = false'
  expect 0 runtime run -b /tmp/bundle "$tag"
  expect 0 stat -c %u /tmp/bundle/rootfs/tmp/made
  is $id
}
t_life_cycle() {
  bundle sleep 100
  expect 0 runtime create -b /tmp/bundle "$tag"
  [ -d "/run/user/$id/ocictr/$tag" ] || fail "the state is not in XDG_RUNTIME_DIR"
  expect 0 runtime start "$tag"
  expect 0 runtime state "$tag"
  says '"running"'
  expect 0 runtime exec "$tag" sh -c 'echo in; id -u'
  says in 0
  expect 0 runtime list -q
  is "$tag"
  expect 0 runtime kill "$tag" KILL
  eventually sh -c "setpriv --reuid $id --regid $id --clear-groups env XDG_RUNTIME_DIR=/run/user/$id '$OCICTR' state $tag | grep -q stopped"
  expect 0 runtime delete "$tag"
}
t_terminal() {
  bundle sh -c 'stty size; exit 3'
  edit '.process.terminal = true'
  expect 3 on_terminal --size 31x71 --expect '31 71' -- setpriv --reuid $id --regid $id \
    --clear-groups env "XDG_RUNTIME_DIR=/run/user/$id" "$OCICTR" run -b /tmp/bundle "$tag"
}
t_without_xdg_runtime_dir() {
  bundle true
  expect 0 as_user env XDG_RUNTIME_DIR= "$OCICTR" run -b /tmp/bundle "$tag"
  expect 0 as_user env XDG_RUNTIME_DIR= "$OCICTR" --root /tmp/home/state run -b /tmp/bundle "$tag"
}
t_ranges_of_ids() {
  need newuidmap
  bundle guest report
  edit '.linux.uidMappings = [{containerID:0,hostID:12345,size:1},{containerID:1,hostID:200000,size:65536}]
      | .linux.gidMappings = .linux.uidMappings | .process.user = {uid:1000,gid:1000}'
  expect 0 runtime run -b /tmp/bundle "$tag"
  says "uid 1000 1000 1000" "200000      65536"
}
t_foreign_ranges_are_refused() {
  need newuidmap
  bundle true
  edit '.linux.uidMappings = [{containerID:0,hostID:0,size:10}] | .linux.gidMappings = .linux.uidMappings'
  expect 1 runtime create -b /tmp/bundle "$tag"
}
t_root_on_tmpfs() {
  bundle sh -c 'touch /made && id -u && ls -d /_fsroot_ro/bin; touch /bin/x || true'
  edit '.root.readonly = false | .annotations["org.ctrtool.rootfs"] = "tmpfs"'
  expect 0 runtime run -b /tmp/bundle "$tag"
  says 0 /_fsroot_ro/bin
  [ ! -e /tmp/bundle/rootfs/made ] || fail "made in the image"
}
t_overlay_of_the_users_own() {
  mkdir -p /tmp/home/upper /tmp/home/work && chown "$id:$id" /tmp/home/upper /tmp/home/work
  bundle sh -c 'ls /merged/bin/busybox && echo new >/merged/made'
  edit '.mounts += [{type: "overlay", source: "overlay", destination: "/merged", options: [
    "lowerdir=/tmp/bundle/rootfs", "upperdir=/tmp/home/upper", "workdir=/tmp/home/work"]}]'
  expect 0 runtime run -b /tmp/bundle "$tag"
  says /merged/bin/busybox
  expect 0 cat /tmp/home/upper/made
  is new
}
# What only the host's root may do is an error, and names what was asked for.
t_beyond_the_users_rights() {
  mkdir -p /tmp/home/volume
  bundle true
  edit '.mounts += [{type: "bind", source: "/tmp/home/volume", destination: "/mnt", options: ["bind", "idmap"]}]'
  expect 1 runtime create -b /tmp/bundle "$tag"
  says /mounts/ CAP_SYS_ADMIN
  bundle true
  edit '.linux.namespaces += [{type: "network"}] | .linux.netDevices = {lo: {name: "other"}}'
  expect 1 runtime create -b /tmp/bundle "$tag"
  says /linux/netDevices
}
t_without_a_user_namespace_it_says_so() {
  bundle true
  edit '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)'
  expect 1 runtime create -b /tmp/bundle "$tag"
}

# --- podman ----------------------------------------------------------------------
# Everything below the home directory; no control groups, which nobody has delegated to this user.
setup_rootless_podman() {
  need podman
  need newuidmap
  mkdir -p /tmp/home/.config/containers
  cat >/tmp/home/.config/containers/containers.conf <<CONF
[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
  printf '[storage]\ndriver = "vfs"\n' >/tmp/home/.config/containers/storage.conf
  echo 'unqualified-search-registries = []' >/tmp/home/.config/containers/registries.conf
  printf '{"default":[{"type":"insecureAcceptAnything"}]}' >/tmp/home/.config/containers/policy.json
  tar -C /tmp/bundle/rootfs -cf /tmp/home/rootfs.tar .
  chown -R "$id:$id" /tmp/home
  podman import /tmp/home/rootfs.tar bb >/tmp/import.log 2>&1 || fail "podman import: $(cat /tmp/import.log)"
}
podman() { as_user sh -c 'cd; exec podman --runtime "$OCICTR" "$@"' podman "$@"; }
run() { podman run --network none "$@"; }
podman_ends() {
  podman rm -f -t 0 -a >/dev/null 2>&1
  podman system migrate >/dev/null 2>&1
}

t_podman_run() {
  setup_rootless_podman
  expect 3 run --rm bb sh -c 'id -u; cat /proc/self/uid_map; exit 3'
  says 0 "12345          1" "200000      65536"
  expect 127 run --rm bb nosuch
  expect 126 run --rm bb /etc
  expect 0 run --rm --user 1000:10 bb guest report
  says "uid 1000 1000 1000"
  podman_ends
}
t_podman_life_cycle() {
  setup_rootless_podman
  expect 0 run -d --name c bb sh -c 'trap "echo bye; exit 0" TERM; while :; do sleep 0.1; done'
  expect 7 podman exec c sh -c 'echo in; exit 7'
  says in
  expect 127 podman exec c nosuch
  expect 0 podman top c pid comm
  says sh
  expect 0 podman stop -t 10 c
  expect 0 podman logs c
  says bye
  expect 0 podman start c
  expect 0 podman kill c
  expect 0 podman rm -f -t 0 c
  podman_ends
}
t_podman_tty() {
  setup_rootless_podman
  run_on_terminal setpriv --reuid $id --regid $id --clear-groups env -i PATH="$PATH" \
    HOME=/tmp/home XDG_RUNTIME_DIR="/run/user/$id" TERM=dumb \
    podman --runtime "$OCICTR" run --rm --network none -it bb sh
  podman_ends
}
t_podman_volumes_and_ids() {
  setup_rootless_podman
  as_user mkdir /tmp/home/data
  expect 0 run --rm -v /tmp/home/data:/data bb touch /data/made
  expect 0 stat -c %u /tmp/home/data/made
  is $id
  expect 0 run --rm --userns keep-id -v /tmp/home/data:/data bb stat -c %u /data/made
  is $id
  expect 0 run --rm -v named:/data --user 1000 bb sh -c 'echo kept > /tmp/x && cat /tmp/x'
  is kept
  expect 0 run --rm --read-only --tmpfs /t --cap-drop all bb guest report
  says "status.CapEff 0000000000000000"
  podman_ends
}
t_podman_pod() {
  setup_rootless_podman
  expect 0 podman import --change 'CMD ["/bin/guest", "wait-term"]' /tmp/home/rootfs.tar infra
  expect 0 podman pod create --name p --network none --infra-image infra
  expect 0 podman run -d --pod p --name c bb sleep 100
  expect 0 podman run --rm --pod p bb readlink /proc/self/ns/net
  expect 0 podman pod rm -f -t 0 p
  podman_ends
}
t_podman_build() {
  setup_rootless_podman
  mkdir /tmp/home/context
  printf 'FROM bb\nRUN echo made > /made && chown 1000 /made\nUSER 1000\nCMD ["cat", "/made"]\n' >/tmp/home/context/Containerfile
  chown -R $id:$id /tmp/home/context
  expect 0 podman build --network none --isolation oci -t built /tmp/home/context
  expect 0 run --rm built
  is made
  podman_ends
}

main "$@"
