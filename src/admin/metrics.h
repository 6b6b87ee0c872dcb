/* admin/metrics.h: everything that is counted, for Prometheus: base/metrics.def, the store, the queue. */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "base/buf.h"

struct outbound_control;
struct standing_cache;
struct store;

/* Its content type. */
#define METRICS_TYPE "text/plain; version=0.0.4"

/* Worker thread. `outbound` is NULL where nothing is sent. */
void metrics_write(struct buf *out, struct store *store, struct standing_cache *standing,
                   const struct outbound_control *outbound);

#endif
