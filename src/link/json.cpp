// JSON text for the details of events; see json.hpp.
#include "link/json.hpp"

#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

std::string JsonText(const std::string& text) {
  const char* const bare = text.c_str();
  return pg::Section([=] {
    StringInfoData buffer;
    initStringInfo(&buffer);
    escape_json(&buffer, bare);
    return buffer.data;
  });
}

std::string JsonArray(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts)
    list += (list.empty() ? "" : ", ") + JsonText(text);
  return "[" + list + "]";
}

}  // namespace pg_cutover::link
