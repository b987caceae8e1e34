#include "cli/command.hpp"

#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/output.hpp"
#include "runtime/base/text.hpp"
#include "runtime/daemon/build.hpp"

namespace mecha::cli {
namespace {

// Commands that take the words of another program.
bool takes_words(const std::string& command) { return command == "run" || command == "dev" || command == "stop"; }

// Cuts off what stands behind `--`.
std::vector<std::string> cut_words(std::vector<std::string>& arguments) {
  const auto mark = std::ranges::find(arguments, "--");
  if (mark == arguments.end()) return {};
  std::vector<std::string> words(mark + 1, arguments.end());
  arguments.erase(mark, arguments.end());
  return words;
}

CLI::App* chosen(CLI::App& root) {
  const auto list = root.get_subcommands();
  return list.empty() ? &root : list.front();
}

// The command's option of that long name; null if there is none.
const CLI::Option* long_option(const CLI::App& command, std::string_view name) {
  for (const auto* option : command.get_options()) {
    for (const auto& own : option->get_lnames()) {
      if (own == name) return option;
    }
  }
  return nullptr;
}

// "-app-id x" would be the short flag -a with the value "pp-id". Empty if there is no such word before those of a program.
std::string short_for_long(CLI::App& root, const std::vector<std::string>& arguments) {
  CLI::App* command = nullptr;
  for (auto* one : root.get_subcommands({})) {
    if (!arguments.empty() && one->get_name() == arguments[0]) command = one;
  }
  if (command == nullptr) return {};
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (word.size() < 2 || word[0] != '-') return {};
    const bool is_long = word[1] == '-';
    const auto name = std::string_view(word).substr(is_long ? 2 : 1);
    const auto* option = is_long || name.size() > 2 ? long_option(*command, name.substr(0, name.find('='))) : command->get_option_no_throw(word);
    if (!is_long && name.size() > 2 && option != nullptr) return word;
    const bool has_value = name.find('=') != std::string_view::npos || (!is_long && name.size() > 1);
    if (option != nullptr && option->get_expected_max() > 0 && !has_value) ++i;
  }
  return {};
}

// `command`: whose help is named; else that of the command which was read.
int refuse(CLI::App& root, const std::string& form, const std::string& message, std::string command = {}) {
  if (command.empty() && chosen(root) != &root) command = chosen(root)->get_name();
  const auto name = command.empty() ? std::string("mecha") : "mecha " + command;
  if (form == "json" || form == "yaml") print_failure(form, {.code = Code::invalid_argument, .message = message + "\n  remedy: see " + name + " --help"});
  else std::fprintf(stderr, "error: %s\nSee: %s --help\n", message.c_str(), name.c_str());
  return 2;
}

// The parser takes "--flag=" for a flag whose value is the next word; it is an empty value.
void split_empty_values(std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    auto& word = arguments[i];
    if (!word.starts_with("--") || word.size() < 4 || word.find('=') != word.size() - 1) continue;
    word.pop_back();
    arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(++i), "");
  }
}

// `--output` may stand before the command, which then has it.
void move_output(std::vector<std::string>& arguments) {
  std::size_t size = 0;
  while (size < arguments.size()) {
    const std::string_view word = arguments[size];
    if (word == "-o" || word == "--output") size += 2;
    else if (word.starts_with("--output=") || (word.starts_with("-o") && word.size() > 2)) size += 1;
    else break;
  }
  if (size == 0 || size >= arguments.size() || arguments[size].starts_with("-")) return;
  std::rotate(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(size), arguments.begin() + static_cast<std::ptrdiff_t>(size) + 1);
}

std::string unknown(CLI::App& root, const std::string& word) {
  const auto* command = chosen(root);
  std::vector<std::string> names;
  if (word.starts_with("-")) {
    for (const auto* option : command->get_options()) {
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
  } else {
    for (const auto* sub : root.get_subcommands({})) {
      if (!sub->get_name().starts_with("_")) names.push_back(sub->get_name());
    }
  }
  std::string message = word.starts_with("-") ? "unknown flag: " + word : command == &root ? "unknown command: " + word : "unexpected word: " + word;
  const auto similar = nearest(word.substr(0, word.find('=')), names);
  if (!similar.empty()) message += "; did you mean " + similar + "?";
  return message;
}

}  // namespace

void add_output(CLI::App& command, std::string& form, bool lines) {
  const std::string help = lines ? "Form of what is printed: table is for people, json has one object in each line" : "Form of what is printed: table, json or yaml";
  auto* option = command.add_option("-o,--output", form, help)->capture_default_str();
  option->check(CLI::IsMember(lines ? std::vector<std::string>{"table", "json"} : std::vector<std::string>{"table", "json", "yaml"}));
}

void add_restart(CLI::App& command, std::string& restart, Plan& plan) {
  command.add_option("--restart", restart, "Start what ends again: no, on-failure or always")->capture_default_str()->check(CLI::IsMember({"no", "on-failure", "always"}));
  command.add_option("--restart-max", plan.restart_max, "Restarts in a row; 0 is no limit")->capture_default_str()->check(CLI::Range(0, 1000000));
}

Result<void> check_alone(const CLI::App& command, const std::vector<std::string>& also, const std::vector<std::string>& words) {
  std::vector<std::string> known = {"run-file", "output", "stop-timeout"};
  known.insert(known.end(), also.begin(), also.end());
  if (!words.empty()) {
    return fail(Code::invalid_argument, "beside --run-file there can be no command, but there is " + text::join(words, " ") + "\n  remedy: write it into the template (command), or leave --run-file out");
  }
  for (const auto* option : command.get_options()) {
    const auto& names = option->get_lnames();
    if (option->count() == 0 || names.empty() || std::ranges::find(known, names.front()) != known.end()) continue;
    return fail(Code::invalid_argument, "beside --run-file there can be no --" + names.front() + "\n  remedy: the template says it for each application; leave one of the two out");
  }
  return {};
}

void add_all(CLI::App& root, Choice& choice) {
  root.description("Runs applications with Mecha sidecars, and looks after them.");
  root.name("mecha");
  root.set_version_flag("-v,--version", "mecha " + std::string(kMechaVersion) + " (" + std::string(kCommit) + "), API " + std::string(kApiVersion));
  add_run(root, choice);
  add_dev(root, choice);
  add_list(root, choice);
  add_stop(root, choice);
  add_invoke(root, choice);
  add_publish(root, choice);
  add_status(root, choice);
  add_components(root, choice);
  add_describe(root, choice);
  add_check(root, choice);
  add_doctor(root, choice);
  add_completion(root, choice);
  for (auto* command : root.get_subcommands({})) {
    if (takes_words(command->get_name())) command->prefix_command();
    command->get_formatter()->column_width(40);
  }
}

int run_command_line(std::vector<std::string> arguments) {
  CLI::App root;
  Choice choice;
  add_all(root, choice);
  choice.words = cut_words(arguments);
  split_empty_values(arguments);
  move_output(arguments);
  const auto form = form_of(arguments);
  if (arguments.empty()) arguments = {"--help"};
  if (const auto word = short_for_long(root, arguments); !word.empty()) {
    return refuse(root, form, word + " has one dash; did you mean -" + word + "?", arguments[0]);
  }
  std::ranges::reverse(arguments);
  try {
    root.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return std::fputs(chosen(root)->help(chosen(root) == &root ? "" : "mecha").c_str(), stdout) < 0 ? 1 : 0;
  } catch (const CLI::Success& success) {  // --version
    return root.exit(success);
  } catch (const CLI::ExtrasError&) {
    const auto rest = root.remaining(true);
    return refuse(root, form, unknown(root, rest.empty() ? "" : rest.front()));
  } catch (const CLI::ConversionError& error) {  // all that is converted are numbers and flags
    const std::string text = error.what(), name = text.substr(text.find("--") == std::string::npos ? 0 : text.find("--"));
    const auto equals = name.find(" = ");
    if (equals == std::string::npos) return refuse(root, form, text);
    const auto* option = chosen(root)->get_option_no_throw(name.substr(0, equals));
    const bool flag = option != nullptr && option->get_items_expected_max() == 0;
    return refuse(root, form, name.substr(0, equals) + (flag ? " must be true or false, got " : " must be a number, got ") + text::quote(name.substr(equals + 3)));
  } catch (const CLI::ParseError& error) {
    return refuse(root, form, error.what());
  }
  auto rest = root.remaining(true);
  if (!rest.empty()) {
    if (!takes_words(chosen(root)->get_name()) || rest.front().starts_with("-")) return refuse(root, form, unknown(root, rest.front()));
    choice.words.insert(choice.words.begin(), rest.begin(), rest.end());
  }
  if (!choice.run) return refuse(root, form, "say which command to run");
  try {
    return choice.run();
  } catch (const std::exception& unforeseen) {  // of the file system, mostly: an unreadable folder, a full disk
    return print_failure(form, {.code = Code::internal, .message = unforeseen.what()});
  }
}

}  // namespace mecha::cli
