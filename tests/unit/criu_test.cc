// SPDX-License-Identifier: Apache-2.0
// criu's messages, byte for byte: `protoc --encode` of rpc.proto makes the same of these values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctrtool/core/sys/socket.h"
#include "runtime/criu/messages.h"
#include "runtime/criu/session.h"
#include "runtime/criu/wire.h"
#include "tests/support/ns_test.h"

namespace criu {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

std::vector<Field> fields_of(std::string_view bytes) {
  std::vector<Field> fields;
  MessageReader reader(bytes);
  while (true) {
    const ctr::Result<std::optional<Field>> field = reader.next();
    EXPECT_TRUE(field.ok());
    if (!field.ok() || !field->has_value()) return fields;
    fields.push_back(**field);
  }
}

TEST(CriuWire, WritesNumbersTextsAndMessages) {
  MessageWriter out;
  out.number(1, 150);
  out.number(2, -1);
  out.text(16, "path");
  MessageWriter inner;
  inner.number(1, 0);
  out.message(3, inner);
  EXPECT_EQ(out.bytes(),
            "\x08\x96\x01"s
            "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s
            "\x82\x01\x04path"s
            "\x1a\x02\x08\x00"s);
}

TEST(CriuWire, ReadsWhatItWrites) {
  MessageWriter out;
  out.number(7, -40);
  out.text(8, "");
  out.text(9, std::string(300, 'x'));
  const std::vector<Field> fields = fields_of(out.bytes());
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields[0], (Field{.number = 7, .value = -40}));
  EXPECT_EQ(fields[1], (Field{.number = 8, .is_text = true}));
  EXPECT_EQ(fields[2].text.size(), 300U);
}

TEST(CriuWire, PassesOverNumbersOfFixedSize) {
  const std::vector<Field> fields = fields_of("\x0d\x01\x02\x03\x04\x11........\x18\x05"s);
  ASSERT_EQ(fields.size(), 1U);
  EXPECT_EQ(fields[0], (Field{.number = 3, .value = 5}));
}

TEST(CriuWire, RefusesWhatIsNoMessage) {
  for (const std::string& bytes :
       {"\x08"s, "\x08\xff"s,
        "\x0a\x05"
        "ab"s,
        "\x00\x01"s, "\x0b"s, "\x0d\x01"s, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}) {
    MessageReader reader(bytes);
    EXPECT_FALSE(reader.next().ok()) << testing::PrintToString(bytes);
  }
}

TEST(CriuMessages, RequestsHaveOnlyWhatIsSet) {
  Options options;
  options.images_dir_fd = 5;
  options.pid = 4242;
  options.leave_running = true;
  options.log_file = "dump.log";
  options.external = {"mnt[/data]:/data"};
  options.manage_cgroups_mode = CgroupMode::Soft;
  EXPECT_EQ(encode_request(RequestType::Dump, options),
            "\x08\x01\x12\x2c"s
            "\x08\x05"s
            "\x10\x92\x21"s
            "\x48\x04"s
            "\x18\x01"s
            "\x52\x08"
            "dump.log"s
            "\xc0\x01\x01\x90\x02\x03"s
            "\xaa\x02\x10mnt[/data]:/data"s);
}

TEST(CriuMessages, EveryOptionHasItsNumber) {
  Options options;
  for (bool Options::*flag :
       {&Options::notify_scripts, &Options::rst_sibling, &Options::leave_running,
        &Options::ext_unix_sk, &Options::tcp_established, &Options::tcp_close,
        &Options::tcp_skip_in_flight, &Options::shell_job, &Options::file_locks,
        &Options::track_mem, &Options::auto_dedup, &Options::link_remap, &Options::lazy_pages,
        &Options::evasive_devices, &Options::orphan_pts_master})
    options.*flag = true;
  for (std::string Options::*text :
       {&Options::log_file, &Options::root, &Options::parent_img, &Options::freeze_cgroup,
        &Options::config_file, &Options::lsm_profile, &Options::lsm_mount_context,
        &Options::cg_root})
    options.*text = "x";
  options.work_dir_fd = 6;
  options.ps = PageServer{"::1", 80};
  options.inherit_fd = {{"pipe:[1]", 0}};
  options.join_ns = {{"ipc", "/n"}};
  options.network_lock = NetworkLock::Skip;
  options.empty_ns = 0x40000000;
  const std::string request = encode_request(RequestType::Restore, options);
  const std::vector<Field> outer = fields_of(request);
  ASSERT_EQ(outer.size(), 2U);
  std::vector<unsigned> numbers;
  for (const Field& field : fields_of(outer[1].text)) numbers.push_back(field.number);
  EXPECT_THAT(numbers, testing::UnorderedElementsAre(1, 9, 11, 17, 3, 4, 5, 6, 7, 8, 12, 15, 16, 18,
                                                     26, 46, 48, 50, 52, 10, 13, 14, 44, 51, 53, 63,
                                                     25, 27, 39, 38, 64));
}

TEST(CriuMessages, AnswersAreRead) {
  const ctr::Result<Response> restored = decode_response("\x08\x02\x10\x01\x22\x03\x08\x92\x21"s);
  ASSERT_OK(restored);
  EXPECT_EQ(*restored, (Response{.type = RequestType::Restore, .success = true, .restored = 4242}));
  const ctr::Result<Response> notice =
      decode_response("\x08\x06\x10\x01\x2a\x11\x0a\x0cpost-restore\x10\x92\x21"s);
  ASSERT_OK(notice);
  EXPECT_EQ(notice->script, "post-restore");
  EXPECT_EQ(notice->script_pid, 4242);
  const ctr::Result<Response> failed = decode_response("\x08\x01\x10\x00\x38\x16\x4a\x03why"s);
  ASSERT_OK(failed);
  EXPECT_FALSE(failed->success);
  EXPECT_EQ(failed->cr_errno, 22);
  EXPECT_EQ(failed->cr_errmsg, "why");
}

TEST(CriuMessages, RefusesWhatIsNoAnswer) {
  for (const std::string& bytes : {""s, "\x10\x01"s, "\x08\x63"s, "\x08\x02\x22\x02\x08"s})
    EXPECT_FALSE(decode_response(bytes).ok()) << testing::PrintToString(bytes);
}

// criu's side of a talk, written beforehand.
struct Talk {
  ctr::sys::SocketPair pair = ctr::sys::socketpair(SOCK_SEQPACKET).value();

  void says(const std::string& bytes) {
    EXPECT_TRUE(ctr::sys::send_message(pair.second, bytes, {}).ok());
  }
  std::string hears() {
    const ctr::Result<ctr::sys::Message> message = ctr::sys::receive_message(pair.second, 4096);
    return message.ok() ? message->data : "nothing";
  }
};

const std::string kPostRestore = "\x08\x06\x10\x01\x2a\x0e\x0a\x0cpost-restore"s;

TEST(CriuSession, AnswersNoticesUntilTheLastWord) {
  Talk talk;
  talk.says(kPostRestore);
  talk.says("\x08\x02\x10\x01\x22\x02\x08\x07"s);
  std::vector<std::string> heard;
  const ctr::Result<Response> answer = ask(talk.pair.first, "question", [&](Notice& notice) {
    heard.push_back(notice.script);
    return ctr::Result<void>();
  });
  ASSERT_OK(answer);
  EXPECT_EQ(answer->restored, 7);
  EXPECT_THAT(heard, testing::ElementsAre("post-restore"));
  EXPECT_EQ(talk.hears(), "question");
  EXPECT_EQ(talk.hears(), encode_notify_answer(true));
}

TEST(CriuSession, TheListenersErrorComesFirst) {
  Talk talk;
  talk.says(kPostRestore);
  talk.says("\x08\x02\x10\x00"s);
  const ctr::Result<Response> answer = ask(talk.pair.first, "question", [](Notice&) {
    return ctr::Result<void>(ctr::make_error(ctr::Kind::HookFailed, "the hook"));
  });
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().message, "the hook");
  EXPECT_EQ(talk.hears(), "question");
  EXPECT_EQ(talk.hears(), encode_notify_answer(false));
}

TEST(CriuSession, AFailureHasCriusWords) {
  Talk talk;
  talk.says(
      "\x08\x01\x10\x00\x38\x16\x4a\x07"
      "no\nluck"s);
  const ctr::Result<Response> answer =
      ask(talk.pair.first, "question", [](Notice&) { return ctr::Result<void>(); });
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("no\\nluck: Invalid argument"));
}

TEST(CriuSession, ADeadCriuIsAnError) {
  Talk talk;
  talk.pair.second.reset();
  const ctr::Result<Response> answer =
      ask(talk.pair.first, "question", [](Notice&) { return ctr::Result<void>(); });
  EXPECT_FALSE(answer.ok());
}

}  // namespace
}  // namespace criu
