#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "store/draft.h"

enum { FILL_OPS = 500 };

static void open_store(struct fixture *f)
{
	struct store_options options = { .directory = str_of(f->folder), .limits = limits_default() };

	options.limits.deleted_hours = 0;
	options.limits.segment_octets = 64 * LIMIT_KB;
	err e = store_open(&f->arena, &options, &f->store);
	if (e.code != ERR_OK)
		print_message("%s\n", e.what);
	assert_int_equal(e.code, ERR_OK);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	arena_init(&f->arena, NULL, 64 * LIMIT_MB);
	snprintf(f->folder, sizeof f->folder, "/tmp/postrider-conformance-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	open_store(f);
	assert_err(change(f,
	                  (struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = STR("d.example") },
	                  NULL),
	           ERR_OK);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	store_close(f->store);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	arena_reset(&f->arena);
	free(f);
	return system(command) == 0 ? 0 : 1;
}

void reopen(struct fixture *f)
{
	store_close(f->store);
	open_store(f);
}

void submit(struct fixture *f, struct commit_op *ops, size_t count)
{
	struct commit commit = { .ops = ops, .op_count = count, .arena = &f->arena };

	store_commit_wait(f->store, &commit);
	for (size_t i = 0; i < count; i++)
		if (ops[i].kind == COMMIT_DELIVER) {
			draft_free(ops[i].deliver.draft);
			ops[i].deliver.draft = NULL;
		}
}

err change(struct fixture *f, struct directory_change c, uint64_t *account_id)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY, .directory = c };

	submit(f, &op, 1);
	if (account_id)
		*account_id = op.directory.account_id;
	return op.result;
}

uint64_t make_account(struct fixture *f, const char *address, uint64_t quota_octets)
{
	uint64_t id = 0;

	assert_err(change(f,
	                  (struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD,
	                                             .name = str_of(address),
	                                             .quota_octets = quota_octets },
	                  &id),
	           ERR_OK);
	return id;
}

struct account_usage *usage_of(const struct directory *d, uint64_t account_id)
{
	size_t count;
	const struct account *const *all = directory_accounts(d, &count);

	for (size_t i = 0; i < count; i++)
		if (all[i]->account_id == account_id)
			return all[i]->usage;
	fail_msg("no such account");
	return NULL;
}

str octets(struct fixture *f, size_t size)
{
	char *p = arena_alloc(&f->arena, size);

	assert_non_null(p);
	for (size_t i = 0; i < size; i++)
		p[i] = (char)('a' + (i * 7 + i / 13) % 26);
	return (str){ p, size };
}

struct deliver_target to_inbox(uint64_t account_id, str prefix)
{
	return (struct deliver_target){ .account_id = account_id,
		                        .mailbox_id = MAILBOX_INBOX,
		                        .prefix = prefix };
}

struct commit_op delivery(struct fixture *f, str content, struct deliver_target *targets, size_t count)
{
	struct draft *draft;

	assert_err(draft_new(f->store, &draft), ERR_OK);
	for (size_t at = 0; at < content.len;) {
		size_t n = content.len - at > 10000 ? 10000 : content.len - at;
		assert_err(draft_add(draft, str_slice(content, at, at + n)), ERR_OK);
		if (draft_must_write(draft))
			assert_err(draft_write(draft), ERR_OK);
		at += n;
	}
	if (draft_finish(draft))
		assert_err(draft_sync(draft), ERR_OK);
	return (struct commit_op){ .kind = COMMIT_DELIVER,
		                   .deliver = { .draft = draft,
		                                .id = STR("TEST1"),
		                                .summary = STR("a summary"),
		                                .received_ms = 1700000000000,
		                                .targets = targets,
		                                .target_count = count } };
}

struct commit_op removal(uint64_t account_id, const uint32_t *uids, size_t count)
{
	return (struct commit_op){ .kind = COMMIT_EXPUNGE,
		                   .expunge = { .account_id = account_id,
		                                .mailbox_id = MAILBOX_INBOX,
		                                .uids = uids,
		                                .uid_count = count } };
}

err deliver(struct fixture *f, uint64_t account_id, str content, uint32_t *uid)
{
	struct deliver_target target = to_inbox(account_id, STR("P: 1\r\n"));
	struct commit_op op = delivery(f, content, &target, 1);

	submit(f, &op, 1);
	if (uid)
		*uid = target.uid;
	return op.result;
}

void fill(struct fixture *f, uint64_t account_id, size_t count)
{
	static struct deliver_target targets[FILL_OPS];
	static struct commit_op ops[FILL_OPS];

	while (count) {
		size_t n = count < FILL_OPS ? count : FILL_OPS;
		for (size_t i = 0; i < n; i++) {
			targets[i] = to_inbox(account_id, STR("P: 1\r\n"));
			ops[i] = delivery(f, STR("x\r\n"), &targets[i], 1);
		}
		submit(f, ops, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(ops[i].result.code, ERR_OK);
		count -= n;
	}
}

err expunge(struct fixture *f, uint64_t account_id, const uint32_t *uids, size_t count)
{
	struct commit_op op = removal(account_id, uids, count);

	submit(f, &op, 1);
	return op.result;
}

struct mailbox_status status_of(struct fixture *f, uint64_t account_id)
{
	struct mailbox_status s;

	assert_err(mailbox_get_status(f->store, account_id, MAILBOX_INBOX, &s), ERR_OK);
	return s;
}

size_t count_rows(struct fixture *f, uint64_t account_id)
{
	static struct mailbox_row rows[LIMIT_READ_ROWS];
	size_t total = 0, n;
	uint32_t after = 0;

	do {
		assert_err(mailbox_read_rows(f->store, account_id, MAILBOX_INBOX, after, rows,
		                             LIMIT_READ_ROWS, &n),
		           ERR_OK);
		for (size_t i = 0; i < n; i++) {
			assert_true(rows[i].uid > after);
			after = rows[i].uid;
		}
		total += n;
	} while (n);
	return total;
}

void check_message(struct fixture *f, uint64_t account_id, uint32_t uid, str prefix, str content)
{
	struct message m;
	char *got = malloc(content.len + 1);

	assert_non_null(got);
	assert_err(message_open(f->store, &f->arena, account_id, MAILBOX_INBOX, uid, &m), ERR_OK);
	assert_true(str_eq(m.prefix, prefix));
	assert_int_equal(m.size, content.len);
	assert_err(file_read_at(m.fd, got, content.len, m.offset), ERR_OK);
	assert_memory_equal(got, content.ptr, content.len);
	message_close(&m);
	free(got);
}

void check_gone(struct fixture *f, uint64_t account_id, uint32_t uid)
{
	struct message m;

	assert_err(message_open(f->store, &f->arena, account_id, MAILBOX_INBOX, uid, &m), ERR_MISSING);
}
