// The two faces of the typed classes: one gives tasks, the other waits on the calling thread.
#pragma once

#include <utility>

#include "mecha/task.h"

namespace mecha {

/// Calls give a Task, to be awaited.
struct Async {
  /// What a call gives.
  template <class T>
  using Return = Task<Result<T>>;
  /// The task itself.
  template <class T>
  static Task<Result<T>> run(Task<Result<T>> task) {
    return task;
  }
};

/// Calls block the calling thread and give the Result. Not for threads of gRPC (see Task), which
/// they would hold up.
struct Blocking {
  /// What a call gives.
  template <class T>
  using Return = Result<T>;
  /// What the task ended with.
  template <class T>
  static Result<T> run(Task<Result<T>> task) {
    return sync_wait(std::move(task));
  }
};

}  // namespace mecha
