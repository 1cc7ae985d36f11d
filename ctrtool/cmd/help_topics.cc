// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/help_topics.h"

#include "ctrtool/cmd/open_flags.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/socket_words.h"

namespace ctr {
namespace {

constexpr Variable kVariables[] = {
    {"", "CTRTOOL_OVERRIDE_ARGV0_LOOKUP",
     "a number above 0: the applet is the first word, whatever the program is called"},
    {"help", "COLUMNS", "how wide a text for a terminal is"},
    {"launcher", "CTRTOOL_CONTAINER_LAUNCHER_EXEC_FD", "set: the descriptor that is executed"},
    {"launcher", "CTRTOOL_CONTAINER_LAUNCHER_PID_FD",
     "set for the script with --pidfd; read where a join has '-' and no name"},
    {"launcher", "CTRTOOL_CONTAINER_LAUNCHER_<IPC|MNT|NET|PID|USER|UTS|CGROUP|TIME>_NS",
     "set for the script with --open-namespaces"},
    {"launcher", "CTRTOOL_CONTAINER_LAUNCHER_CHILD_<STDIN|STDOUT|STDERR>_FD",
     "set for a script without fork (-F): our ends of the terminal or pipes"},
    {"launcher", "CONTAINER_LAUNCHER_UNIX_FD", "set for PROGRAM with -X: its end of the pair"},
    {"nsenter", "CTRTOOL_CONTAINER_LAUNCHER_PID_FD", "read where a join has '-' and no name"},
    {"make_ns", "CTRTOOL_MAKE_NS_FD_<n>", "set: the namespace of item n, -1: not passed on"},
    {"make_ns", "CTRTOOL_MAKE_NS_<USER|MNT|NET|IPC|UTS|CGROUP|TIME>_FD", "set: the last of a kind"},
    {"make_ns", "CTRTOOL_MAKE_NS_COUNT", "set: one more than the last n"},
    {"ns_open_file", "CTRTOOL_NS_OPEN_FILE_FD_<n>", "set: the result of item n, -1: internal"},
    {"ns_open_file", "CTRTOOL_NS_OPEN_FILE_COUNT", "set: one more than the last n"},
    {"unlock", "CTRTOOL_UNLOCK_FD_<n>", "set: what -o opened and -i received"},
    {"unlock", "CTRTOOL_UNLOCK_COUNT", "set: one more than the last n"},
    {"unlock", "LD_*", "removed when the root has changed, unless --keep-ld"},
    {"pidns_run", "CTRTOOL_PIDNS_RUN_PID", "set for -p and -N: the pid, as we see it"},
    {"pidns_run", "CTRTOOL_PIDNS_RUN_FD_0", "set for -p and -N: a pidfd"},
    {"pidns_run", "container", "set for PROGRAM: ctrtool"},
    {"set_fds", "LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES", "set with -s and -n"},
    {"mini-init", "LISTEN_PID, LISTEN_FDS", "set for programs with -p"},
    {"ppid_check", "<PREFIX>_PID, <PREFIX>_PPID", "set with -e PREFIX"},
    {"tty_proxy", "COLUMNS, LINES", "read with -t"},
    {"debug_shell", "REMOTE_*", "set for each command: who is at the other end"},
};

std::string environment_text() {
  std::string text;
  for (const Variable& variable : kVariables) {
    const std::string of =
        *variable.applet == '\0' ? "" : std::string(" (") + variable.applet + ")";
    text += variable.name + of + "\n    " + variable.help + "\n";
  }
  return text + "Names that begin with '/' or ':' where a descriptor is wanted: see specs.\n";
}

std::string sockets_text() {
  return "What ns_open_file takes for -n, in any case; numbers will do too.\n"
         "Families (-d)\n  " +
         socket_domain_names() +
         "\n"
         "Types (-t), each also with _nb: it does not wait\n  " +
         socket_type_names() +
         "\n"
         "Protocols (-p)\n  " +
         socket_protocol_names() +
         "\n"
         "Options (--opt NAME[=VALUE])\n  " +
         socket_option_names() +
         "\n"
         "Flags of -4 and -6, after the port\n"
         "  a reuseaddr  p reuseport  f freebind  t transparent  d defer_accept  e nodelay\n"
         "  B bind_no_port  o v6only  O not v6only  I the scope is a number  : nothing\n";
}

std::string open_flags_text() {
  return "What ns_open_file takes for -O of -m, and unlock for -o; several are OR-ed.\n"
         "Flags\n  " +
         open_flag_names() +
         "\n"
         "How paths are resolved (-R, --resolve)\n  " +
         resolve_flag_names() +
         "\n"
         "beneath and in_root forbid magic links too, their other forms do not.\n";
}

struct FixedTopic {
  const char* name;
  const char* text;
};
constexpr FixedTopic kFixed[] = {
    {"specs",
     "Descriptors are named\n"
     "  N      the caller's descriptor N, kept inheritable\n"
     "  /VAR   its number is in the variable VAR, which is kept\n"
     "  :VAR   the same, but VAR is removed and the descriptor becomes private\n"
     "  =PATH  PATH is opened, privately\n"
     "Namespaces to join are letters (C cgroup, i ipc, m mount, n net, p pid, U user, u uts,\n"
     "T time, a all that differ from ours, X close the descriptor afterwards), then\n"
     "  :N :/VAR ::VAR  a descriptor: namespace file or pidfd\n"
     "  -NAME           its number is in NAME (CTRTOOL_CONTAINER_LAUNCHER_PID_FD)\n"
     "  =PATH           a namespace file\n"
     "  @PID            a process\n"
     "  /PATH           a directory like /proc/PID, without the first slash: //proc/1\n"
     "  %PATH           the same, PATH as it is\n"},
    {"caps",
     "A mask (0x3000), or words separated by commas: names with or without CAP_, all, none.\n"
     "'+' or '-' before a word adds to or takes from what is there: -mknod, all-sys_admin.\n"},
    {"signals", "A number from 0 to 64, or a name: TERM, SIGTERM, RTMIN+3, in any case.\n"},
    {"rlimits",
     "NAME=VALUE or NAME=SOFT:HARD; an empty side stays as it is; VALUE may be unlimited.\n"
     "Names: as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime\n"
     "sigpending stack, or the letters v c t d f x l q e n u m r y i s.\n"},
    {"ops",
     "The operations of ns_open_file -I; the letter stands in the fourth column of\n"
     "\"ctrtool help -o ns_open_file\" where an option goes with them.\n"
     "  e  memfd memfd_seal       a memory file; the second may be sealed\n"
     "  p  popen popen_wait       start a program; the second must end with 0\n"
     "  p  popen_r popen_w        with a pipe from its output, or to its input\n"
     "  s  popen_s0 popen_s1 popen_su   with a socket at its input, output or both\n"
     "  s  popen_scm              wait for it, then receive a descriptor from its output\n"
     "  p  popen_memfd popen_memfd_seal   wait for it; its output, the second sealed\n"
     "  y  ptslave                the other end of a terminal's master\n"
     "  r  scm_recv               receive descriptors over a unix socket\n"
     "  S  scm_send               send them\n"
     "  c  connect                connect a socket\n"
     "  x  connect_unix_path      the same, to a socket file that is a descriptor\n"
     "  u  tunsetiff              a TUN handle gets its interface\n"
     "  w  poll ifne              wait for any event; for input, without which it fails\n"},
    {"registers",
     "ns_open_file has registers 0 to 7, and those with names. -L REG,SPEC loads one before\n"
     "everything else, -s REG stores an item's result (REG,i: not passed on to PROGRAM), -i REG\n"
     "uses one: as the namespace or operand (n), the directory (d), or what is sent or connected\n"
     "to (a). A register that is not set is a mistake found before anything is done.\n"
     "pidfd_ctl has three: r1 a pidfd (-1, -n, -c), r2 the operand (-2, -F), r3 a namespace that\n"
     "was found (-N, -u, -p). -x swaps r1 and r2, -y r2 and r3; -e, -E, -v export them.\n"},
    {"examples",
     "# unprivileged network namespace\n"
     "export TARGET_NS_NAME=net0\n"
     "mkdir -p /run/netns /run/userns\n"
     "ctrtool launcher --escape -U -n -O 1000 --uid-map=0.1000.1 --gid-map=0.1000.1 \\\n"
     "  --no-clear-groups --disable-setgroups --script-is-shell --script='ctrtool mount_seq \\\n"
     "    -m \"/run/netns/$TARGET_NS_NAME\" -f -s \"/proc/self/fd/$2/ns/net\" -K -Ob \\\n"
     "    -m \"/run/userns/$TARGET_NS_NAME\" -f -s \"/proc/self/fd/$2/ns/user\" -K -Ob' \\\n"
     "  --wait --no-exec\n"
     "\n"
     "# rootless container with a tmpfs root\n"
     "ctrtool launcher --escape -w -Umpinu --uid-map=0.$(id -u).1 --gid-map=0.$(id -g).1 \\\n"
     "  --disable-setgroups -g -t -r /tmp/root \\\n"
     "  -d -x 'ctrtool nsenter -j Umin%/proc/self/fd/$2 -- sh -ec \"\n"
     "    ctrtool rootfs-mount -o root_link_opts=all_ro,image_dirs=1,dev_opts=bind_host /tmp/root\n"
     "    ctrtool mount_seq -m /tmp/root/_fsroot_ro -s /tmp/image -O bvosd -r\"' \\\n"
     "  -- /bin/sh -c 'id; ls /'\n"
     "\n"
     "# two containers with different ID maps sharing one image\n"
     "# /tmp/image may be where a squashfs is mounted\n"
     "for base in 100000 200000; do\n"
     "  mkdir -p /tmp/root\n"
     "  ctrtool launcher --escape -w -Umpinu --uid-map=0.$base.65536 --gid-map=0.$base.65536 \\\n"
     "    -t -r /tmp/root -d -x 'ctrtool nsenter -j Umin%/proc/self/fd/$2 -- sh -ec \"\n"
     "      ctrtool rootfs-mount -o root_link_opts=all_ro,image_dirs=1,dev_opts=bind_host "
     "/tmp/root\n"
     "      ctrtool mount_seq -m /tmp/root/_fsroot_ro -s /tmp/image -O bvosd -r\"' \\\n"
     "    -- /bin/sh -c 'cat /proc/self/uid_map; ls /bin/sh'\n"
     "done\n"
     "\n"
     "# nested unprivileged containers\n"
     "ctrtool launcher --escape -w -Ump -t --uid-map=0.$(id -u).1 --gid-map=0.$(id -g).1 \\\n"
     "  --disable-setgroups -g -- sh -ec 'echo outer $$ $(id -u)\n"
     "    ctrtool launcher --escape -w -Ump -t --uid-map=0.0.1 --gid-map=0.0.1 \\\n"
     "      --disable-setgroups -g -- sh -c \"echo inner \\$\\$ \\$(id -u)\"'\n"
     "\n"
     "# a bound /proc/self as a pid handle\n"
     "mkdir -p /run/daemon\n"
     "ctrtool mount_seq -m /run/daemon -s /proc/self -K -O b -- sleep 1 &\n"
     "sleep 0.5\n"
     "test -e /run/daemon/status && echo runs\n"
     "wait\n"
     "test -e /run/daemon/status || echo gone\n"
     "umount /run/daemon\n"},
    {"chaining",
     "A PROGRAM of the form :APPLET is that applet, run in the same process without an exec.\n"
     "Private descriptors are closed before, the words after it are the applet's.\n"
     "./:name executes a file of such a name.\n"},
    {"exit-codes",
     "0 done, 1 usage, 2 done with tolerated failures, 3 an operation failed,\n"
     "125 failed before the program, 126 program not executable, 127 program not found,\n"
     "128+n program killed by signal n, 255 ctrtool itself found no applet.\n"},
};

}  // namespace

std::vector<HelpTopic> help_topics() {
  std::vector<HelpTopic> topics;
  for (const FixedTopic& topic : kFixed) topics.push_back({topic.name, topic.text});
  topics.push_back({"sockets", sockets_text()});
  topics.push_back({"open-flags", open_flags_text()});
  topics.push_back({"environment", environment_text()});
  return topics;
}

std::span<const Variable> variables() { return kVariables; }

}  // namespace ctr
