// Names for tables that are made or renamed beside the user's.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Whether no table of the schema can get this name: a relation has it, or a type, since a table's
// row type is called like the table. Array types give way by themselves.
bool TableNameTaken(Oid schema, const std::string& name);

// `base` + `suffix`, or where that is taken with a number behind it, from 2 on: "_old", "_old2". A
// name that would be too long is shortened. Nobody is kept from taking it before it is used; then
// PostgreSQL raises its own error.
std::string FreeTableName(Oid schema, const std::string& base, const std::string& suffix,
                          const std::string& before_number = {});

}  // namespace pg_cutover::link
