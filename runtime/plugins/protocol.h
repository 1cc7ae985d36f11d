// SPDX-License-Identifier: Apache-2.0
// Between ocictr and the program that answers for a seccomp filter by plugins (main.cc).
//
//   NAME STATE_DIRECTORY ID BUNDLE CONFIG PLUGIN...
//
// Descriptor 3 is a SOCK_SEQPACKET socket. The host's one message there is kHostReady when all
// plugins are loaded and started, else why not, and then it ends. Descriptor 4 listens, without
// blocking, for the container's process, which sends the filter's listener as to any agent. When
// descriptor 3 is at its end and nobody has connected, there is nothing to do.
#pragma once

constexpr int kHostControl = 3;
constexpr int kHostAgent = 4;
constexpr int kHostFirstPlugin = 5;  // in argv
constexpr unsigned kHostMostText = 4096;
constexpr char kHostReady[] = "ready";
