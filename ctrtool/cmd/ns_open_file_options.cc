// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/ns_open_file_options.h"

#include "ctrtool/cmd/all.h"

namespace ctr {
namespace {

constexpr OptionRow kOptions[] = {
    {'n', "socket", "", "item: a socket; stream, inet6 unless its address says otherwise"},
    {'m', "open", "", "item: an open file or directory, perhaps of a mount namespace"},
    {'T', "tun", "", "item: a handle for TUN and TAP interfaces"},
    {'f', "file", "", "item: the file that -N names, read-only, as we see it"},
    {'I', "op", "OP", "item: a special operation, see above"},
    {'N', "ns", "PATH", "n m T f: in this namespace (a namespace file, or a pidfd)", "", "nmTf"},
    {'U', "enter-userns", "", "n m T: join the user namespace that owns it first", "", "nmT"},
    {'A', "anon", "",
     "n: in a new network namespace, made in the owner of -N; m: join that owner only; with -U -N "
     "is itself a user namespace, and without -N there is a new one",
     "", "nm"},
    {kUserns, "userns", "PATH", "n m T: join this user namespace first, instead of -U", "", "nmT"},
    {kUidMap, "uid-map", "MAP", "n m: of the new user namespace, INNER.OUTER.COUNT[:...]",
     "0.UID.1", "nm"},
    {kGidMap, "gid-map", "MAP", "n m: the same for groups", "0.GID.1", "nm"},
    {kSetgroups, "setgroups", "allow|deny", "n m: of the new user namespace", "deny", "nm"},
    {kSame, "same", "", "n T: in the namespaces of the item before, by the same helper", "", "nT"},
    {'C', "cred", "NAME[=VALUE]",
     "n m T: who the helper is: uid gid euid egid fsuid fsgid pre_uid pre_gid =NUMBER, "
     "groups=LIST, "
     "keepcaps keep_groups setgroups_pre; n: unix_uid unix_gid =NUMBER",
     "", "nmT"},
    {'d', "domain", "WORD",
     "n: inet inet6 netlink packet unix vsock; m: where relative paths begin: cwd, a descriptor, "
     "@REG",
     "", "nm"},
    {kDirectory, "dir", "WORD", "m: the same as -d", "", "m"},
    {'t', "type", "WORD",
     "n, I popen_s*, popen_scm: stream dgram raw seqpacket rdm tcp udp, each with _nb; T, I "
     "tunsetiff: tun tap no_pi multi_queue vnet_hdr, repeated",
     "stream", "nsTu"},
    {'p', "protocol", "WORD",
     "n: icmp icmpv6 ip ipv6 mptcp sctp tcp udp udplite, eth_all eth_arp eth_ip eth_ipv6 eth_vlan",
     "", "n"},
    {'4', "inet", "ADDRESS,PORT[,FLAGS]", "n: bind; I connect: where to", "", "nc"},
    {'6', "inet6", "ADDRESS,PORT[,FLAGS[,SCOPE]]", "the same; also [ADDRESS%SCOPE]", "", "nc"},
    {'P', "path", "TEXT",
     "n, I connect: unix address, @NAME is abstract; m: path; I popen*: for the shell; T, I "
     "tunsetiff: interface",
     "", "ncmpsuT"},
    {kVsock, "vsock", "CID,PORT", "n, I connect: address; any, local, host, hypervisor or numbers",
     "", "nc"},
    {kPacket, "packet", "INTERFACE[,PROTOCOL]", "n, I connect: address of a packet socket", "",
     "nc"},
    {kNetlink, "netlink", "PORT[,GROUPS]", "n, I connect: address of a netlink socket", "", "nc"},
    {'z', "raw-address", "HEX", "n, I connect: the bytes of a sockaddr", "", "nc"},
    {kOption, "opt", "NAME[=VALUE]",
     "n, I popen_s* (our end): socket option: reuseaddr reuseport freebind transparent "
     "defer_accept bind_no_port v6only "
     "nodelay keepalive keepidle keepintvl keepcnt fastopen rcvbuf sndbuf mark priority "
     "bindtodevice linger broadcast pktinfo passcred mapped_to_ipv4",
     "", "ns"},
    {kNumericOption, "sockopt", "LEVEL,NAME,VALUE",
     "n: any other; VALUE is a number, x:HEX or s:TEXT", "", "n"},
    {'l', "listen", "BACKLOG", "n: listen; 0 or less: as many as the kernel allows", "", "n"},
    {kConnect, "connect", "KIND:ADDRESS",
     "n: connect, after binding; inet: inet6: unix: vsock: packet: netlink: raw:", "", "n"},
    {kConnectTimeout, "connect-timeout", "MS", "n, I connect: not longer than this", "", "nc"},
    {kUnlink, "unlink", "", "n: remove the socket file that is there", "", "n"},
    {kOwner, "owner", "UID[:GID]", "n: of the socket file; T, I tunsetiff: who may attach", "",
     "nTu"},
    {'M', "mode", "OCTAL", "m: of a new file; n: of a socket file; T: a path, as --device", "0600",
     "nmT"},
    {kDevice, "device", "PATH", "T: the device", kTunDevice, "T"},
    {kPersist, "persist", "", "T, I tunsetiff: the interface outlives the handle", "", "Tu"},
    {'O', "flag", "WORD",
     "m, I ptslave: append async creat direct directory dsync excl noatime noctty nofollow "
     "nonblock path rdonly rdwr sync tmpfile trunc wronly; repeated",
     "", "my"},
    {'R', "resolve", "WORD",
     "m: beneath in_root beneath_magiclinks in_root_magiclinks no_magiclinks no_symlinks no_xdev "
     "cached; repeated",
     "", "m"},
    {'2', "openat2", "", "m: by openat2(2) even without -R", "", "m"},
    {kArgument, "arg", "WORD", "I popen*: a program and its arguments, instead of -P", "", "ps"},
    {kPass, "pass", "REG,VAR", "I popen*: the child inherits the register, its number in VAR", "",
     "ps"},
    {kTimeout, "timeout", "MS", "I scm_recv, poll, ifne: not longer than this", "", "rw"},
    {kCount, "count", "N", "I scm_recv: so many descriptors, each a result", "1", "r"},
    {kSkip, "skip", "", "I scm_recv: messages without descriptors are no error", "", "r"},
    {kPeerUid, "peer-uid", "UID", "I scm_recv: from this user only", "", "r"},
    {kPeerPid, "peer-pid", "PID", "I scm_recv: from this process only", "", "r"},
    {kPeerEnv, "peer-env", "VAR", "I scm_recv: VAR := PID UID GID of the sender", "", "r"},
    {'s', "save", "REG[,i]", "the result goes to this register; i: not to PROGRAM", "",
     "nmTfepsyr"},
    {'i', "use", "REG[,n|d|a]",
     "a register: n the namespace or operand, d the directory, a what scm_send sends or "
     "connect_unix_path connects to",
     "n", "nmTfyrScxuw"},
    {kEnv, "env", "VAR", "one more variable for the result", "", "nmTfepsyr"},
    {kFd, "fd", "N[!]", "the number of the result; an open N only with '!'", "", "nmTfepsyr"},
    {'o', "offset", "N", "where the numbers of the variables begin", "0"},
    {'L', "load", "REG,FD", "a register, before everything else"},
    {'q', "no-exec", "", "no PROGRAM"},
};

constexpr OperationRow kOperations[] = {
    {"memfd", Operation::Memfd, 'e'},
    {"memfd_seal", Operation::MemfdSeal, 'e'},
    {"popen", Operation::Popen, 'p', false},
    {"popen_wait", Operation::PopenWait, 'p', false},
    {"popen_r", Operation::PopenR, 'p'},
    {"popen_w", Operation::PopenW, 'p'},
    {"popen_s0", Operation::PopenS0, 's'},
    {"popen_s1", Operation::PopenS1, 's'},
    {"popen_su", Operation::PopenSu, 's'},
    {"popen_scm", Operation::PopenScm, 's'},
    {"popen_memfd", Operation::PopenMemfd, 'p'},
    {"popen_memfd_seal", Operation::PopenMemfdSeal, 'p'},
    {"ptslave", Operation::PtSlave, 'y'},
    {"scm_recv", Operation::ScmRecv, 'r'},
    {"scm_send", Operation::ScmSend, 'S', false},
    {"connect", Operation::Connect, 'c', false},
    {"connect_unix_path", Operation::ConnectUnixPath, 'x', false},
    {"tunsetiff", Operation::TunSetIff, 'u', false},
    {"poll", Operation::Poll, 'w', false},
    {"ifne", Operation::IfNonEmpty, 'w', false},
};

}  // namespace

std::span<const OperationRow> ns_open_file_operations() { return kOperations; }

const Manual kNsOpenFileManual = {
    .name = "ns_open_file",
    .synopsis =
        "[-o OFFSET] [-L REG,FD]... {ITEM [OPTION]...}... [--] PROGRAM [ARG...]\n"
        "[-L REG,FD]... {ITEM [OPTION]...}... -q",
    .purpose =
        "Makes descriptors that belong to other namespaces, stays where it is, and becomes\n"
        "PROGRAM, which inherits them: CTRTOOL_NS_OPEN_FILE_FD_<n> is the number of item n's,\n"
        "CTRTOOL_NS_OPEN_FILE_COUNT one more than the last n. An item without a descriptor\n"
        "leaves a gap; one that is not passed on is -1.\n"
        "Items are done in order; the options behind one are its own, and say which items they\n"
        "are for. Adjacent items with the same namespaces and credentials share one helper\n"
        "process. Registers (0 to 7, or names) hold descriptors between items.\n"
        "FD is a number, /VAR or :VAR (a number in a variable), or =PATH.\n"
        "\n"
        "Operations of -I:\n"
        "  memfd, memfd_seal  a memory file; the second may be sealed\n"
        "  popen, popen_wait  start a program; the second must end with 0\n"
        "  popen_r, popen_w   with a pipe from its output, or to its input\n"
        "  popen_s0, _s1, _su with a unix socket at its input, output or both\n"
        "  popen_scm          wait for it, then receive a descriptor from its output\n"
        "  popen_memfd, popen_memfd_seal   wait for it; its output, the second sealed\n"
        "  ptslave            the other end of the terminal master -i\n"
        "  scm_recv, scm_send descriptors over the unix socket -i\n"
        "  connect            the socket -i\n"
        "  connect_unix_path  the socket -i to the socket file -i REG,a\n"
        "  tunsetiff          the TUN handle -i gets its interface\n"
        "  poll, ifne         wait for -i: any event; something to read, or it is an error",
    .options = kOptions,
    .exit_codes =
        "0    done, with -q\n1    bad words\n2    an item failed\n"
        "126  PROGRAM cannot be executed\n127  PROGRAM was not found\nelse PROGRAM's",
    .examples =
        "ctrtool ns_open_file -n -N /proc/PID/ns/net -U -4 127.0.0.1,80,a -l 128 my-server\n"
        "ctrtool ns_open_file -T -N /proc/PID/ns/net -U -t tun -P tun7 my-vpn\n"
        "ctrtool ns_open_file -I popen_r -P 'make list' -s 0 -I ifne -i 0 -- read-list",
    .failure_status = 2,
};

}  // namespace ctr
