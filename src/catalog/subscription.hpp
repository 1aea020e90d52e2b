// Whether our own tables are filled by a subscription: a publication FOR ALL TABLES has them as
// well.
//
// What is written here then has numbers that the publisher gives out, too. Its next row with such a
// number stops the subscription for good, so nothing is to be written here: no link, no job, and no
// event about a job that was sent.
#pragma once

#include <optional>
#include <string>

namespace pg_cutover::catalog {

// The name of such a subscription of this database. In a transaction with an active snapshot.
std::optional<std::string> SubscriptionToOurTables();
// Raises object_not_in_prerequisite_state where there is one. Whoever makes a row with a number of ours
// asks first; whatever else is changed records an event, which asks.
void RequireOwnTables();

}  // namespace pg_cutover::catalog
