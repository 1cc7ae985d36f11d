// SPDX-License-Identifier: Apache-2.0
// The only main: one binary that is the OCI runtime, and ctrtool when it is called so.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "ctrtool/applets.h"
#include "runtime/cli/commands.h"

namespace {

const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

bool called_as_ctrtool(const char* program) {
  const char* name = base_name(program);
  if (std::strcmp(name, "ocictr") == 0) return false;  // nearly always: no applet's name is read
  if (ctr::override_program_name()) return true;
  if (std::strcmp(name, "exe") == 0) return true;  // "/proc/self/exe APPLET"
  return std::strncmp(name, "ctrtool", std::strlen("ctrtool")) == 0 || ctr::is_applet(name);
}

// Under a name that means nothing we are the runtime, renamed; unless what is asked for is an
// applet and no command of the runtime. That is ctrtool's to refuse.
bool misses_an_applet(const char* program, const char* word) {
  if (std::strncmp(base_name(program), "ocictr", std::strlen("ocictr")) == 0) return false;
  return ctr::is_applet(base_name(word)) && oci::cli::find_command(word) == nullptr;
}

bool standard_fds_are_open() {
  pollfd fds[3] = {{STDIN_FILENO, 0, 0}, {STDOUT_FILENO, 0, 0}, {STDERR_FILENO, 0, 0}};
  if (::poll(fds, 3, 0) < 0) return false;
  return ((fds[0].revents | fds[1].revents | fds[2].revents) & POLLNVAL) == 0;
}

// A caller may have closed 0, 1 or 2: the first file we open would become the container's stdout.
bool guard_standard_fds() {
  if (standard_fds_are_open()) return true;
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR | O_NOCTTY);
    if (fd < 0) return false;
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return true;
    }
  }
}

int run_oci(int argc, char** argv) {
  if (!guard_standard_fds()) return 1;
  oci::cli::Words words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  return oci::cli::run_ocictr(words, argv);
}

int dispatch(int argc, char** argv) {
  if (argc > 0 && called_as_ctrtool(argv[0])) return ctr::ctrtool_main(argc, argv);
  if (argc > 1 && std::strcmp(argv[1], "ctrtool") == 0)
    return ctr::ctrtool_main(argc - 1, argv + 1);
  if (argc > 1 && misses_an_applet(argv[0], argv[1])) return ctr::ctrtool_main(argc, argv);
  return run_oci(argc, argv);
}

// Kept back for whoever cleans up when there is no memory left: given free at the first failure,
// which is one nevertheless.
void* reserve = nullptr;
constexpr std::size_t kReserve = 64U << 10;

void give_reserve_free() {
  std::free(reserve);
  reserve = nullptr;
  throw std::bad_alloc();
}

void complain(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

}  // namespace

int main(int argc, char** argv) {
  reserve = std::malloc(kReserve);
  std::set_new_handler(give_reserve_free);
  try {
    return dispatch(argc, argv);
  } catch (const std::bad_alloc&) {
    complain("ocictr: out of memory\n");
  } catch (const std::exception& error) {
    complain("ocictr: internal error: ");
    complain(error.what());
    complain("\n");
  }
  return 1;
}
