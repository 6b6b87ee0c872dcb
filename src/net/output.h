/* net/output.h: what a connection has still to send, in order: octets ready for the socket, then what is
 * pending: ranges of files not yet read and the runs that stand behind them.
 *
 * output_fill turns pending into ready, up to LIMIT_OUTPUT_WINDOW, with what the page cache has; where it has
 * not, it says so, and output_read_* is the same read in two halves, the middle one on a worker. Dots are
 * doubled on the way from pending to ready, so that the state "at the beginning of a line" goes on over
 * everything. Knows no socket. Loop thread, but for output_read_run.
 */
#ifndef NET_OUTPUT_H
#define NET_OUTPUT_H

#include <sys/uio.h>

#include "net/conn.h"

struct pending;

struct output {
	struct block *first, *last; /* ready; each holds octets */
	size_t sent_of_first;
	size_t ready_octets;
	struct pending *pending, *pending_last;
	size_t pending_octets;
	bool at_line_start;
	bool was_full;
};

enum output_state {
	OUTPUT_READY,     /* as much is ready as there is or as the window takes */
	OUTPUT_COLD,      /* the next octets have to be read by a worker */
	OUTPUT_DAMAGED,   /* the file ended before its range, or can't be read */
	OUTPUT_NO_MEMORY, /* no blocks */
};

void output_init(struct output *out);

/* The forms of conn_write*: same contracts. */
err output_add(struct output *out, struct loop *loop, str octets) MUST_USE;
err output_add_dot_stuffed(struct output *out, struct loop *loop, str octets) MUST_USE;
err output_add_dot_end(struct output *out, struct loop *loop) MUST_USE;
err output_add_range(struct output *out, const struct conn_range *range) MUST_USE;

/* Octets that wait, ranges counted before their dots are doubled. */
static inline size_t output_waiting(const struct output *out)
{
	return out->ready_octets + out->pending_octets;
}

enum output_state output_fill(struct output *out, struct loop *loop);

/* The ready octets as at most `max` parts; their number. */
size_t output_parts(const struct output *out, struct iovec *parts, size_t max);

/* The first `size` ready octets are the kernel's. */
void output_sent(struct output *out, struct loop *loop, size_t size);

/* Drops everything and releases the ranges. */
void output_drop(struct output *out, struct loop *loop);

/* One read of the range at the head of pending, for which output_fill said OUTPUT_COLD. The range belongs to
 * the read until _done: output_drop in between leaves it alone. */
enum { OUTPUT_READ_BLOCKS = 4 };
struct output_read {
	struct pending *range;
	struct block *blocks[OUTPUT_READ_BLOCKS];
	unsigned block_count;
	int64_t got; /* octets; 0 or less: damaged */
};

err output_read_begin(struct output *out, struct loop *loop, struct output_read *read) MUST_USE;
void output_read_run(struct output_read *read); /* any thread */

/* Instead of running it. */
void output_read_cancel(struct loop *loop, struct output_read *read);

/* Takes what was read into ready; with `dropped` only releases. OUTPUT_READY, _DAMAGED or _NO_MEMORY. */
enum output_state output_read_done(struct output *out, struct loop *loop, struct output_read *read,
                                   bool dropped);

#endif
