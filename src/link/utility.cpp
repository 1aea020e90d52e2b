// Running a utility statement from its tree; see utility.hpp.
#include "link/utility.hpp"

#include "pg/call.hpp"

namespace pg_cutover::link {

Node* ParseStatement(const std::string& text) {
  const char* const sql = text.c_str();
  return pg::Section(
      [=] { return linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT))->stmt; });
}

void RunStatement(Node* statement, const std::string& text) {
  const char* const sql = text.c_str();
  pg::Section([=] {
    PlannedStmt* const planned = makeNode(PlannedStmt);
    planned->commandType = CMD_UTILITY;
    planned->canSetTag = false;
    planned->utilityStmt = statement;
    planned->stmt_location = -1;
    planned->stmt_len = 0;
    ProcessUtility(planned, sql, false, PROCESS_UTILITY_QUERY, nullptr, nullptr, None_Receiver,
                   nullptr);
    CommandCounterIncrement();
  });
}

RangeVar* RangeOf(Oid relation) {
  return makeRangeVar(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation), -1);
}

}  // namespace pg_cutover::link
