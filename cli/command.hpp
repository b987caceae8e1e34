// The commands of `mecha`: each file of this folder that is named like a command adds it to the command line.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/plan.hpp"

namespace CLI {
class App;
}

namespace mecha::cli {

// What the command line asked for. `words`: what stands behind `--`, or from the first word that is no option.
struct Choice {
  std::function<int()> run;
  std::vector<std::string> words;
};

void add_run(CLI::App& root, Choice& choice);
void add_dev(CLI::App& root, Choice& choice);
void add_list(CLI::App& root, Choice& choice);
void add_stop(CLI::App& root, Choice& choice);
void add_invoke(CLI::App& root, Choice& choice);
void add_publish(CLI::App& root, Choice& choice);
void add_status(CLI::App& root, Choice& choice);
void add_components(CLI::App& root, Choice& choice);
void add_describe(CLI::App& root, Choice& choice);
void add_check(CLI::App& root, Choice& choice);
void add_doctor(CLI::App& root, Choice& choice);
void add_completion(CLI::App& root, Choice& choice);

// `-o, --output`: table, json or yaml; every command has it. `lines`: what is printed has no end, so it is table or json.
void add_output(CLI::App& command, std::string& form, bool lines = false);

// `--restart` and `--restart-max`.
void add_restart(CLI::App& command, std::string& restart, Plan& plan);

// With a template, the template says everything: fails for words and for each flag that was given beside --run-file, --output,
// --stop-timeout and those that `also` names.
Result<void> check_alone(const CLI::App& command, const std::vector<std::string>& also, const std::vector<std::string>& words);

// Builds the whole command line.
void add_all(CLI::App& root, Choice& choice);

// Runs what `arguments` (without the program's name) ask for; the exit code: 0 done, 1 failed, 2 not understood.
int run_command_line(std::vector<std::string> arguments);

}  // namespace mecha::cli
