// Gives back the memory that only the start needed.

#pragma once

namespace mecha {

// Free heap pages, and the pages of code that has run: they are clean copies of files, and those that serving needs come
// back by themselves. Loading libraries and reading YAML otherwise stays resident for as long as the process lives.
void release_startup_memory();

}  // namespace mecha
