#include "admin/operation_internal.h"

#include "base/flight.h"
#include "store/store.h"

/* What only an open store and a running server know, for doctor. */
err status_prepare(struct operation_call *call)
{
	struct store_status s = { 0 };

	err flight = call->flight ? flight_trouble(call->flight) : OK;

	store_get_status(call->store, &s);
	return answer_set(call, json_pack("{s:b, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:s?}", "accepting",
	                                  s.accepting, "why_not", s.why_not, "wal_octets",
	                                  json_of_u64(s.wal_octets), "segments", json_of_u64(s.segments),
	                                  "messages", json_of_u64(s.messages), "batches",
	                                  json_of_u64(s.batches), "commits", json_of_u64(s.commits),
	                                  "damaged", json_of_u64(s.damaged), "flight_trouble", flight.what));
}
