/* bench/histogram.h: durations counted in buckets 1.6 % wide, so that a percentile of a hundred million
 * of them costs 30 KB and no sorting. Maximum and count are exact.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_BUCKETS = 59 * HISTOGRAM_STEPS };

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS];
	uint64_t count, max_ns;
};

void histogram_add(struct histogram *h, uint64_t ns);

/* The value that `percent` of all are not above (upper edge of its bucket, at most the maximum); 0 if empty.
 */
uint64_t histogram_percentile(const struct histogram *h, double percent);

/* {"p50":…,"p90":…,"p99":…,"p99.9":…,"max":…} in microseconds. */
void histogram_print_json(const struct histogram *h, FILE *out);

#endif
