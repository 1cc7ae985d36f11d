// SPDX-License-Identifier: Apache-2.0
// Answers for a seccomp filter by plugins. A static program cannot load any: so ocictr carries this
// one inside, which needs the C library and nothing else, and starts it from memory where a
// container has plugins. Contract: protocol.h.
//
// It lives until no process has the filter any more. When a plugin fails it ends at once: the
// kernel then answers ENOSYS for what would have been asked.
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/plugins/plugin.h"
#include "runtime/plugins/protocol.h"

namespace {

struct Plugin {
  const char* path = nullptr;
  void* object = nullptr;
  void* opaque = nullptr;
  PluginHandle* handle = nullptr;
  bool started = false;
};

// As many as there are words; never freed.
struct Plugins {
  Plugin* first = nullptr;
  size_t count = 0;
};

void send_text(const char* text) { (void)send(kHostControl, text, strlen(text), MSG_NOSIGNAL); }

template <typename Function>
Function* find(const Plugin& plugin, const char* name) {
  return reinterpret_cast<Function*>(dlsym(plugin.object, name));
}

// --- loading -------------------------------------------------------------------------------------

struct Text {
  char bytes[kHostMostText];
};

__attribute__((format(printf, 2, 3))) bool fail(Text& why, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why.bytes, sizeof why.bytes, format, arguments);
  va_end(arguments);
  return false;
}

bool start(Plugin& plugin, PluginConfiguration& configuration, Text& why) {
  PluginStart* const begin = find<PluginStart>(plugin, "run_oci_seccomp_notify_start");
  const int failed =
      begin == nullptr ? 0 : begin(&plugin.opaque, &configuration, sizeof configuration);
  if (failed != 0) return fail(why, "%s: its start failed (%d)", plugin.path, failed);
  plugin.started = true;
  return true;
}

bool load(Plugin& plugin, PluginConfiguration& configuration, Text& why) {
  plugin.object = dlopen(plugin.path, RTLD_NOW);
  if (plugin.object == nullptr) return fail(why, "%s", dlerror());  // it names the file
  PluginVersion* const version = find<PluginVersion>(plugin, "run_oci_seccomp_notify_version");
  const int number = version == nullptr ? kPluginVersion : version();
  if (number != kPluginVersion)
    return fail(why, "%s: it is for version %d of the interface, not %d", plugin.path, number,
                kPluginVersion);
  constexpr const char* kHandle = "run_oci_seccomp_notify_handle_request";
  plugin.handle = find<PluginHandle>(plugin, kHandle);
  if (plugin.handle == nullptr) return fail(why, "%s: it has no %s", plugin.path, kHandle);
  return start(plugin, configuration, why);
}

bool load_all(Plugins& plugins, PluginConfiguration& configuration, Text& why) {
  for (size_t i = 0; i < plugins.count; ++i)
    if (!load(plugins.first[i], configuration, why)) return false;
  return true;
}

void stop_all(const Plugins& plugins) {
  for (size_t i = 0; i < plugins.count; ++i) {
    const Plugin& plugin = plugins.first[i];
    if (!plugin.started) continue;
    PluginStop* const stop = find<PluginStop>(plugin, "run_oci_seccomp_notify_stop");
    if (stop != nullptr) stop(plugin.opaque);
  }
}

// --- serving -------------------------------------------------------------------------------------

// The kernel's structures may have grown since our headers were written.
struct Buffers {
  seccomp_notif_sizes sizes = {};
  seccomp_notif* request = nullptr;
  seccomp_notif_resp* response = nullptr;
};

bool allocate(Buffers& buffers) {
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &buffers.sizes) != 0) return false;
  const auto at_least = [](size_t size, size_t least) { return size > least ? size : least; };
  buffers.request = static_cast<seccomp_notif*>(
      malloc(at_least(buffers.sizes.seccomp_notif, sizeof(seccomp_notif))));
  buffers.response = static_cast<seccomp_notif_resp*>(
      malloc(at_least(buffers.sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp))));
  return buffers.request != nullptr && buffers.response != nullptr;
}

// The connection, or -1: there will be none.
int accept_connection() {
  pollfd either[] = {{kHostAgent, POLLIN, 0}, {kHostControl, POLLIN, 0}};
  while (poll(either, 2, -1) < 0) {
  }
  // Whoever ended the control may have connected before.
  return accept4(kHostAgent, nullptr, nullptr, SOCK_CLOEXEC);
}

// The listener, or -1: the container did not come to be.
int receive_listener() {
  const int connection = accept_connection();
  close(kHostAgent);
  if (connection < 0) return -1;
  char data[16];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part = {data, sizeof data};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(connection, &header, MSG_CMSG_CLOEXEC);
  close(connection);
  const cmsghdr* const rights = got > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS ||
      rights->cmsg_len != CMSG_LEN(sizeof(int)))
    return -1;
  int listener = -1;
  memcpy(&listener, CMSG_DATA(rights), sizeof listener);
  return listener;
}

// Of all plugins: the first that has something to say. kNotHandled: none. -1: one has failed, and
// that is said.
int ask(const Plugins& plugins, Buffers& buffers, int listener) {
  for (size_t i = 0; i < plugins.count; ++i) {
    const Plugin& plugin = plugins.first[i];
    int verdict = kNotHandled;
    const int failed = plugin.handle(plugin.opaque, &buffers.sizes, buffers.request,
                                     buffers.response, listener, &verdict);
    if (failed != 0 || verdict < kNotHandled || verdict > kRespondContinue) {
      fprintf(stderr, "ocictr: seccomp plugin %s: %s (%d) for system call %d\n", plugin.path,
              failed != 0 ? "failed" : "gave an unknown answer", failed != 0 ? failed : verdict,
              buffers.request->data.nr);
      return -1;
    }
    if (verdict != kNotHandled) return verdict;
  }
  return kNotHandled;
}

// Whoever asked may be gone by now (ENOENT), or a signal have ended its call.
bool is_harmless(int error) { return error == ENOENT || error == EINTR || error == EINPROGRESS; }

bool answer_one(const Plugins& plugins, Buffers& buffers, int listener) {
  memset(buffers.request, 0, buffers.sizes.seccomp_notif);
  memset(buffers.response, 0, buffers.sizes.seccomp_notif_resp);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, buffers.request) != 0) return is_harmless(errno);
  const int verdict = ask(plugins, buffers, listener);
  if (verdict < 0) return false;
  if (verdict == kResponding) return true;
  if (verdict == kNotHandled) {
    buffers.response->error = -ENOTSUP;
    buffers.response->flags = 0;
  }
  if (verdict == kRespondContinue)
    buffers.response->flags |= static_cast<__u32>(SECCOMP_USER_NOTIF_FLAG_CONTINUE);
  buffers.response->id = buffers.request->id;
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, buffers.response) == 0) return true;
  if (is_harmless(errno)) return true;
  fprintf(stderr, "ocictr: seccomp plugins: answer to system call %d: %s\n",
          buffers.request->data.nr, strerror(errno));
  return false;
}

// True when nobody is left to ask.
bool serve(const Plugins& plugins, Buffers& buffers, int listener) {
  while (true) {
    pollfd asked = {listener, POLLIN, 0};
    if (poll(&asked, 1, -1) < 0) continue;  // EINTR: nothing else can happen
    if ((asked.revents & POLLIN) == 0) return true;
    if (!answer_one(plugins, buffers, listener)) return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < kHostFirstPlugin) return EXIT_FAILURE;
  // Plugins may have threads and children, and may write where nobody reads. What ends us is the
  // end of the container.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  prctl(PR_SET_NAME, "seccomp-plugins");

  PluginConfiguration configuration = {argv[1], argv[2], argv[3], argv[4]};
  Plugins plugins;
  plugins.count = static_cast<size_t>(argc - kHostFirstPlugin);
  plugins.first = static_cast<Plugin*>(calloc(plugins.count + 1, sizeof(Plugin)));
  if (plugins.first == nullptr) return EXIT_FAILURE;
  for (size_t i = 0; i < plugins.count; ++i)
    plugins.first[i].path = argv[static_cast<size_t>(kHostFirstPlugin) + i];

  Text why = {};
  Buffers buffers;
  if (!allocate(buffers)) fail(why, "seccomp notifications: %s", strerror(errno));
  if (buffers.response == nullptr || !load_all(plugins, configuration, why)) {
    stop_all(plugins);
    send_text(why.bytes);
    return EXIT_FAILURE;
  }
  prctl(PR_SET_PDEATHSIG, 0);  // from here on the control tells
  send_text(kHostReady);
  const int listener = receive_listener();
  close(kHostControl);
  const bool served = listener < 0 || serve(plugins, buffers, listener);
  if (listener >= 0) close(listener);
  stop_all(plugins);
  return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
