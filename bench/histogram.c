#include "histogram.h"

#include <math.h>

/* Below 64 ns a bucket is 1 ns; above, each power of two is cut in 64. */
static unsigned bucket_of(uint64_t ns)
{
	if (ns < HISTOGRAM_STEPS)
		return (unsigned)ns;
	unsigned shift = (unsigned)(63 - __builtin_clzll(ns)) - 6;
	return (shift + 1) * HISTOGRAM_STEPS + (unsigned)((ns >> shift) - HISTOGRAM_STEPS);
}

static uint64_t bucket_upper_edge(unsigned bucket)
{
	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	unsigned shift = bucket / HISTOGRAM_STEPS - 1;
	return ((uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->bucket[bucket_of(ns)]++;
	h->count++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
	uint64_t wanted = (uint64_t)ceil((double)h->count * percent / 100.0), seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= wanted && seen > 0)
			return bucket_upper_edge(i) < h->max_ns ? bucket_upper_edge(i) : h->max_ns;
	}
	return h->max_ns;
}

void histogram_print_json(const struct histogram *h, FILE *out)
{
	static const double percents[] = { 50, 90, 99, 99.9 };

	fputc('{', out);
	for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++)
		fprintf(out, "\"p%g\":%.0f,", percents[i],
		        (double)histogram_percentile(h, percents[i]) / 1000);
	fprintf(out, "\"max\":%.0f}", (double)h->max_ns / 1000);
}
