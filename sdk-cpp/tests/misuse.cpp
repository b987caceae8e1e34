// Does not compile: the lock may be another's, and the result of asking for it good all the same.

#include "mecha/lock.h"

bool mine(const mecha::BasicLockStore<mecha::Blocking>& locks) {
  if (locks.try_lock("resource", "me", std::chrono::seconds(1))) return true;
  return false;
}
