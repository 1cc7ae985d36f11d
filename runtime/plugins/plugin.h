// SPDX-License-Identifier: Apache-2.0
// What a seccomp plugin is: a shared object with these functions, as crun knows them (version 1).
// One that works under crun works here.
#pragma once

#include <linux/seccomp.h>
#include <stddef.h>

constexpr int kPluginVersion = 1;

extern "C" {

// Whose filter it answers for. All are absolute paths but the ID.
struct PluginConfiguration {
  const char* state_directory;  // of this container
  const char* id;
  const char* bundle;
  const char* config;  // config.json, the copy in the state directory
};

// What a plugin has done with a request.
enum PluginVerdict : int {
  kNotHandled = 0,       // ask the next one; after the last the call fails with ENOTSUP
  kRespond = 1,          // the response is filled in
  kResponding = 2,       // the plugin sends the response to the descriptor itself, now or later
  kRespondContinue = 3,  // the kernel is to carry the call out
};

// `run_oci_seccomp_notify_version`, may be missing: must answer 1.
using PluginVersion = int();
// `run_oci_seccomp_notify_start`, may be missing: once, before any request. Not 0: it failed.
// `opaque` is for the plugin, and comes back with each later call.
using PluginStart = int(void** opaque, PluginConfiguration* configuration, size_t size);
// `run_oci_seccomp_notify_handle_request`: one request. Not 0: it failed.
using PluginHandle = int(void* opaque, seccomp_notif_sizes* sizes, seccomp_notif* request,
                         seccomp_notif_resp* response, int listener, int* verdict);
// `run_oci_seccomp_notify_stop`, may be missing: nothing of the container is left to ask.
using PluginStop = int(void* opaque);

}  // extern "C"
