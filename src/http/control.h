/* http/control.h: the operations of admin/ on data_dir/control.sock, for commands beside a running server.
 *
 * POST /v1/OPERATION with a JSON object of its arguments; the answer is {"answer":…,"warnings":["…"]} or
 * {"error":"missing","what":"…"}, where error is err_code_name's word, or "usage". Only the user that the
 * server runs as, and root, may speak (SO_PEERCRED); the socket's mode says the same.
 * GET /metrics gives what is counted, as Prometheus reads it (admin/metrics.h).
 */
#ifndef HTTP_CONTROL_H
#define HTTP_CONTROL_H

#include "admin/standing.h"
#include "http/server.h"
#include "net/work.h"

struct config;
struct flight;
struct outbound_control;
struct store;

struct control {
	struct http_service http;       /* private */
	struct standing_cache standing; /* private */
	struct store *store;
	struct work *work;
	const struct config *config;
	const struct flight *flight;
	const struct outbound_control *outbound; /* NULL, or set before the listener is opened */
};

/* Fills *control, which is borrowed for the life of the listener, and returns the service for it. */
struct conn_service control_service(struct control *control, struct store *store, struct work *work,
                                    const struct config *config, const struct flight *flight);

#endif
