// What PostgreSQL hands to a trigger of ours.
#pragma once

#include <cstdint>

#include "pg/error.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// Raises where the function was not called as a trigger.
inline const TriggerData& DataOf(FunctionCallInfo call) {
  if (!CALLED_AS_TRIGGER(call))
    pg::Raise(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
              "this function is called by triggers of pg_cutover only");
  return *reinterpret_cast<const TriggerData*>(call->context);
}

// The trigger's argument.
inline int64_t LinkOf(const TriggerData& data) {
  if (data.tg_trigger->tgnargs != 1)
    pg::Raise(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
              "a trigger of pg_cutover has one argument: the link's id");
  return strtoll(data.tg_trigger->tgargs[0], nullptr, 10);
}

}  // namespace pg_cutover::capture
