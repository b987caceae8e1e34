// The one place that knows which Catch2 this is (2.13 in Debian 12). Its assertions are for the thread of
// the test case alone: what runs on others keeps what it saw, and the case checks that after them.
#pragma once
#include <catch2/catch.hpp>
