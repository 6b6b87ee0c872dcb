/* base/metric.h: what the server counts while it runs, from metrics.def and nowhere else. Any thread; an
 * addition is one relaxed atomic instruction.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buf.h"

enum metric {
#define METRIC(name, text, kind, help) METRIC_##name,
#include "base/metrics.def"
#undef METRIC
	METRIC_COUNT
};

void metric_add(enum metric metric, uint64_t n);

/* Of a gauge only. */
void metric_subtract(enum metric metric, uint64_t n);

uint64_t metric_get(enum metric metric);

/* All of them in Prometheus' text format, version 0.0.4. */
void metrics_add_text(struct buf *out);

/* One more in that format, of which the value is known otherwise. `kind`: "counter" or "gauge". */
void metric_add_text(struct buf *out, const char *name, const char *kind, const char *help, uint64_t value);

#endif
