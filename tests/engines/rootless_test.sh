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
  tag=octest-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
  mkdir -p /tmp/etc/upper /tmp/etc/work
  mount -t overlay -o lowerdir=/etc,upperdir=/tmp/etc/upper,workdir=/tmp/etc/work overlay /etc ||
    skip "this kernel has no overlay file system"
  echo "plain:x:$id:$id::/tmp/home:/bin/sh" >>/etc/passwd
  echo "plain:x:$id:" >>/etc/group
  echo plain:200000:65536 >/etc/subuid
  echo plain:200000:65536 >/etc/subgid
  mkdir -p /tmp/home /tmp/bundle "/run/user/$id"
  make_rootfs /tmp/bundle/rootfs
  chown -R "$id:$id" /tmp/home /tmp/bundle "/run/user/$id"
  chmod 700 "/run/user/$id"
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
  expect 3 "$OCICTR_TOOLS/pty" --size 31x71 --expect '31 71' -- setpriv --reuid $id --regid $id \
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
t_without_a_user_namespace_it_says_so() {
  bundle true
  edit '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)'
  expect 1 runtime create -b /tmp/bundle "$tag"
}

main "$@"
