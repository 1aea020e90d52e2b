// Names for tables that are made or renamed beside the user's; see table_name.hpp.
#include <fmt/format.h>

#include "core/names.hpp"

#include "link/table_name.hpp"
#include "pg/call.hpp"

namespace pg_cutover::link {

bool TableNameTaken(Oid schema, const std::string& name) {
  const char* const text = name.c_str();
  return pg::Section([=] {
    if (OidIsValid(get_relname_relid(text, schema))) return true;
    const Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(text),
                                     ObjectIdGetDatum(schema));
    if (!OidIsValid(type)) return false;
    const Oid element = get_element_type(type);
    return !OidIsValid(element) || get_array_type(element) != type;
  });
}

std::string FreeTableName(Oid schema, const std::string& base, const std::string& suffix,
                          const std::string& before_number) {
  std::string name = core::BoundedName(base, suffix);
  for (int number = 2; TableNameTaken(schema, name); ++number)
    name = core::BoundedName(base, fmt::format("{}{}{}", suffix, before_number, number));
  return name;
}

}  // namespace pg_cutover::link
