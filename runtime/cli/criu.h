// SPDX-License-Identifier: Apache-2.0
// What `checkpoint` and `restore` share: criu's options as words, criu as a child, and which of a
// container's mounts and namespaces criu finds instead of making them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/cgroup.h"
#include "runtime/cli/commands.h"
#include "runtime/criu/session.h"
#include "runtime/spec/spec.h"

namespace oci::cli {

inline constexpr const char* kDescriptorsFile = "descriptors.json";  // runc's and crun's name too

// As given; paths count from the caller's working directory.
struct CriuWords {
  std::string image_path = "checkpoint";
  std::string work_path;
  std::string parent_path;
  std::string manage_cgroups_mode = "soft";
  std::string network_lock;
  Words empty_ns;
  bool tcp_established = false;
  bool ext_unix_sk = false;
  bool shell_job = false;
  bool file_locks = false;
  bool auto_dedup = false;
  bool lazy_pages = false;
};
// Of both commands, in the order of help.
std::vector<Option> criu_options(CriuWords& words);

// What goes into every request: directories, flags, the annotation org.criu.config.
struct CriuRequest {
  criu::Options options;
  ctr::UniqueFd images;
  ctr::UniqueFd work;
  std::string log;  // criu's, for messages
};
enum class Images : bool { MustExist, Make };
ctr::Result<CriuRequest> criu_request(const CriuWords& words, const Spec& spec, Images images,
                                      const char* log_file);

// `criu swrk`, somewhere in PATH.
ctr::Program criu_program(ctr::BorrowedFd socket);

enum class CriuOutput : bool { Nowhere, Ours };

class Criu {
 public:
  // Of a talk; the second one is inherited by criu.
  struct Ends {
    ctr::UniqueFd ours;
    ctr::UniqueFd theirs;
  };
  static ctr::Result<Ends> open();
  // `plan` runs criu_program(); `inherit`: what else it gets, under the same numbers.
  static ctr::Result<Criu> start(Ends ends, const ctr::ContainerPlan& plan,
                                 ctr::ExecuteOptions execute,
                                 const std::vector<ctr::BorrowedFd>& inherit, CriuOutput output);
  Criu(Criu&&) = default;
  Criu& operator=(Criu&&) = delete;
  ~Criu();  // killed and reaped, unless end() was there first

  // The error says where criu's log is, and quotes it.
  ctr::Result<criu::Response> ask(criu::RequestType type, const CriuRequest& request,
                                  const criu::Listener& listener) const;
  // Waits for its end.
  ctr::Result<void> end();

 private:
  Criu(ctr::UniqueFd socket, ctr::Prepared process)
      : socket_(std::move(socket)), process_(std::move(process)) {}

  ctr::UniqueFd socket_;
  ctr::Prepared process_;
};

// The reason why not: no criu, a kernel that it cannot work with, a caller who may not.
ctr::Result<void> criu_works();
ctr::Result<void> criu_has(const criu::Features& wanted);

// A mount that criu neither saves nor makes. `name` stands for it in the images: config.json's
// words, so that nothing which the root file system says gets into it (SEC-15).
struct ExternalMount {
  std::string destination;  // as config.json has it
  std::string name;
  std::string source;  // on this host
};
std::vector<ExternalMount> external_mounts(const Spec& spec, const std::string& bundle,
                                           const ctr::Cgroup& cgroup);
// criu's words for those that are mounted in the container now.
ctr::Result<std::vector<std::string>> mounted_externals(const std::vector<ExternalMount>& mounts,
                                                        pid_t init);

// Refuses what criu, or a human who reads its log, could take for something else than a path.
ctr::Result<void> check_criu_path(std::string_view path);

// "extRootNetNS": how criu calls a namespace that is there already.
std::string external_namespace(NamespaceType type);

}  // namespace oci::cli
