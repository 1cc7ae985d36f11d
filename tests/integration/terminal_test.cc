// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/terminal.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "tests/support/console.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using ctr::BorrowedFd;
using ctr::UniqueFd;

// A "container's root" at /run/root with an empty /dev/pts.
UniqueFd make_root() {
  EXPECT_EQ(::mount("none", "/run", "tmpfs", 0, nullptr), 0);
  support::make_directories("/run/root/dev/pts");
  return UniqueFd(::open("/run/root", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void mount_devpts() {
  ASSERT_EQ(::mount("devpts", "/run/root/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666"), 0);
}

int code_of(const ctr::Result<ctr::Pty>& pty) { return pty.ok() ? 0 : pty.error().code; }

NS_TEST(OpenPty, IsOfTheContainersDevpts) {
  const UniqueFd root = make_root();
  mount_devpts();
  ctr::Result<ctr::Pty> pty = ctr::open_pty(root);
  ASSERT_OK(pty);
  struct stat inside {};
  ASSERT_EQ(::stat("/run/root/dev/pts/0", &inside), 0);
  struct stat peer {};
  ASSERT_EQ(::fstat(pty->peer.raw(), &peer), 0);
  EXPECT_EQ(peer.st_ino, inside.st_ino);
  EXPECT_EQ(peer.st_dev, inside.st_dev);
  ASSERT_EQ(::write(pty->peer.raw(), "hello", 5), 5);
  EXPECT_EQ(support::read_until(pty->master, "hello"), "hello");
}

NS_TEST(OpenPty, RefusesADirectoryThatLooksLikeDevpts) {
  const UniqueFd root = make_root();
  ASSERT_EQ(::mknod("/run/root/dev/pts/ptmx", S_IFCHR | 0666, makedev(5, 2)), 0);
  EXPECT_EQ(code_of(ctr::open_pty(root)), ENODEV);
}

NS_TEST(OpenPty, RefusesWhatIsMountedOverTheMultiplexer) {
  const UniqueFd root = make_root();
  mount_devpts();
  ASSERT_EQ(::mount("/dev/null", "/run/root/dev/pts/ptmx", nullptr, MS_BIND, nullptr), 0);
  EXPECT_EQ(code_of(ctr::open_pty(root)), EXDEV);
}

NS_TEST(OpenPty, AnAbsoluteLinkStaysInTheRoot) {
  const UniqueFd root = make_root();
  ASSERT_EQ(::rmdir("/run/root/dev/pts"), 0);
  ASSERT_EQ(::symlink("/dev/pts", "/run/root/dev/pts"), 0);
  EXPECT_EQ(code_of(ctr::open_pty(root)), ELOOP);
  ASSERT_EQ(::unlink("/run/root/dev/pts"), 0);
  ASSERT_EQ(::symlink("/proc/1/root/dev/pts", "/run/root/dev/pts"), 0);
  EXPECT_EQ(code_of(ctr::open_pty(root)), ENOENT);
}

NS_TEST(SendTerminal, IsOneMessageWithOneDescriptor) {
  support::ConsoleSocket console("/tmp/console.sock");
  ctr::Result<UniqueFd> socket = ctr::sys::connect_unix(console.path(), SOCK_STREAM);
  ASSERT_OK(socket);
  const support::Pty pty = support::open_pty(24, 80);
  ASSERT_OK(ctr::send_terminal(*socket, pty.master));
  socket->reset();
  const UniqueFd received = console.receive();
  EXPECT_EQ(console.problem(), "");
  ASSERT_TRUE(received.valid());
  ASSERT_TRUE(support::type(received, "x\n"));
  char byte = 0;
  EXPECT_EQ(::read(pty.slave.raw(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

}  // namespace
