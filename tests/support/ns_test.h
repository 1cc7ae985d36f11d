// SPDX-License-Identifier: Apache-2.0
// NS_TEST(Suite, Name) { … }: a gtest TEST whose body runs in a forked process inside a sandbox
// (sandbox.h). EXPECT, ASSERT and GTEST_SKIP work as usual: they come back by pipe. A body that
// dies is a failure; a machine that forbids the namespaces is a skip that says so.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/sandbox.h"

namespace support {

void run_ns_test(const SandboxOptions& options, const std::function<void()>& body);

}  // namespace support

#define NS_TEST_WITH(suite, name, options)                                              \
  static void ns_test_body_##suite##_##name();                                          \
  TEST(suite, name) { ::support::run_ns_test(options, ns_test_body_##suite##_##name); } \
  static void ns_test_body_##suite##_##name()

#define NS_TEST(suite, name) NS_TEST_WITH(suite, name, ::support::SandboxOptions{})

// ASSERT_OK(result): for Result<T> of the rooms under test.
#define ASSERT_OK(expression)                                           \
  do {                                                                  \
    const auto& assert_ok_result = (expression);                        \
    ASSERT_TRUE(assert_ok_result.ok())                                  \
        << #expression " failed: " << assert_ok_result.error().message; \
  } while (false)
