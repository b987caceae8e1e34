// The two faces of the typed classes: one gives tasks, the other waits on the calling thread.
#pragma once

#include <utility>

#include "mecha/task.h"

namespace mecha {

/// Calls give a Task, to be awaited.
struct Async {
  template <class T>
  using Return = Task<Result<T>>;
  template <class T>
  static Task<Result<T>> run(Task<Result<T>> task) {
    return task;
  }
};

/// Calls block the calling thread and give the Result. Not for threads of gRPC (see Task), which
/// they would hold up.
struct Blocking {
  template <class T>
  using Return = Result<T>;
  template <class T>
  static Result<T> run(Task<Result<T>> task) {
    return sync_wait(std::move(task));
  }
};

}  // namespace mecha
