// Everything of the SDK that needs no library but its own.
#pragma once

#include "mecha/callback.h"
#include "mecha/client.h"
#include "mecha/service.h"
#include "mecha/version.h"
#include "mecha/when_all.h"
