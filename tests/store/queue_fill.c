/* Puts a message into the queue of a data directory that no server has, as a server would:
 *
 *   queue_fill DIR add ID REVERSE-PATH transactional|marketing FORWARD-PATH... < message    prints the queue
 * ids queue_fill DIR wait QUEUE-ID DUE-MS REPLY                                               a try that
 * failed
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "deliver/address.h"
#include "mime/summary.h"
#include "store/commit.h"
#include "store/draft.h"
#include "store/store.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static struct arena arena;
static struct store *store;

static void must(err e)
{
	if (e.code == ERR_OK)
		return;
	fprintf(stderr, "queue_fill: %s\n", e.what);
	exit(1);
}

static void commit(struct commit_op *op)
{
	struct commit c = { .ops = op, .op_count = 1, .arena = &arena };

	store_commit_wait(store, &c);
	must(op->result);
}

static str read_message(void)
{
	struct buf in;
	char octets[4096];
	ssize_t n;

	buf_init(&in, &arena, LIMIT_MB);
	while ((n = read(STDIN_FILENO, octets, sizeof octets)) > 0)
		buf_add(&in, (str){ octets, (size_t)n });
	must(buf_err(&in));
	return buf_str(&in);
}

static str summary_of(str message)
{
	struct mime_summary_parser *parser;
	struct buf out;

	buf_init(&out, &arena, LIMIT_MB);
	must(mime_summary_new(&arena, &parser));
	mime_summary_push(parser, message);
	must(mime_summary_finish(parser, &out));
	return buf_str(&out);
}

static struct draft *draft_of(str message)
{
	struct draft *draft;

	must(draft_new(store, &draft));
	must(draft_add(draft, message));
	if (draft_finish(draft))
		must(draft_sync(draft));
	return draft;
}

static int add(const char *id, const char *reverse_path, const char *lane, char **paths, size_t count)
{
	struct queue_target *queue = arena_new(&arena, struct queue_target, count);
	int64_t now_ms = clock_now();
	str message = read_message(), from = str_of(reverse_path);

	if (!queue)
		must(ERR_NO_MEMORY);
	for (size_t i = 0; i < count; i++)
		queue[i] =
			(struct queue_target){ .forward_path = str_of(paths[i]),
			                       .domain = address_domain(str_of(paths[i])),
			                       .reverse_domain = from.len ? address_domain(from) : STR("") };
	struct commit_op op = { .kind = COMMIT_DELIVER,
		                .deliver = { .draft = draft_of(message),
		                             .id = str_of(id),
		                             .reverse_path = from,
		                             .summary = summary_of(message),
		                             .received_ms = now_ms,
		                             .queue = queue,
		                             .queue_count = count,
		                             .envelope = { .lane = strcmp(lane, "marketing") == 0
		                                                           ? QUEUE_MARKETING
		                                                           : QUEUE_TRANSACTIONAL,
		                                           .login = STR("ann@shop.example"),
		                                           .expires_ms = now_ms + 5 * DAY_MS } } };
	commit(&op);
	draft_free(op.deliver.draft);
	for (size_t i = 0; i < count; i++)
		printf("%" PRIu64 "\n", queue[i].queue_id);
	return 0;
}

static int wait_for_next(const char *queue_id, const char *due_ms, const char *reply)
{
	struct attempt attempt = { .kind = ATTEMPT_WAIT,
		                   .queue_id = strtoull(queue_id, NULL, 10),
		                   .due_ms = strtoll(due_ms, NULL, 10),
		                   .reply = str_of(reply) };
	struct commit_op op = { .kind = COMMIT_ATTEMPT, .attempts = { &attempt, 1, STR("") } };

	commit(&op);
	must(attempt.result);
	return 0;
}

int main(int argc, char **argv)
{
	struct store_options options = { .limits = limits_default(), .without_maintenance = true };
	int lock, code = 64;

	if (argc < 6)
		return code;
	options.directory = str_of(argv[1]);
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	log_silence();
	must(store_lock(&arena, options.directory, 0, &lock));
	must(store_open(&arena, &options, &store));
	if (strcmp(argv[2], "add") == 0 && argc > 6)
		code = add(argv[3], argv[4], argv[5], argv + 6, (size_t)argc - 6);
	else if (strcmp(argv[2], "wait") == 0)
		code = wait_for_next(argv[3], argv[4], argv[5]);
	store_close(store);
	return code;
}
