// SPDX-License-Identifier: Apache-2.0
// What the child still calls when nothing but the start is left: whether a filter of the container
// may be loaded before that.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace ctr {

bool lets_us_finish(const std::vector<sock_filter>& filter);

}  // namespace ctr
