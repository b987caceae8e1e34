// mecha completion: scripts for shells, made from the command line itself.

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

std::string flags_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return text::join(names, " ");
}

std::string commands_of(const CLI::App& root) {
  std::vector<std::string> names;
  for (const auto* command : root.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
  return text::join(names, " ");
}

std::string shell_word(std::string_view text) { return "'" + text::replace_all(text, "'", "'\\''") + "'"; }

std::string bash(const CLI::App& root) {
  std::string out = "_mecha() {\n  local word=${COMP_WORDS[COMP_CWORD]} words\n  case ${COMP_WORDS[1]} in\n";
  for (const auto* command : root.get_subcommands([](const CLI::App*) { return true; })) {
    out += "    " + command->get_name() + ") words=" + shell_word(flags_of(*command)) + " ;;\n";
  }
  out += "    *) words=" + shell_word(commands_of(root) + " --help --version") + " ;;\n  esac\n";
  out += "  [ \"$COMP_CWORD\" != 1 ] || words=" + shell_word(commands_of(root) + " --help --version") + "\n";
  return out + "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _mecha mecha\n";
}

std::string zsh(const CLI::App& root) { return "#compdef mecha\nautoload -U +X bashcompinit && bashcompinit\n" + bash(root); }

std::string fish(const CLI::App& root) {
  std::string out;
  for (const auto* command : root.get_subcommands([](const CLI::App*) { return true; })) {
    out += "complete -c mecha -n __fish_use_subcommand -a " + command->get_name() + " -d " + shell_word(command->get_description()) + "\n";
    for (const auto* option : command->get_options()) {
      for (const auto& name : option->get_lnames()) {
        out += "complete -c mecha -n '__fish_seen_subcommand_from " + command->get_name() + "' -l " + name + " -d " + shell_word(option->get_description()) + "\n";
      }
    }
  }
  return out;
}

int complete_for(const CLI::App& root, const std::string& shell, const std::string& form) {
  const auto script = shell == "bash" ? bash(root) : shell == "zsh" ? zsh(root) : fish(root);
  return print(form, json::Value(json::Object{{"shell", shell}, {"script", script}}), script);
}

}  // namespace

void add_completion(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("completion", "Print the completion script of a shell: source <(mecha completion bash)");
  auto options = std::make_shared<std::pair<std::string, std::string>>("", "table");
  command->add_option("shell", options->first, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  add_output(*command, options->second);
  command->callback([options, &choice, &root] { choice.run = [options, &root] { return complete_for(root, options->first, options->second); }; });
}

}  // namespace mecha::cli
