// SPDX-License-Identifier: Apache-2.0
#include "hooks/script.h"

#include <sys/wait.h>

#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"

namespace hooks {
namespace {

using ctr::BorrowedFd;
using ctr::Error;
using ctr::Result;
namespace sys = ctr::sys;

std::string number(BorrowedFd fd) { return std::to_string(fd.valid() ? fd.raw() : -1); }

Program program_for(const Script& script, const ScriptTarget& target) {
  Program program{.path = script.text, .argv = {script.text}, .env = target.env};
  if (script.form == Script::Form::ShellText) {
    program.path = script.interpreter;
    program.argv = {script.interpreter, "-c", script.text, "-"};
  }
  program.argv.push_back(std::to_string(target.pid));
  program.argv.push_back(number(target.proc));
  program.argv.push_back(number(target.socket));
  program.inherit = target.inherit;
  program.inherit.push_back(target.proc);
  program.inherit.push_back(target.socket);
  program.manners = Manners::Family;
  return program;
}

}  // namespace

Result<int> run_script(const Script& script, const ScriptTarget& target) {
  Child child = TRY_CTX(Child::start(program_for(script, target), {}), "script");
  const int status = TRY_CTX(child.wait(), "script");
  constexpr int kSignalled = 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled;
}

Error become_script(const Script& script, const ScriptTarget& target, BorrowedFd lock,
                    BorrowedFd go) {
  Program program = program_for(script, target);
  program.argv.push_back(number(lock));
  program.argv.push_back(number(go));
  program.inherit.push_back(lock);
  program.inherit.push_back(go);
  const Result<void> ready = make_inheritable(program.inherit);
  if (!ready.ok()) return ready.error();
  return ctr::with_context(sys::execvpe(program.path, program.argv, program.env), "script");
}

}  // namespace hooks
