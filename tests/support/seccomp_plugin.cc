// SPDX-License-Identifier: Apache-2.0
// A plugin as run.oci.seccomp.plugins names it. What it answers:
//   getcpu    4242                 getppid   the kernel is to go on
//   umask     17, sent by itself   mkdirat   EDOM
//   chroot    it fails
// Anything else is not for it. The file `plugin` of the bundle may say that it is to "fail" or to
// "crash" when it is started; else it writes there, in plugin.started, what it was given and finds,
// and in the end plugin.stopped.
// Built with PLUGIN_SILENT it has nothing but what every plugin must have, and answers nothing.
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/plugins/plugin.h"

#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION kPluginVersion
#endif

#define EXPORTED extern "C" __attribute__((visibility("default")))

#ifdef PLUGIN_SILENT

EXPORTED int run_oci_seccomp_notify_handle_request(void* opaque, seccomp_notif_sizes*,
                                                   seccomp_notif*, seccomp_notif_resp*, int, int*) {
  return opaque == nullptr ? 0 : 1;
}

#else

namespace {

struct Plugin {
  char bundle[3000];
};

// A file of the bundle, complete when it appears.
class Told {
 public:
  Told(const Plugin& plugin, const char* name) {
    snprintf(path_, sizeof path_, "%s/%s", plugin.bundle, name);
    snprintf(new_path_, sizeof new_path_, "%s.new", path_);
    file_ = fopen(new_path_, "we");
  }
  ~Told() {
    if (file_ == nullptr) return;
    fclose(file_);
    rename(new_path_, path_);
  }
  __attribute__((format(printf, 2, 3))) void line(const char* format, ...) {
    if (file_ == nullptr) return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(file_, format, arguments);
    va_end(arguments);
  }

 private:
  char path_[3200];
  char new_path_[3300];
  FILE* file_;
};

bool is_to(const Plugin& plugin, const char* word) {
  char path[3200];
  snprintf(path, sizeof path, "%s/plugin", plugin.bundle);
  FILE* const file = fopen(path, "re");
  if (file == nullptr) return false;
  char text[64] = {};
  if (fgets(text, sizeof text, file) == nullptr) text[0] = '\0';
  fclose(file);
  return strcmp(text, word) == 0;
}

// The descriptors first: the file is one more.
void tell_start(const Plugin& plugin, const PluginConfiguration& given) {
  constexpr int kMost = 64;
  static char targets[kMost][512];
  for (int fd = 0; fd < kMost; ++fd) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, targets[fd], sizeof targets[fd] - 1) < 0) targets[fd][0] = '\0';
  }
  Told told(plugin, "plugin.started");
  for (int fd = 0; fd < kMost; ++fd)
    if (targets[fd][0] != '\0') told.line("fd %d %s\n", fd, targets[fd]);
  for (char** variable = environ; *variable != nullptr; ++variable)
    told.line("environment %s\n", *variable);
  told.line("state %s\nid %s\nbundle %s\nconfig %s\nreadable %d\npid %d\nsession %d\n",
            given.state_directory, given.id, given.bundle, given.config,
            access(given.config, R_OK) == 0, getpid(), getsid(0));
}

int answer_itself(const seccomp_notif& request, int listener) {
  seccomp_notif_resp response = {};
  response.id = request.id;
  response.val = 17;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace

EXPORTED int run_oci_seccomp_notify_version() { return PLUGIN_VERSION; }

EXPORTED int run_oci_seccomp_notify_start(void** opaque, PluginConfiguration* given, size_t size) {
  if (size != sizeof *given) return 2;
  Plugin* const plugin = static_cast<Plugin*>(calloc(1, sizeof(Plugin)));
  if (plugin == nullptr) return 3;
  snprintf(plugin->bundle, sizeof plugin->bundle, "%s", given->bundle);
  if (is_to(*plugin, "crash")) abort();
  if (is_to(*plugin, "fail")) {
    free(plugin);
    return 42;
  }
  tell_start(*plugin, *given);
  *opaque = plugin;
  return 0;
}

EXPORTED int run_oci_seccomp_notify_handle_request(void* opaque, seccomp_notif_sizes* sizes,
                                                   seccomp_notif* request,
                                                   seccomp_notif_resp* response, int listener,
                                                   int* verdict) {
  if (opaque == nullptr || sizes->seccomp_notif < sizeof *request) return 4;
  switch (request->data.nr) {
    case SYS_getcpu:
      response->val = 4242;
      *verdict = kRespond;
      return 0;
    case SYS_getppid:
      *verdict = kRespondContinue;
      return 0;
    case SYS_umask:
      *verdict = kResponding;
      return answer_itself(*request, listener);
    case SYS_mkdirat:
      response->error = -EDOM;
      *verdict = kRespond;
      return 0;
    case SYS_chroot:
      return 43;
    default:
      return 0;
  }
}

EXPORTED int run_oci_seccomp_notify_stop(void* opaque) {
  Plugin* const plugin = static_cast<Plugin*>(opaque);
  Told(*plugin, "plugin.stopped").line("stopped\n");
  free(plugin);
  return 0;
}

#endif
