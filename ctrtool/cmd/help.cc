// SPDX-License-Identifier: Apache-2.0
// help: what the tables of the applets say, as text and as manual pages.
#include <algorithm>

#include "ctrtool/cmd/all.h"
#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

constexpr OptionRow kOptions[] = {
    {'l', "list", nullptr, "the applets' names, sorted, one a line"},
    {'a', "all", nullptr, "the full text of every applet"},
    {'o', "options", nullptr, "the options, one a line: short, long, argument, by tabs"},
    {'e', "examples", nullptr, "the examples only"},
    {'x', "exit-codes", nullptr, "the exit codes only"},
    {'m', "man", nullptr, "a manual page, in roff"},
    {'c', "compact", nullptr, "the synopsis only"},
    {'j', "json", nullptr, "applets, their options and exit codes, as JSON"},
    {'v', "version-of-build", nullptr, "version, kind of linking, architecture"},
};

struct Topic {
  const char* name;
  const char* text;
};
constexpr Topic kTopics[] = {
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
    {"environment",
     "CTRTOOL_OVERRIDE_ARGV0_LOOKUP  a number above 0: the applet is the first word, whatever\n"
     "                               the program is called\n"},
};

std::string synopsis_of(const Manual& manual) {
  const std::string text = help_text(manual);
  return text.substr(0, text.find("\n\n") + 1);
}

std::string options_of(const Manual& manual) {
  std::string text;
  for (const OptionRow& row : manual.options)
    text += strf("%s\t%s\t%s\n", row.key < kLongOnly ? strf("-%c", row.key).c_str() : "",
                 row.name != nullptr ? strf("--%s", row.name).c_str() : "",
                 row.argument != nullptr ? row.argument : "");
  return text;
}

std::string json_text(const char* text) { return text == nullptr ? "null" : json_quote(text); }

std::string option_json(const OptionRow& row) {
  const std::string letter =
      row.key < kLongOnly ? json_quote(strf("-%c", row.key)) : std::string("null");
  return "{\"short\":" + letter + ",\"long\":" + json_text(row.name) +
         ",\"argument\":" + json_text(row.argument) + ",\"help\":" + json_text(row.help) +
         ",\"default\":" + json_text(row.initial) + "}";
}

std::string applet_json(const Applet& applet) {
  std::string text = "{\"name\":" + json_text(applet.name) + ",\"help\":" + json_text(applet.help);
  if (applet.manual == nullptr) return text + "}\n";
  text += ",\"exit_codes\":" + json_text(applet.manual->exit_codes) + ",\"options\":[";
  const char* separator = "";
  for (const OptionRow& row : applet.manual->options) {
    text += separator + option_json(row);
    separator = ",\n";
  }
  return text + "]}\n";
}

// A leading dot or quote would be a request; a dash shall stay a dash.
std::string roff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    at_start = c == '\n';
  }
  return out;
}

std::string man_options(const Manual& manual) {
  std::string text;
  for (const OptionRow& row : manual.options) {
    text += strf(".TP\n\\fB%s\\fR\n", roff(option_head(row)).c_str());
    text += roff(row.help);
    if (row.initial != nullptr) text += strf(" (default: %s)", roff(row.initial).c_str());
    text += "\n";
  }
  text += ".TP\n\\fB\\-\\-help\\fR\nprint a summary and exit\n";
  return text + ".TP\n\\fB\\-\\-version\\fR\nprint the version and exit\n";
}

std::string man_page(const Applet& applet) {
  const Manual& manual = *applet.manual;
  std::string text = ".\\\" SPDX-License-Identifier: Apache-2.0\n";
  text += strf(".TH CTRTOOL\\-%s 1 \"\" \"ocictr\" \"User Commands\"\n", roff(manual.name).c_str());
  text += strf(".SH NAME\nctrtool\\-%s \\- %s\n.SH SYNOPSIS\n.nf\n", roff(manual.name).c_str(),
               roff(applet.help).c_str());
  for (const std::string_view line : split(manual.synopsis, '\n'))
    text += strf("\\fBctrtool %s\\fR %s\n", roff(manual.name).c_str(), roff(line).c_str());
  text += ".fi\n.SH DESCRIPTION\n.nf\n" + roff(manual.purpose) + "\n.fi\n";
  text += ".SH OPTIONS\n" + man_options(manual);
  text += ".SH EXIT STATUS\n.nf\n" + roff(manual.exit_codes) + "\n.fi\n";
  text += ".SH EXAMPLES\n.nf\n" + roff(manual.examples) + "\n.fi\n";
  return text + ".SH SEE ALSO\n\\fBctrtool\\fR(1), \\fBocictr\\fR(8)\n";
}

std::string overview() {
  std::string text = "Usage: ctrtool APPLET [ARG...]\n\nApplets:\n";
  for (const Applet& applet : applets()) text += strf("  %-14s  %s\n", applet.name, applet.help);
  text += "\nTopics of \"ctrtool help TOPIC\":";
  for (const Topic& topic : kTopics) text += strf(" %s", topic.name);
  return text + "\n\"ctrtool APPLET --help\" explains one applet.\n";
}

std::string man_overview() {
  std::string text = ".\\\" SPDX-License-Identifier: Apache-2.0\n";
  text += ".TH CTRTOOL 1 \"\" \"ocictr\" \"User Commands\"\n";
  text += ".SH NAME\nctrtool \\- small tools that containers are made of\n";
  text += ".SH SYNOPSIS\n\\fBctrtool\\fR \\fIAPPLET\\fR [\\fIARG\\fR...]\n.SH APPLETS\n";
  for (const Applet& applet : applets())
    text += strf(".TP\n\\fB%s\\fR\n%s\n", roff(applet.name).c_str(), roff(applet.help).c_str());
  for (const Topic& topic : kTopics)
    text += strf(".SH %s\n.nf\n%s.fi\n", roff(topic.name).c_str(), roff(topic.text).c_str());
  return text + ".SH SEE ALSO\n\\fBocictr\\fR(8)\n";
}

std::string list() {
  std::vector<std::string> names;
  for (const Applet& applet : applets()) {
    names.emplace_back(applet.name);
    for (const std::string_view alias : split(applet.aliases, ' ')) names.emplace_back(alias);
  }
  std::ranges::sort(names);
  return join(names, "\n") + "\n";
}

std::string build() {
#if defined(__x86_64__)
  constexpr const char* kArch = "x86_64";
#elif defined(__aarch64__)
  constexpr const char* kArch = "aarch64";
#else
  constexpr const char* kArch = "other";
#endif
#if defined(OCICTR_SANITIZED)
  constexpr const char* kLinking = "dynamic";
#else
  constexpr const char* kLinking = "static";
#endif
  return strf("ctrtool version " OCICTR_VERSION " (%s, %s)\n", kLinking, kArch);
}

std::string part_of(const Applet& applet, int part) {
  if (part == 'j') return applet_json(applet);
  if (applet.manual == nullptr) return strf("ctrtool %s: %s\n", applet.name, applet.help);
  const Manual& manual = *applet.manual;
  if (part == 'o') return options_of(manual);
  if (part == 'e') return std::string(manual.examples) + "\n";
  if (part == 'x') return std::string(manual.exit_codes) + "\n";
  if (part == 'm') return man_page(applet);
  if (part == 'c') return synopsis_of(manual);
  return help_text(manual);
}

Result<std::string> text_about(const std::string& name, int part) {
  for (const Topic& topic : kTopics)
    if (name == topic.name) return std::string(topic.text);
  const Applet* applet = find_applet(name);
  if (applet == nullptr)
    return make_error(Kind::InvalidSpec, "there is no applet or topic %s%s", quote(name).c_str(),
                      suggest_applet(name).c_str());
  const std::string note =
      name == applet->name ? "" : strf("%s is the same as %s.\n\n", name.c_str(), applet->name);
  return (part == 0 ? note : "") + part_of(*applet, part);
}

std::string about_all(int part) {
  std::string text;
  const std::string separator = part == 'j' ? "," : "\n";
  for (const Applet& applet : applets())
    text += (text.empty() ? "" : separator) + part_of(applet, part);
  return part == 'j' ? "[" + text + "]\n" : text;
}

Result<Ending> show_help(const Parsed& parsed) {
  int part = 0;
  bool all = false;
  for (const Given& given : parsed.options) {
    if (given.key == 'a')
      all = true;
    else
      part = given.key;
  }
  std::string text;
  if (part == 'l') {
    text = list();
  } else if (part == 'v') {
    text = build();
  } else if (all || (part != 0 && part != 'm' && parsed.words.empty())) {
    text = about_all(part);
  } else if (parsed.words.empty()) {
    text = part == 'm' ? man_overview() : overview();
  }
  for (const std::string& name : parsed.words) {
    const std::string about = TRY(text_about(name, part));
    text += about;
  }
  TRY(print(text));
  return Ending{};
}

}  // namespace

const Manual kHelpManual = {
    .name = "help",
    .synopsis = "[OPTION...] [APPLET|TOPIC...]",
    .purpose = "Prints what an applet does, from the table that also reads its options.",
    .options = kOptions,
    .exit_codes = "0    printed\n1    unknown name or option\n125  could not write",
    .examples = "ctrtool help set_fds\nctrtool help -o mount_seq",
    .order = Order::Permute,
};

int run_help(const Words& argv) { return run_applet(kHelpManual, argv, show_help); }

}  // namespace ctr
