"""Runs random operations, and makes the shortest log that still fails of a long one."""
import os, random, time


class Difference(AssertionError):
    pass


def same(got, expected, what):
    if got != expected:
        raise Difference(f"{what}: got {got!r}, expected {expected!r}")


def fails(run, operations):
    """The difference that these operations show, None if they show none."""
    try:
        for step, operation in enumerate(operations):
            try:
                run(operation)
            except Difference as e:
                raise Difference(f"step {step}, {operation}: {e}") from None
    except Difference as e:
        return e
    return None


def shrink(make_run, operations, limit_s=30):
    """Leaves out what the failure does not need: halves first, single operations last."""
    end, size = time.monotonic() + limit_s, max(1, len(operations) // 2)
    while size:
        at = 0
        while at < len(operations) and time.monotonic() < end:
            fewer = operations[:at] + operations[at + size:]
            if fewer and fails(make_run(), fewer):
                operations = fewer
            else:
                at += size
        size //= 2
    return operations


def check(make_run, generate, count, seed=1):
    """`make_run()` gives a function of one operation that starts from nothing; `generate(random)` one operation."""
    seed = int(os.environ.get("MECHA_TEST_SEED", seed))
    print(f"seed {seed} (MECHA_TEST_SEED sets another)")
    chance = random.Random(seed)
    operations = [generate(chance) for _ in range(count)]
    found = fails(make_run(), operations)
    if found is None:
        return
    left = shrink(make_run, operations)
    log = "\n".join(f"  {operation}" for operation in left)
    raise AssertionError(f"seed {seed}: {fails(make_run(), left) or found}\nthe shortest log that fails:\n{log}")
