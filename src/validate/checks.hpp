// The checks of a migration: adding them, dropping them.
#pragma once

#include <string>

namespace pg_cutover::validate {

// Raises what is wrong with the kind or the spec, and duplicate_object for a name that the
// migration has already.
void AddCheck(const std::string& migration, const std::string& name, const std::string& kind,
              const std::string& spec);

// Its results stay.
void DropCheck(const std::string& migration, const std::string& name);

}  // namespace pg_cutover::validate
