#include "cli/external_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/interrupt.h"

namespace orrery {
namespace {

constexpr size_t kKeptOutput = 1 << 20;  // bytes
constexpr size_t kKeptErrors = 4096;     // the end of standard error
constexpr int kNotStarted = 127;         // as a shell says it

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  bool inside = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!quote && std::isspace(static_cast<unsigned char>(c))) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back(), inside = true;
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) words.back() += text[++i];
    else if (quote ? c == quote : (c == '"' || c == '\'')) quote = quote ? 0 : c;
    else words.back() += c;
  }
  if (quote) fail_usage("command `{}`: a quote {} is not closed", text, quote);
  return words;
}

// Calls found(name) for every {name} of lower-case letters; its result takes the place.
template <class Found>
std::string filled(const std::string& word, Found&& found) {
  std::string out;
  for (size_t i = 0; i < word.size(); ++i) {
    size_t end = i + 1;
    while (word[i] == '{' && end < word.size() && std::islower(static_cast<unsigned char>(word[end]))) ++end;
    if (word[i] != '{' || end == i + 1 || end == word.size() || word[end] != '}') {
      out += word[i];
      continue;
    }
    out += found(word.substr(i + 1, end - i - 1));
    i = end;
  }
  return out;
}

std::string last_line(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const size_t at = text.find_last_of("\r\n");
  return at == std::string::npos ? text : text.substr(at + 1);
}

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe: {}", std::strerror(errno));
    read = ends[0], write = ends[1];
  }
  ~Pipe() { close_end(read), close_end(write); }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

// Running commands, each the leader of a group: what ends this program ends them and all that they started.
std::array<std::atomic<pid_t>, 256> running;

void end_running() {
  for (const auto& group : running)
    if (const pid_t leader = group.load()) kill(-leader, SIGTERM);
}

class Running {
 public:
  explicit Running(pid_t leader) : leader_(leader) {
    [[maybe_unused]] static const bool registered = (at_interrupt(end_running), true);
    for (auto& group : running) {
      pid_t none = 0;
      if (group.compare_exchange_strong(none, leader)) return;
    }
  }
  ~Running() {
    for (auto& group : running) {
      pid_t own = leader_;
      group.compare_exchange_strong(own, 0);
    }
  }

 private:
  pid_t leader_;
};

// While it lives, a signal that would end the program waits.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t ending;
    sigemptyset(&ending), sigaddset(&ending, SIGINT), sigaddset(&ending, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ending, &before);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  sigset_t before;
};

// In the child: nothing that allocates.
[[noreturn]] void become(char* const* arguments, const Pipe& out, const Pipe& err, pid_t parent, const sigset_t& signals) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(kNotStarted);
  const int none = open("/dev/null", O_RDONLY);
  dup2(none, 0), dup2(out.write, 1), dup2(err.write, 2);
  signal(SIGINT, SIG_DFL), signal(SIGTERM, SIG_DFL);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  execvp(arguments[0], arguments);
  const char* why = std::strerror(errno);
  [[maybe_unused]] const ssize_t written = write(2, why, std::strlen(why));
  _exit(kNotStarted);
}

// Both streams until they are closed; false when the time is over.
bool read_streams(Pipe& out, Pipe& err, double timeout_s, std::string& output, std::string& errors) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(timeout_s);
  while (out.read >= 0 || err.read >= 0) {
    pollfd polled[2] = {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}};
    const double left = std::chrono::duration<double>(end - Clock::now()).count();
    if (timeout_s > 0 && left <= 0) return false;
    const int wait = timeout_s > 0 ? int(std::min(left * 1000 + 1, 1e6)) : -1;
    if (poll(polled, 2, wait) < 0 && errno != EINTR) fail("cannot wait for a command: {}", std::strerror(errno));
    for (int i = 0; i < 2; ++i) {
      if (!polled[i].revents) continue;
      std::array<char, 65536> bytes;
      const ssize_t n = read(polled[i].fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) Pipe::close_end(i == 0 ? out.read : err.read);
      else if (i == 0) output.append(bytes.data(), std::min(size_t(n), kKeptOutput - output.size()));
      else errors.append(bytes.data(), size_t(n));
      if (errors.size() > 2 * kKeptErrors) errors.erase(0, errors.size() - kKeptErrors);
    }
  }
  return true;
}

}  // namespace

CommandTemplate::CommandTemplate(std::string text, const std::vector<std::string>& known,
                                 const std::vector<std::string>& required)
    : text_(std::move(text)), words_(split_words(text_)) {
  if (words_.empty()) fail_usage("the command is empty");
  std::vector<std::string> used;
  for (const std::string& word : words_)
    filled(word, [&](const std::string& name) {
      if (std::find(known.begin(), known.end(), name) == known.end())
        fail_usage("command `{}`: {{{}}} is not known; there are {{{}}}", text_, name, fmt::join(known, "}, {"));
      used.push_back(name);
      return name;
    });
  for (const std::string& name : required)
    if (std::find(used.begin(), used.end(), name) == used.end())
      fail_usage("command `{}`: it must contain {{{}}}", text_, name);
}

std::vector<std::string> CommandTemplate::arguments(const std::map<std::string, std::string>& values) const {
  std::vector<std::string> out;
  for (const std::string& word : words_)
    out.push_back(filled(word, [&](const std::string& name) { return values.at(name); }));
  return out;
}

CommandOutcome run_command(const std::vector<std::string>& arguments, double timeout_s) {
  std::vector<char*> pointers;
  for (const std::string& a : arguments) pointers.push_back(const_cast<char*>(a.c_str()));
  pointers.push_back(nullptr);
  Pipe out, err;
  const pid_t parent = getpid();
  std::optional<SignalsWait> wait(std::in_place);  // until the command is listed as running
  const pid_t child = fork();
  if (child < 0) fail("{}: cannot start: {}", arguments[0], std::strerror(errno));
  if (child == 0) become(pointers.data(), out, err, parent, wait->before);
  setpgid(child, child);  // here and there: whichever is first
  const Running entry(child);
  wait.reset();
  Pipe::close_end(out.write), Pipe::close_end(err.write);
  CommandOutcome outcome;
  std::string errors;
  const bool in_time = read_streams(out, err, timeout_s, outcome.output, errors);
  if (!in_time) kill(-child, SIGKILL), kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0) return outcome;
  std::string how = !in_time               ? fmt::format("killed after {:g} s (--timeout)", timeout_s)
                    : WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                                          : fmt::format("exit status {}", WEXITSTATUS(status));
  const std::string said = last_line(errors);
  outcome.failure = fmt::format("{}: {}{}{}", arguments[0], how, said.empty() ? "" : ": ", said);
  return outcome;
}

}  // namespace orrery
