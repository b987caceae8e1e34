// mecha: the command line tool.

#include "cli/command.hpp"

int main(int argc, char** argv) { return mecha::cli::run_command_line({argv + 1, argv + argc}); }
