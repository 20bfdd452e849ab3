// A program of the user's by its command line: generators and evaluators that are not ours.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace orrery {

// "cmd --prompt {prompt} -o '{out}'": words as a shell would split them (quotes, backslashes), and names in
// braces to be filled. No shell runs: what a prompt contains is never executed.
class CommandTemplate {
 public:
  // UsageError: empty, an open quote, a name that is not in `known`, or one of `required` missing.
  CommandTemplate(std::string text, const std::vector<std::string>& known,
                  const std::vector<std::string>& required);
  std::vector<std::string> arguments(const std::map<std::string, std::string>& values) const;
  const std::string& text() const { return text_; }
  const std::string& program() const { return words_[0]; }

 private:
  std::string text_;
  std::vector<std::string> words_;
};

struct CommandOutcome {
  std::string failure;  // empty: exit status 0; else "PROGRAM: exit status 3: LAST LINE OF STDERR"
  std::string output;   // standard output, the first megabyte
};

// Runs and waits. timeout_s > 0: killed after so long, with its children. It also dies if this process does.
CommandOutcome run_command(const std::vector<std::string>& arguments, double timeout_s = 0);

}  // namespace orrery
