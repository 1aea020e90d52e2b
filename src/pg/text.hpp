// Text and names: quoting, qualified names, arrays and jsonb as C++ values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// Quoted where SQL needs it.
std::string QuoteIdentifier(std::string_view name);
std::string QuoteLiteral(std::string_view text);

// schema.table, quoted; always qualified, so that it means the same under any search_path. The
// OID's number where the relation is gone.
std::string QualifiedName(Oid relation);
// The bare name; empty where the relation is gone.
std::string RelationName(Oid relation);
std::string RoleName(Oid role);
std::string TypeName(Oid type, int32 modifier);

std::string FromText(Datum value);
std::string FromName(const NameData& name);
Datum MakeText(std::string_view text);
Datum MakeTextArray(const std::vector<std::string>& values);
// A NULL element is refused with null_value_not_allowed.
std::vector<std::string> TextArrayValues(Datum array);

// The top-level keys of a jsonb object in their stored order, each value as text: a string without
// its quotes, anything else as JSON prints it, null as nullopt. Refuses (invalid_parameter_value)
// what is not an object; `what` names the parameter in that message.
std::vector<std::pair<std::string, std::optional<std::string>>> ObjectEntries(Datum jsonb,
                                                                              std::string_view what);

// A value through its type's output function. Uses the session's settings; pin them first.
std::string OutputText(Oid type, Datum value);

}  // namespace pg_cutover::pg
