#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The state root on file systems that are not the kernel's own, or not here, or broken (FLT-09).
. "$(dirname "$0")/common.sh"

root=$work/state
runtime() { "$OCICTR" --root "$root" "$@"; }
status_is() { [ "$(runtime state "$1" | jq -r .status)" = "$2" ]; }
# What an error is: one line that names it.
one_line() { # TEXT...
  [ "$(printf '%s\n' "$out" | wc -l)" = 1 ] || fail "more than one line"
  says "$@"
}
nothing_of() { # ID: neither one of our processes nor a control group, and so none of its own
  left=$(pgrep -x ocictr)
  [ -z "$left" ] || fail "processes are left: $left"
  left=$(find $unified -type d -name "*$1*")
  [ -z "$left" ] || fail "control groups are left: $left"
}
life() {
  bundle "$work/b" . sleep 100
  expect 0 runtime create -b "$work/b" life
  expect 1 runtime create -b "$work/b" life
  one_line life
  expect 0 status_is life created
  expect 0 runtime start life
  expect 0 status_is life running
  expect 3 runtime exec life sh -c 'exit 3'
  expect 0 runtime pause life
  expect 0 runtime list
  says paused
  expect 0 runtime resume life
  expect 0 runtime update --pids-limit 40 life
  expect 0 runtime kill life KILL
  eventually status_is life stopped
  expect 0 runtime delete life
  expect 0 runtime run -d -b "$work/b" life
  expect 0 runtime delete --force life
  nothing_of life
  expect 0 ls -A "$root"
  is ""
}

t_fuse() {
  mkdir -p "$work/lower" "$work/upper" "$work/work" "$root"
  expect 0 fuse-overlayfs -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" "$root"
  expect 0 stat -f -c %T "$root"
  is fuseblk
  life
  expect 0 umount "$root"
}

t_nfs() {
  modprobe -a nfsd nfs nfsv4 || fail "no NFS in this kernel"
  export_dir=$work/export
  mkdir -p "$export_dir" "$root" /proc/fs/nfsd
  mount -t nfsd nfsd /proc/fs/nfsd 2>/dev/null
  # Nobody has anything to reclaim.
  echo 1 >/proc/fs/nfsd/nfsv4gracetime
  expect 0 exportfs -o rw,no_root_squash,insecure,no_subtree_check,fsid=0 "127.0.0.1:$export_dir"
  expect 0 rpc.mountd --no-nfs-version 3
  expect 0 rpc.nfsd --no-nfs-version 3 4
  expect 0 mount -t nfs4 -o vers=4.2,hard 127.0.0.1:/ "$root"
  expect 0 stat -f -c %T "$root"
  is nfs
  life
  expect 0 umount "$root"
  rpc.nfsd 0
}

t_device_that_fails() {
  truncate -s 16M "$work/disk"
  loop=$(losetup -f --show "$work/disk") || fail losetup
  sectors=$(blockdev --getsz "$loop")
  mapper() { DM_DISABLE_UDEV=1 dmsetup "$@"; }
  turn_to() { # LINE...: of the device's table
    mapper suspend --noflush --nolockfs octest && printf '%s\n' "$@" | mapper load octest &&
      mapper resume octest || return
    # A page that waits for its place in the lists of pages is not dropped; this empties the queues.
    echo 1 >/proc/sys/vm/compact_memory
    echo 3 >/proc/sys/vm/drop_caches
  }
  # The entries of the root may still be in its memory, or not.
  list_what_the_kernel_remembers() { runtime list || [ $? = 1 ]; }
  expect 0 mapper create octest --table "0 $sectors linear $loop 0"
  expect 0 mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0 /dev/mapper/octest
  mkdir -p "$root"
  expect 0 mount -o sync /dev/mapper/octest "$root"
  rmdir "$root/lost+found"
  bundle "$work/b" . sleep 100
  expect 0 runtime run -d -b "$work/b" disk
  sync -f "$root"
  pid=$(runtime state disk | jq .pid)

  block=$(debugfs -R 'blocks <2>' /dev/mapper/octest 2>/dev/null | tr -d ' ') size=$(stat -f -c %S "$root")
  first=$((block * size / 512)) behind=$(((block + 1) * size / 512))
  expect 0 turn_to "0 $sectors error"
  for command in "state disk" "kill disk KILL" "pause disk" "delete disk"; do
    # shellcheck disable=SC2086  # words
    expect 1 runtime $command
    one_line "Input/output error"
  done
  expect 0 list_what_the_kernel_remembers
  says "Input/output error"
  expect 255 runtime exec disk true
  one_line "Input/output error"
  expect 1 runtime create -b "$work/b" another
  one_line "Input/output error"
  nothing_of another
  expect 0 kill -0 "$pid"

  # Nothing but the root itself can be read.
  expect 0 turn_to "0 $first error" "$first $((behind - first)) linear $loop $first" \
    "$behind $((sectors - behind)) error"
  expect 0 runtime list  # of the others
  says "Input/output error"

  expect 0 turn_to "0 $sectors linear $loop 0"
  expect 0 status_is disk running
  expect 0 runtime delete --force disk
  nothing_of disk
  expect 0 umount "$root"
  expect 0 mapper remove octest
  losetup -d "$loop"
}

main "$@"
