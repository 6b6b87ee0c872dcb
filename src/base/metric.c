#include "base/metric.h"

#include <stdatomic.h>

enum kind { counter, gauge };

static const char *const kinds[] = { [counter] = "counter", [gauge] = "gauge" };

static const struct {
	const char *name;
	enum kind kind;
	const char *help;
} metrics[] = {
#define METRIC(name, text, kind, help) { text, kind, help },
#include "base/metrics.def"
#undef METRIC
};

static _Atomic uint64_t values[METRIC_COUNT];

void metric_add(enum metric metric, uint64_t n)
{
	assert(metric < METRIC_COUNT);
	atomic_fetch_add_explicit(&values[metric], n, memory_order_relaxed);
}

void metric_subtract(enum metric metric, uint64_t n)
{
	assert(metric < METRIC_COUNT);
	assert(metrics[metric].kind == gauge);
	atomic_fetch_sub_explicit(&values[metric], n, memory_order_relaxed);
}

uint64_t metric_get(enum metric metric)
{
	assert(metric < METRIC_COUNT);
	return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

void metric_add_text(struct buf *out, const char *name, const char *kind, const char *help, uint64_t value)
{
	buf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, kind, name);
	buf_add_u64(out, value);
	buf_add_char(out, '\n');
}

void metrics_add_text(struct buf *out)
{
	for (int m = 0; m < METRIC_COUNT; m++)
		metric_add_text(out, metrics[m].name, kinds[metrics[m].kind], metrics[m].help,
		                metric_get((enum metric)m));
}
