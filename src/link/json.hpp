// JSON text for the details of events.
#pragma once

#include <string>
#include <vector>

namespace pg_cutover::link {

std::string JsonText(const std::string& text);
std::string JsonArray(const std::vector<std::string>& texts);

}  // namespace pg_cutover::link
