/* What is this engine's own: compaction by segments. The rest of the store is held against tests/store. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "store/commit.h"
#include "store/draft.h"
#include "store/mailbox.h"

static struct arena arena;
static char folder[64];
static struct store *store;
static struct limits limits;

static void open_store(void)
{
	struct store_options options = { .directory = str_of(folder), .limits = limits };
	err e = store_open(&arena, &options, &store);

	if (e.code != ERR_OK)
		print_message("%s\n", e.what);
	assert_int_equal(e.code, ERR_OK);
}

static void close_store(void)
{
	store_close(store);
	store = NULL;
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-store-XXXXXX");
	assert_non_null(mkdtemp(folder));
	limits = limits_default();
	limits.deleted_hours = 0;
	limits.segment_octets = 64 * LIMIT_KB;
	open_store();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	close_store();
	snprintf(command, sizeof command, "rm -rf %s", folder);
	arena_reset(&arena);
	return system(command) == 0 ? 0 : 1;
}

static err change(struct directory_change c, uint64_t *account_id)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY, .directory = c };
	struct commit commit = { .ops = &op, .op_count = 1 };

	store_commit_wait(store, &commit);
	if (account_id)
		*account_id = op.directory.account_id;
	return op.result;
}

/* An account in a domain of its own. */
static uint64_t make_ann(void)
{
	uint64_t id = 0;

	assert_int_equal(
		change((struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = STR("d.example") },
	               NULL)
			.code,
		ERR_OK);
	err e = change(
		(struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD, .name = STR("ann@d.example") },
		&id);
	assert_int_equal(e.code, ERR_OK);
	return id;
}

static err deliver(uint64_t account, str prefix, str content, uint32_t *uid)
{
	struct draft *draft;
	struct deliver_target target = { .account_id = account,
		                         .mailbox_id = MAILBOX_INBOX,
		                         .prefix = prefix };
	struct commit_op op = { .kind = COMMIT_DELIVER,
		                .deliver = { .id = STR("TEST1"),
		                             .summary = STR("a summary"),
		                             .received_ms = 1700000000000,
		                             .targets = &target,
		                             .target_count = 1 } };
	struct commit commit = { .ops = &op, .op_count = 1, .urgent = true };

	assert_int_equal(draft_new(store, &draft).code, ERR_OK);
	for (size_t at = 0; at < content.len;) {
		size_t n = content.len - at > 10000 ? 10000 : content.len - at;
		assert_int_equal(draft_add(draft, str_slice(content, at, at + n)).code, ERR_OK);
		if (draft_must_write(draft))
			assert_int_equal(draft_write(draft).code, ERR_OK);
		at += n;
	}
	if (draft_finish(draft))
		assert_int_equal(draft_sync(draft).code, ERR_OK);
	op.deliver.draft = draft;
	store_commit_wait(store, &commit);
	draft_free(draft);
	*uid = target.uid;
	return op.result;
}

static void check_message(uint64_t account, uint32_t uid, str prefix, str content)
{
	struct message m;
	char *got = malloc(content.len + 1);

	assert_int_equal(message_open(store, &arena, account, MAILBOX_INBOX, uid, &m).code, ERR_OK);
	assert_true(str_eq(m.prefix, prefix));
	assert_int_equal(m.size, content.len);
	assert_int_equal(file_read_at(m.fd, got, content.len, m.offset).code, ERR_OK);
	assert_memory_equal(got, content.ptr, content.len);
	message_close(&m);
	free(got);
}

static str octets(size_t size)
{
	char *p = arena_alloc(&arena, size);

	for (size_t i = 0; i < size; i++)
		p[i] = (char)('a' + (i * 7 + i / 13) % 26);
	return (str){ p, size };
}

static size_t count_rows(uint64_t account)
{
	static struct mailbox_row rows[LIMIT_READ_ROWS];
	size_t total = 0, n;
	uint32_t after = 0;

	do {
		assert_int_equal(
			mailbox_read_rows(store, account, MAILBOX_INBOX, after, rows, LIMIT_READ_ROWS, &n)
				.code,
			ERR_OK);
		total += n;
		if (n)
			after = rows[n - 1].uid;
	} while (n);
	return total;
}

static void test_compaction(void **state)
{
	enum { COUNT = 300, KEEP = 7 }; /* every seventh stays */
	struct store_status before, after;
	uint32_t uid, gone[COUNT];
	size_t gone_count = 0;

	(void)state;
	uint64_t ann = make_ann();
	for (size_t i = 1; i <= COUNT; i++) {
		assert_int_equal(deliver(ann, STR("P: 1\r\n"), octets(1000 + i), &uid).code, ERR_OK);
		if (i % KEEP)
			gone[gone_count++] = uid;
	}
	assert_int_equal(deliver(ann, STR("P: 1\r\n"), octets(500000), &uid).code, ERR_OK);
	gone[gone_count++] = uid;
	store_get_status(store, &before);
	assert_true(before.segments > 4);
	struct message reading;
	assert_int_equal(message_open(store, &arena, ann, MAILBOX_INBOX, KEEP, &reading).code, ERR_OK);
	struct commit_op op = { .kind = COMMIT_EXPUNGE,
		                .expunge = { .account_id = ann,
		                             .mailbox_id = MAILBOX_INBOX,
		                             .uids = gone,
		                             .uid_count = gone_count } };
	struct commit commit = { .ops = &op, .op_count = 1 };
	store_commit_wait(store, &commit);
	assert_int_equal(op.result.code, ERR_OK);
	usleep(5000); /* freed before now */
	assert_int_equal(store_maintain(store).code, ERR_OK);
	store_get_status(store, &after);
	assert_true(after.segments < before.segments / 2);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = KEEP; i <= COUNT; i += KEEP)
			check_message(ann, i, STR("P: 1\r\n"), octets(1000 + i));
		if (round == 0) { /* who reads goes on reading what compaction took away */
			char got[1000 + KEEP];
			assert_int_equal(file_read_at(reading.fd, got, sizeof got, reading.offset).code,
			                 ERR_OK);
			assert_memory_equal(got, octets(sizeof got).ptr, sizeof got);
			message_close(&reading);
		}
		close_store();
		open_store();
	}
	assert_int_equal(count_rows(ann), COUNT / KEEP);
}

/* In the order given, up to one that is not there; no more than the time and one look allow. */
static void test_open_some(void **state)
{
	enum { COUNT = 100, GONE = 60 };
	struct message some[COUNT];
	uint32_t uids[COUNT], gone = GONE;
	struct commit_op op = { .kind = COMMIT_EXPUNGE,
		                .expunge = { .mailbox_id = MAILBOX_INBOX, .uids = &gone, .uid_count = 1 } };
	struct commit commit = { .ops = &op, .op_count = 1 };

	(void)state;
	uint64_t ann = make_ann();
	for (size_t i = 0; i < COUNT; i++) {
		/* Some have a prefix that the first read of a record does not reach. */
		str prefix = i % 5 ? STR("P: 1\r\n") : octets(3000);
		assert_int_equal(deliver(ann, prefix, octets(1000 + i), &uids[i]).code, ERR_OK);
	}
	op.expunge.account_id = ann;
	store_commit_wait(store, &commit);
	assert_int_equal(op.result.code, ERR_OK);
	for (size_t at = 0, n; at < COUNT; at += n) {
		n = message_open_some(store, &arena, ann, MAILBOX_INBOX, uids + at, COUNT - at, INT64_MAX,
		                      some);
		if (uids[at] == GONE)
			assert_int_equal(n, 0);
		else
			assert_in_range(n, 1, uids[at] < GONE ? GONE - uids[at] : COUNT - at);
		for (size_t i = 0; i < n; i++) {
			assert_true(str_eq(some[i].prefix, (at + i) % 5 ? STR("P: 1\r\n") : octets(3000)));
			assert_int_equal(some[i].size, 1000 + at + i);
			message_close(&some[i]);
		}
		n += n == 0; /* past the one that is gone */
	}
	assert_int_equal(message_open_some(store, &arena, ann, MAILBOX_INBOX, uids, COUNT, 0, some), 0);
	assert_int_equal(
		message_open_some(store, &arena, ann + 1, MAILBOX_INBOX, uids, COUNT, INT64_MAX, some), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_compaction, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_some, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
