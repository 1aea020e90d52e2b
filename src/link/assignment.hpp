// What an assignment does to values that are too long, said in SQL.
//
// An assignment, as INSERT and ALTER COLUMN ... TYPE make it, raises an error where a string is too
// long, except for blanks at its end; an explicit cast, the only one that SQL text can spell, cuts
// the string. Copy and capture evaluate trees, in which a conversion can be marked as an
// assignment's (CoerceToColumn). Whoever writes statements needs these functions instead: with a
// plain CAST two values that are not the same would look equal after being cut.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::link {

// SQL of `expression`, canonical text over a row of `source` under the alias source, as an
// assignment to `column` makes it. The same expression may occur in it more than once. Must be
// called outside any Section. Raises what PostgreSQL says of an expression that does not fit
// `source` any more.
std::string AsAssigned(const std::string& expression, ::Relation source,
                       const FormData_pg_attribute& column);

// Whether an explicit cast to the type may cut what an assignment refuses: by the type's own
// length, or by that of a domain, of elements or of fields in it. For use inside Section kernels.
bool ExplicitCastCuts(Oid type, int32 length);

// Whether the cast is that of an integer to bit, which keeps as many of the last bits as there is
// room for, a single one where no length is given. For use inside Section kernels.
bool CastKeepsLastBits(Oid from, Oid to);

// The type to cast to instead, of which values have any length: what a domain, or an array of
// domains, is made of. An assignment leads from there to `type`. For use inside Section kernels.
Oid WithoutLength(Oid type);

}  // namespace pg_cutover::link
