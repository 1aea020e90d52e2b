// The jobs "cutover" and "revert": one leader, one worker.
//
//   gate       everything that must be so is so
//   verify     both tables hold the same rows, under one snapshot (verify => true)
//   snapshots  nobody is left who would see the mirror as it was during the copy (cutover only: the
//              mirror of a revert has been complete since it was the live table)
//   swap       attempts, each one transaction
//   validate   what need not be done under the locks: constraints made NOT VALID are validated
//
// The swap's transaction itself enters "validate". A job that is resumed before that begins with
// the gate again, and with fresh attempts; after it, with the statements that are left.
#pragma once

#include <string>

#include "job/session.hpp"

namespace pg_cutover::swap {

inline constexpr const char* kCutover = "cutover";
inline constexpr const char* kRevert = "revert";

// Also the end of other kinds of jobs: whatever their phase before, it begins with the gate, or
// with what a swap that is done has left.
void LeadSwap(job::Session& session);
// `phase` is one of the above.
bool IsSwapPhase(const std::string& phase);

}  // namespace pg_cutover::swap
