#pragma once

#include "backend_language.h"

namespace dnd::cpu {

/// The CPU's table of backend_language.h.
extern const DndLanguageOperations kLanguage;

}  // namespace dnd::cpu
