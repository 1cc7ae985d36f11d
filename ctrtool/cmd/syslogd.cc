// SPDX-License-Identifier: Apache-2.0
// syslogd: collects log messages from a unix socket, each with the pid, uid and gid that the kernel
// says its sender has.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/syslog_line.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

constexpr int kReceiveFailed = 255;
constexpr std::size_t kMaxClients = 256;
constexpr std::size_t kLongestLine = 1 << 20;

enum Long : int { kCgroup = kLongOnly, kLocalTime };

constexpr OptionRow kOptions[] = {
    {'b', "bind", "PATH", "make this socket instead of reading standard input"},
    {'t', "type", "TYPE", "of that socket: dgram, stream or seqpacket", "dgram"},
    {'m', "mode", "OCTAL", "permissions of that socket", "666"},
    {'u', "owner", "UID[:GID]", "owner of that socket", "the caller"},
    {'o', "output", "FILE", "append to FILE; opened again after SIGHUP", "standard output"},
    {'d', "directory", "DIR", "append to DIR/NAME.log, \"other\" for messages without a name"},
    {'M', "max-size", "BYTES", "rename a file that has grown so far to FILE.1; 0: never", "0"},
    {'n', "name", "NAME=UID-UID", "how to call senders with these user IDs; may be repeated"},
    {kCgroup, "cgroup", "", "call other senders by the last part of their control group"},
    {'l', "level", "SEVERITY", "drop what is less severe", "debug"},
    {'r', "rate", "NUMBER", "at most so many messages a second from one user; 0: any", "0"},
    {'L', "max-message", "BYTES", "cut longer messages", "8192"},
    {'D', "decoded", "", "print facility.severity, not their number"},
    {'s', "sender-time", "", "print the sender's own time, too"},
    {kLocalTime, "local-time", "", "print local time with its zone", "UTC"},
    {'j', "json", "", "print JSON objects"},
};

struct Request {
  std::string bind{};
  int type = SOCK_DGRAM;
  mode_t mode = 0666;
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  std::string output{};
  std::string directory{};
  std::uint64_t max_size = 0;
  std::vector<UidRange> names{};
  bool cgroup = false;
  int level = 7;
  std::uint64_t rate = 0;
  std::size_t max_message = 8192;
  LogStyle style{};
};

Result<void> take_owner(const Given& given, Request& request) {
  const std::vector<std::string_view> parts = split(given.value, ':');
  if (parts.empty() || parts.size() > 2) return usage_error(given, "not UID[:GID]");
  request.uid = TRY_CTX(parse_id(parts[0]), "%s", given.word.c_str());
  if (parts.size() == 2) request.gid = TRY_CTX(parse_id(parts[1]), "%s", given.word.c_str());
  return {};
}

Result<void> take_type(const Given& given, Request& request) {
  if (given.value == "dgram")
    request.type = SOCK_DGRAM;
  else if (given.value == "stream")
    request.type = SOCK_STREAM;
  else if (given.value == "seqpacket")
    request.type = SOCK_SEQPACKET;
  else
    return usage_error(given, "unknown type");
  return {};
}

Result<void> take(const Given& given, Request& request) {
  switch (given.key) {
    case 'b':
      request.bind = given.value;
      break;
    case 't':
      return take_type(given, request);
    case 'm':
      request.mode = TRY(number_of<mode_t>(given, 8));
      break;
    case 'u':
      return take_owner(given, request);
    case 'o':
      request.output = given.value;
      break;
    case 'd':
      request.directory = given.value;
      break;
    case 'M':
      request.max_size = TRY(number_of<std::uint64_t>(given));
      break;
    case 'n': {
      UidRange range = TRY_CTX(parse_uid_range(given.value), "%s", given.word.c_str());
      request.names.push_back(std::move(range));
      break;
    }
    case kCgroup:
      request.cgroup = true;
      break;
    case 'l':
      request.level = TRY_CTX(parse_severity(given.value), "%s", given.word.c_str());
      break;
    case 'r':
      request.rate = TRY(number_of<std::uint64_t>(given));
      break;
    case 'L':
      request.max_message = TRY(number_of<std::size_t>(given));
      break;
    case 'D':
      request.style.decoded = true;
      break;
    case 's':
      request.style.sender_stamp = true;
      break;
    case kLocalTime:
      request.style.local_time = true;
      break;
    case 'j':
      request.style.form = LogForm::Json;
      break;
    default:
      break;
  }
  return {};
}

Result<void> check(const Request& request) {
  if (!request.output.empty() && !request.directory.empty())
    return make_error(Kind::InvalidSpec, "--output and --directory exclude each other");
  if (request.max_message == 0 || request.max_message > kLongestLine)
    return make_error(Kind::InvalidSpec, "--max-message: out of range");
  return {};
}

// A file, or standard output. What cannot be written is counted, and the count written later.
class Sink {
 public:
  Sink(std::string path, std::uint64_t max_size) : path_(std::move(path)), max_size_(max_size) {}

  Result<void> open() {
    if (path_.empty()) return {};
    file_ = TRY(sys::open(path_, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0640));
    const struct stat found = TRY(sys::fstat(file_));
    size_ = static_cast<std::uint64_t>(found.st_size);
    return {};
  }

  void write(const std::string& line) {
    Result<void> done = try_write(line);
    if (done.ok()) return;
    if (lost_++ == 0) complain("syslogd", done.error().message + "; messages are lost");
  }

 private:
  Result<void> try_write(const std::string& line) {
    TRY(rotate());
    if (lost_ > 0) TRY(sys::write_all(fd(), strf("(%llu messages were lost)\n", lost_)));
    lost_ = 0;
    TRY(sys::write_all(fd(), line));
    size_ += line.size();
    return {};
  }

  Result<void> rotate() {
    if (path_.empty() || max_size_ == 0 || size_ < max_size_) return {};
    TRY(sys::renameat2(kCwd, path_, kCwd, path_ + ".1", 0));
    return open();
  }

  BorrowedFd fd() const { return path_.empty() ? BorrowedFd(STDOUT_FILENO) : file_.borrow(); }

  std::string path_;
  std::uint64_t max_size_;
  UniqueFd file_;
  std::uint64_t size_ = 0;
  unsigned long long lost_ = 0;
};

class Sinks {
 public:
  explicit Sinks(const Request& request) : request_(request) {}

  Result<void> open() {
    if (!request_.directory.empty()) return {};
    Sink sink(request_.output, request_.max_size);
    TRY(sink.open());
    sinks_.emplace("", std::move(sink));
    return {};
  }

  void write(std::string_view name, const std::string& line) {
    if (request_.directory.empty()) return sinks_.at("").write(line);
    const std::string file = name.empty() ? "other" : file_name(name);
    auto found = sinks_.find(file);
    if (found == sinks_.end()) {
      Sink sink(request_.directory + "/" + file + ".log", request_.max_size);
      if (const Result<void> opened = sink.open(); !opened.ok())
        return complain("syslogd", opened.error().message);
      found = sinks_.emplace(file, std::move(sink)).first;
    }
    found->second.write(line);
  }

  void reopen() {
    if (!request_.directory.empty()) return sinks_.clear();  // each is opened when it is needed
    if (const Result<void> opened = sinks_.at("").open(); !opened.ok())
      complain("syslogd", opened.error().message);
  }

 private:
  static std::string file_name(std::string_view name) {
    std::string out(name.substr(0, 100));
    std::ranges::replace(out, '/', '_');
    if (out.starts_with('.')) out[0] = '_';
    return out;
  }

  const Request& request_;
  std::map<std::string, Sink> sinks_;
};

// One second's count for each user.
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t limit) : limit_(limit) {}

  bool lets_pass(uid_t uid, time_t now) {
    if (limit_ == 0) return true;
    if (now != second_) counts_.clear();
    second_ = now;
    return ++counts_[uid] <= limit_;
  }

 private:
  std::uint64_t limit_;
  time_t second_ = 0;
  std::map<uid_t, std::uint64_t> counts_;
};

// Senders may attach descriptors, which would be ours from then on. They are closed at once; but
// none comes in the first place while we may not open any.
Result<sys::Message> receive(BorrowedFd socket, std::size_t limit) {
  const sys::Rlimit before = TRY(sys::prlimit(0, RLIMIT_NOFILE));
  TRY(sys::prlimit(0, RLIMIT_NOFILE, {0, before.hard}));
  Result<sys::Message> message = sys::receive_message(socket, limit, sys::Overlong::Cut);
  TRY(sys::prlimit(0, RLIMIT_NOFILE, before));
  if (message.ok()) message->fds.clear();
  return message;
}

Result<int> socket_option(BorrowedFd socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.raw(), SOL_SOCKET, option, &value, &size) < 0) {
    const int err = errno;
    return sys_error(err, "the log socket");
  }
  return value;
}

struct Source {
  BorrowedFd fd;
  int type;
  UniqueFd owned{};
  std::string rest{};  // of a stream: a line without its end
  std::optional<LogSender> sender{};
  unsigned errors = 0;
};

class Collector {
 public:
  explicit Collector(const Request& request)
      : request_(request), sinks_(request), rate_(request.rate) {}

  Result<void> open() {
    TRY(sinks_.open());
    if (!request_.output.empty() || !request_.directory.empty()) TRY(catch_hangup());
    if (request_.bind.empty()) return add_input();
    return bind_socket();
  }

  // Answers the exit status.
  Result<int> run() {
    while (listener_.valid() || !sources_.empty()) TRY(wait());
    return status_;
  }

 private:
  Result<void> catch_hangup() {
    sigset_t hangup;
    ::sigemptyset(&hangup);
    ::sigaddset(&hangup, SIGHUP);
    TRY(sys::sigprocmask(SIG_BLOCK, hangup));
    hangup_ = TRY(sys::signalfd(hangup));
    return {};
  }

  Result<void> add_input() {
    const BorrowedFd input(STDIN_FILENO);
    TRY_CTX(sys::set_passcred(input, true), "standard input");
    const int type = TRY(socket_option(input, SO_TYPE));
    const int listening = TRY(socket_option(input, SO_ACCEPTCONN));
    if (listening != 0) {
      listener_ = TRY(sys::dup(input));
      return {};
    }
    sources_.push_back({.fd = input, .type = type});
    return {};
  }

  Result<void> bind_socket() {
    UniqueFd socket = TRY(request_.type == SOCK_DGRAM
                              ? sys::bind_unix(request_.bind, request_.type)
                              : sys::listen_unix(request_.bind, request_.type, SOMAXCONN));
    TRY(sys::set_passcred(socket, true));
    if (request_.uid.has_value())
      TRY(sys::fchownat(kCwd, request_.bind, *request_.uid,
                        request_.gid.value_or(static_cast<gid_t>(-1)), AT_SYMLINK_NOFOLLOW));
    TRY(sys::fchmodat(kCwd, request_.bind, request_.mode));
    if (request_.type == SOCK_DGRAM) {
      const BorrowedFd fd = socket;
      sources_.push_back({.fd = fd, .type = SOCK_DGRAM, .owned = std::move(socket)});
    } else {
      listener_ = std::move(socket);
    }
    return {};
  }

  Result<void> wait() {
    std::vector<pollfd> polls{{hangup_.raw(), POLLIN, 0}, {listener_.raw(), POLLIN, 0}};
    if (sources_.size() >= kMaxClients) polls[1].fd = -1;
    for (const Source& source : sources_) polls.push_back({source.fd.raw(), POLLIN, 0});
    TRY(sys::poll(polls, -1));
    for (std::size_t i = sources_.size(); i-- > 0;)
      if (polls[i + 2].revents != 0 && !take_from(sources_[i]))
        sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(i));
    if (polls[1].revents != 0) TRY(take_client());
    if (polls[0].revents != 0) take_hangup();
    return {};
  }

  void take_hangup() {
    char buffer[512];
    (void)sys::read(hangup_, buffer, sizeof buffer);
    sinks_.reopen();
  }

  Result<void> take_client() {
    UniqueFd client = TRY(sys::accept(listener_));
    const int type = TRY(socket_option(client, SO_TYPE));
    TRY(sys::set_passcred(client, true));
    const BorrowedFd fd = client;
    sources_.push_back({.fd = fd, .type = type, .owned = std::move(client)});
    return {};
  }

  // False when nothing more will come.
  bool take_from(Source& source) {
    const Result<sys::Message> message = receive(source.fd, request_.max_message);
    if (!message.ok()) return take_failure(source, message.error());
    source.errors = 0;
    std::optional<LogSender> sender;
    const bool known = message->sender.has_value() && message->sender->pid >= 0 &&
                       !(message->sender->pid == 0 && message->sender->uid == kOverflowId);
    if (known) sender = {message->sender->pid, message->sender->uid, message->sender->gid};
    if (source.type == SOCK_STREAM) return take_stream(source, *message, sender);
    if (message->end) return source.type == SOCK_DGRAM;
    record(message->data, sender);
    return true;
  }

  bool take_failure(Source& source, const Error& error) {
    constexpr unsigned kPatience = 2;
    complain("syslogd", error.message);
    if (++source.errors < kPatience) return true;
    if (!source.owned.valid()) status_ = kReceiveFailed;
    return false;
  }

  // The end of a stream comes with a sender of zeros: what is left belongs to who sent it.
  bool take_stream(Source& source, const sys::Message& message,
                   const std::optional<LogSender>& sender) {
    if (message.end || sender != source.sender) flush(source);
    if (message.end) return false;
    source.sender = sender;
    source.rest += message.data;
    std::size_t end = 0;
    while ((end = source.rest.find_first_of(std::string_view("\n\0", 2))) != std::string::npos) {
      record(source.rest.substr(0, end), sender);
      source.rest.erase(0, end + 1);
    }
    if (source.rest.size() >= request_.max_message) flush(source);
    return true;
  }

  void flush(Source& source) {
    if (!source.rest.empty()) record(std::exchange(source.rest, {}), source.sender);
  }

  void record(const std::string& raw, const std::optional<LogSender>& sender) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const LogMessage message = parse_log_message(raw);
    constexpr int kSeverityMask = 7;
    if ((message.priority & kSeverityMask) > request_.level) return;
    if (!rate_.lets_pass(sender.has_value() ? sender->uid : kOverflowId, now.tv_sec)) return;
    const std::string name = sender.has_value() ? name_of(*sender) : "";
    sinks_.write(name, format_log_line(message, sender, now, name, request_.style));
  }

  std::string name_of(const LogSender& sender) const {
    const std::string_view known = find_uid_range(request_.names, sender.uid);
    if (!known.empty() || !request_.cgroup || sender.pid == 0) return std::string(known);
    // Its number may be another's by now: a hint, unlike the IDs.
    const Result<std::string> text =
        sys::read_file_at(kCwd, strf("/proc/%d/cgroup", sender.pid), 1 << 16);
    if (!text.ok()) return {};
    const std::string_view last = trim(std::string_view(*text));
    return std::string(last.substr(last.rfind('/') + 1));
  }

  static constexpr uid_t kOverflowId = 65534;

  const Request& request_;
  Sinks sinks_;
  RateLimit rate_;
  UniqueFd hangup_;
  UniqueFd listener_;
  std::vector<Source> sources_;
  int status_ = kExitOk;
};

Result<Ending> run(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  if (!parsed.words.empty())
    return make_error(Kind::InvalidSpec, "takes no operands, but a unix socket as standard input");
  TRY(check(request));
  request.style.named = !request.names.empty() || request.cgroup;
  Collector collector(request);
  TRY(collector.open());
  const int status = TRY(collector.run());
  return Ending{.status = status};
}

}  // namespace

const Manual kSyslogdManual = {
    .name = "syslogd",
    .synopsis = "[OPTIONS] <SOCKET >FILE",
    .purpose =
        "Collects log messages (RFC 3164, RFC 5424) from a unix socket and prints each on\n"
        "one line, \"TIME PID,UID,GID LEVEL TEXT\", with the sender that the kernel names.",
    .options = kOptions,
    .exit_codes =
        "0    the end of the stream\n1    bad options, or a failure at the start\n"
        "255  repeated errors while receiving",
    .examples =
        "ctrtool syslogd -b /dev/log -o /var/log/messages\n"
        "ctrtool syslogd -b /run/log -n web=100000-165535 -d /var/log/containers",
    .failure_status = 1,
};

int run_syslogd(const Words& argv) { return run_applet(kSyslogdManual, argv, run); }

}  // namespace ctr
