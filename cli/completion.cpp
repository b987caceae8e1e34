// mecha completion: scripts for shells, made from the command line itself.

#include <algorithm>
#include <set>

#include <CLI/CLI.hpp>

#include "cli/catalog.hpp"
#include "cli/command.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

constexpr std::string_view kWords = "__words";  // the command that scripts ask for what is known only then

std::vector<const CLI::App*> commands_of(const CLI::App& root) {
  auto list = root.get_subcommands([](const CLI::App* command) { return !command->get_name().starts_with("_"); });
  return {list.begin(), list.end()};
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// "a b" of "TEXT:{a,b}".
std::string choices_of(const CLI::Option& option) {
  const auto type = option.get_type_name();
  const auto from = type.find('{'), to = type.find('}', from == std::string::npos ? 0 : from);
  return from == std::string::npos || to == std::string::npos ? "" : text::replace_all(type.substr(from + 1, to - from - 1), ",", " ");
}

// Which list of `mecha __words` has the values; empty if none.
std::string_view list_of(const CLI::App& command, const CLI::Option& option) {
  static const std::set<std::string> started = {"run", "dev"};  // these give new ids
  const auto type = option.get_type_name();
  if (type.starts_with("ID") && !started.contains(command.get_name())) return "ids";
  if (type.starts_with("TYPE") && command.get_name() == "describe") return "types";
  return type.starts_with("CATEGORY") ? "categories" : "";
}

bool takes_path(const CLI::Option& option) {
  const auto type = option.get_type_name();
  return type.starts_with("FILE") || type.starts_with("DIR") || type.starts_with("PATH");
}

std::string flags_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return text::join(names, " ");
}

std::string names_of(const CLI::App& root) {
  std::vector<std::string> names;
  for (const auto* command : commands_of(root)) names.push_back(command->get_name());
  return text::join(names, " ");
}

std::string shell_word(std::string_view text) { return "'" + text::replace_all(text, "'", "'\\''") + "'"; }

// What bash does for a value: its words, or file names, or nothing.
std::string bash_values(const CLI::App& command, const CLI::Option& option) {
  const auto choices = choices_of(option);
  const auto list = list_of(command, option);
  if (!choices.empty()) return "words=" + shell_word(choices);
  if (!list.empty()) return "words=$(\"${COMP_WORDS[0]}\" " + std::string(kWords) + " " + std::string(list) + " 2>/dev/null)";
  return takes_path(option) ? "return" : "compopt +o default 2>/dev/null; return";
}

std::string bash(const CLI::App& root) {
  std::string values, positions, flags;
  for (const auto* command : commands_of(root)) {
    const auto& name = command->get_name();
    flags += "    " + name + ") words=" + shell_word(flags_of(*command)) + " ;;\n";
    for (const auto* option : command->get_options()) {
      if (!takes_value(*option)) continue;
      if (option->get_positional()) {
        positions += "    " + name + ") " + bash_values(*command, *option) + " ;;\n";
        continue;
      }
      std::vector<std::string> patterns;
      for (const auto& word : names_of(*option)) patterns.push_back(name + ":" + word);
      if (!patterns.empty()) values += "    " + text::join(patterns, "|") + ") " + bash_values(*command, *option) + " ;;\n";
    }
  }
  const auto top = shell_word(names_of(root) + " --help --version");
  return "_mecha() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words= flag= i\n"
         "  COMPREPLY=()\n"
         "  for ((i = 2; i < COMP_CWORD; i++)); do [ \"${COMP_WORDS[i]}\" != -- ] || return; done\n"
         "  if [ \"$word\" = = ]; then word=; elif [ \"$last\" = = ]; then last=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "  case $word in --*=*) last=${word%%=*} flag=${word%%=*}= word=${word#*=} ;; esac\n"  // zsh does not cut a word at =
         "  case $command:$last in\n" + values + "  esac\n"
         "  [ -n \"$words\" ] || [[ $word == -* ]] || case $command in\n" + positions + "  esac\n"
         "  [ -n \"$words\" ] || case $command in\n" + flags + "    *) words=" + top + " ;;\n  esac\n"
         "  [ \"$COMP_CWORD\" != 1 ] || words=" + top + "\n"
         "  COMPREPLY=($(compgen -P \"$flag\" -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _mecha mecha\n";
}

// As a file of $fpath it is read at the first Tab, and then has to answer that, too.
std::string zsh(const CLI::App& root) {
  return "#compdef mecha\nautoload -U +X bashcompinit && bashcompinit\n" + bash(root) + "[[ $funcstack[1] != _mecha ]] || _bash_complete -o default -F _mecha\n";
}

std::string fish(const CLI::App& root) {
  std::string out;
  for (const auto* command : commands_of(root)) {
    out += "complete -c mecha -n __fish_use_subcommand -a " + command->get_name() + " -d " + shell_word(command->get_description()) + "\n";
    const auto inside = "complete -c mecha -n '__fish_seen_subcommand_from " + command->get_name() + "'";
    for (const auto* option : command->get_options()) {
      const auto choices = choices_of(*option);
      const auto list = list_of(*command, *option);
      std::string values;
      if (!choices.empty()) values = " -x -a " + shell_word(choices);
      else if (!list.empty()) values = " -x -a '(mecha " + std::string(kWords) + " " + std::string(list) + ")'";
      else if (takes_value(*option)) values = takes_path(*option) ? " -r" : " -x";
      if (option->get_positional()) {
        if (!choices.empty() || !list.empty()) out += inside + values + "\n";
        continue;
      }
      std::string names;
      for (const auto& name : option->get_lnames()) names += " -l " + name;
      for (const auto& name : option->get_snames()) names += " -s " + name;
      out += inside + names + values + " -d " + shell_word(option->get_description()) + "\n";
    }
  }
  return out;
}

int complete_for(const CLI::App& root, const std::string& shell, const std::string& form) {
  const auto script = shell == "bash" ? bash(root) : shell == "zsh" ? zsh(root) : fish(root);
  return print(form, json::Value(json::Object{{"shell", shell}, {"script", script}}), script);
}

int print_words(const std::string& list) {
  std::set<std::string> words;
  if (list == "ids") {
    for (const auto& instance : find_instances(false)) words.insert(instance.app_id);
  } else if (const auto all = describe_daemon(); all && all->is_array()) {
    for (const auto& type : all->as_array()) {
      const std::string name(type.text("type"));
      words.insert(list == "types" ? name : name.substr(0, name.find('.')));
    }
  }
  std::string text;
  for (const auto& word : words) text += word + "\n";
  return print("table", {}, text);
}

}  // namespace

void add_completion(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("completion", "Print the completion script of a shell: source <(mecha completion bash)");
  auto options = std::make_shared<std::pair<std::string, std::string>>("", "table");
  command->add_option("shell", options->first, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  add_output(*command, options->second);
  command->callback([options, &choice, &root] { choice.run = [options, &root] { return complete_for(root, options->first, options->second); }; });
  auto* words = root.add_subcommand(std::string(kWords), "For the scripts of completion")->group("");
  auto list = std::make_shared<std::string>();
  words->add_option("list", *list)->required()->check(CLI::IsMember({"ids", "types", "categories"}));
  words->callback([list, &choice] { choice.run = [list] { return print_words(*list); }; });
}

}  // namespace mecha::cli
