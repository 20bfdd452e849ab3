// What an Error says is part of the interface: tests name the words that must be in it.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"

namespace orrery {

// Runs `action`, expects an Error whose text contains all `words`.
template <class Action>
void expect_error(Action&& action, const std::vector<std::string>& words) {
  try {
    action();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    for (const std::string& word : words)
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

}  // namespace orrery
