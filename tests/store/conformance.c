/* What every engine of the store has to do with mail. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/draft.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const str PREFIX = { "P: 1\r\n", 6 };

static void test_uids_ascend_and_never_come_back(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0);
	struct mailbox_status before = status_of(f, ann), now;
	uint32_t uid = 0, expected = 1, newest;

	assert_true(before.uidvalidity != 0);
	assert_int_equal(before.uidnext, 1);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++) {
			assert_err(deliver(f, ann, STR("x\r\n"), &uid), ERR_OK);
			assert_int_equal(uid, expected++);
			now = status_of(f, ann);
			assert_true(now.modseq > before.modseq);
			assert_int_equal(now.uidnext, expected);
			before = now;
		}
		newest = uid;
		assert_err(expunge(f, ann, &newest, 1), ERR_OK); /* the one whose UID could come back */
		now = status_of(f, ann);
		assert_true(now.modseq > before.modseq);
		assert_int_equal(now.uidnext, expected);
		before = now;
		if (round == 1)
			reopen(f);
		now = status_of(f, ann);
		assert_int_equal(now.uidvalidity, before.uidvalidity);
		assert_int_equal(now.uidnext, before.uidnext);
		assert_int_equal(now.modseq, before.modseq);
	}
	assert_int_equal(count_rows(f, ann), 6);
}

/* The accounts uN@d.example, in one commit. */
static void make_accounts(struct fixture *f, uint64_t *ids, size_t count)
{
	struct commit_op *ops = calloc(count, sizeof *ops);

	assert_non_null(ops);
	for (size_t i = 0; i < count; i++) {
		char *name = arena_alloc(&f->arena, 32);
		snprintf(name, 32, "u%zu@d.example", i);
		ops[i] = (struct commit_op){ .kind = COMMIT_DIRECTORY,
			                     .directory = { .kind = DIRECTORY_ACCOUNT_ADD,
			                                    .name = str_of(name) } };
	}
	submit(f, ops, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(ops[i].result.code, ERR_OK);
		ids[i] = ops[i].directory.account_id;
	}
	free(ops);
}

static void test_all_targets_or_none(void **state)
{
	static const size_t counts[] = { 1, 3, LIMIT_TARGETS };
	static uint64_t ids[LIMIT_TARGETS];
	static struct deliver_target targets[LIMIT_TARGETS + 1];
	struct fixture *f = *state;

	make_accounts(f, ids, LIMIT_TARGETS);
	for (size_t c = 0; c < COUNT_OF(counts); c++) {
		size_t count = counts[c];
		for (size_t i = 0; i < count; i++)
			targets[i] = to_inbox(ids[i], PREFIX);
		targets[count - 1].account_id = 99999;
		struct commit_op ops[2] = { delivery(f, STR("never\r\n"), targets, count) };
		submit(f, ops, 1);
		assert_int_equal(ops[0].result.code, ERR_MISSING);
		assert_int_equal(targets[count - 1].result.code, ERR_MISSING);
		targets[count - 1].account_id = ids[count - 1];
		ops[0] = delivery(f, STR("whole\r\n"), targets, count);
		submit(f, ops, 1);
		assert_int_equal(ops[0].result.code, ERR_OK);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(targets[i].uid, i == 0 ? c + 1 : i < 3 ? c : 1);
		if (c == 1)
			reopen(f);
	}
	for (size_t i = 0; i < LIMIT_TARGETS; i++) {
		assert_int_equal(status_of(f, ids[i]).messages, i == 0 ? 3 : i < 3 ? 2 : 1);
		check_message(f, ids[i], 1, PREFIX, STR("whole\r\n"));
	}
	targets[LIMIT_TARGETS] = to_inbox(ids[0], PREFIX);
	struct commit_op op = delivery(f, STR("one over\r\n"), targets, LIMIT_TARGETS + 1);
	submit(f, &op, 1);
	assert_int_equal(op.result.code, ERR_LIMIT);
	op = delivery(f, STR("nobody\r\n"), targets, 0);
	submit(f, &op, 1);
	assert_int_equal(op.result.code, ERR_LIMIT);
	assert_int_equal(status_of(f, ids[0]).messages, 3);
}

static uint64_t used(struct fixture *f, uint64_t account_id)
{
	const struct directory *d = directory_acquire(f->store);
	uint64_t n = atomic_load(&usage_of(d, account_id)->octets);

	directory_release(d);
	return n;
}

static void test_quota(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 1000), bob = make_account(f, "bob@d.example", 0);
	str exact = octets(f, 1000 - PREFIX.len), over = octets(f, 1001 - PREFIX.len);
	uint32_t uid = 0;

	assert_err(deliver(f, ann, over, NULL), ERR_QUOTA);
	assert_int_equal(used(f, ann), 0);
	assert_err(deliver(f, ann, exact, &uid), ERR_OK);
	assert_int_equal(used(f, ann), 1000);
	for (int round = 0; round < 2; round++) {
		assert_err(deliver(f, ann, STR("x"), NULL), ERR_QUOTA);
		reopen(f);
	}
	/* Whole deliveries are refused, and nobody's neighbour. */
	struct deliver_target both[] = { to_inbox(bob, PREFIX), to_inbox(ann, PREFIX) };
	struct deliver_target first = to_inbox(bob, PREFIX), last = to_inbox(bob, PREFIX);
	struct commit_op ops[] = { delivery(f, STR("1\r\n"), &first, 1), delivery(f, STR("2\r\n"), both, 2),
		                   delivery(f, STR("3\r\n"), &last, 1) };
	submit(f, ops, COUNT_OF(ops));
	assert_int_equal(ops[0].result.code, ERR_OK);
	assert_int_equal(ops[1].result.code, ERR_QUOTA);
	assert_int_equal(both[0].result.code, ERR_OK);
	assert_int_equal(both[1].result.code, ERR_QUOTA);
	assert_int_equal(ops[2].result.code, ERR_OK);
	assert_int_equal(count_rows(f, bob), 2);
	assert_int_equal(used(f, bob), 2 * (PREFIX.len + 3));
	check_message(f, bob, first.uid, PREFIX, STR("1\r\n"));
	check_message(f, bob, last.uid, PREFIX, STR("3\r\n"));
	/* What is expunged makes room. */
	assert_err(expunge(f, ann, &uid, 1), ERR_OK);
	assert_int_equal(used(f, ann), 0);
	/* The second of one batch sees the first. */
	struct deliver_target halves[] = { to_inbox(ann, PREFIX), to_inbox(ann, PREFIX) };
	struct commit_op two[] = { delivery(f, octets(f, 600), &halves[0], 1),
		                   delivery(f, octets(f, 600), &halves[1], 1) };
	submit(f, two, 2);
	assert_int_equal(two[0].result.code, ERR_OK);
	assert_int_equal(two[1].result.code, ERR_QUOTA);
	reopen(f);
	assert_int_equal(used(f, ann), 600 + PREFIX.len);
	assert_int_equal(count_rows(f, ann), 1);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0);
	const struct {
		struct deliver_target target;
		err_code expected;
	} cases[] = {
		{ { .account_id = 99999, .mailbox_id = MAILBOX_INBOX }, ERR_MISSING },
		{ { .account_id = ann, .mailbox_id = 77 }, ERR_MISSING },
		{ to_inbox(ann, octets(f, LIMIT_PREFIX + 1)), ERR_LIMIT },
		{ to_inbox(ann, octets(f, LIMIT_PREFIX)), ERR_OK },
		{ to_inbox(ann, STR("")), ERR_OK },
	};
	uint32_t delivered = 0, uid = 1;
	struct mailbox_status s;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct deliver_target target = cases[i].target;
		struct commit_op op = delivery(f, STR("x\r\n"), &target, 1);
		submit(f, &op, 1);
		assert_int_equal(op.result.code, cases[i].expected);
		assert_int_equal(target.result.code, cases[i].expected);
		if (cases[i].expected == ERR_OK)
			check_message(f, ann, ++delivered, target.prefix, STR("x\r\n"));
		reopen(f);
		assert_int_equal(status_of(f, ann).uidnext, delivered + 1);
		assert_int_equal(count_rows(f, ann), delivered);
	}
	struct commit_op op = removal(99999, &uid, 1);
	submit(f, &op, 1);
	assert_int_equal(op.result.code, ERR_MISSING);
	assert_err(mailbox_get_status(f->store, ann, 77, &s), ERR_MISSING);
}

static void test_each_operation_has_its_own_result(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0);
	uint32_t uid;

	assert_err(deliver(f, ann, STR("goes\r\n"), &uid), ERR_OK);
	struct deliver_target good = to_inbox(ann, PREFIX), bad = to_inbox(99999, PREFIX);
	struct directory_change add = { .kind = DIRECTORY_ACCOUNT_ADD, .name = STR("bob@d.example") };
	struct commit_op ops[] = {
		delivery(f, STR("bad\r\n"), &bad, 1),
		{ .kind = COMMIT_DIRECTORY, .directory = add },
		removal(ann, &uid, 1),
		{ .kind = COMMIT_DIRECTORY, .directory = add },
		delivery(f, STR("good\r\n"), &good, 1),
	};
	submit(f, ops, COUNT_OF(ops));
	static const err_code expected[] = { ERR_MISSING, ERR_OK, ERR_OK, ERR_EXISTS, ERR_OK };
	for (size_t i = 0; i < COUNT_OF(ops); i++)
		assert_int_equal(ops[i].result.code, expected[i]);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(count_rows(f, ann), 1);
		check_gone(f, ann, uid);
		check_message(f, ann, good.uid, PREFIX, STR("good\r\n"));
		assert_int_equal(status_of(f, ops[1].directory.account_id).messages, 0);
		reopen(f);
	}
}

/* What goes with the operation before it shares its failure, a whole row of them; what fails itself takes
 * nothing along. */
static void test_with_former(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0);
	struct deliver_target bad = to_inbox(99999, PREFIX), good[5];
	struct commit_op ops[6];
	static const err_code expected[] = { ERR_MISSING, ERR_MISSING, ERR_MISSING,
		                             ERR_OK,      ERR_OK,      ERR_MISSING };

	for (size_t i = 0; i < COUNT_OF(good); i++)
		good[i] = to_inbox(ann, PREFIX);
	ops[0] = delivery(f, STR("bad\r\n"), &bad, 1);
	for (size_t i = 1; i < 5; i++)
		ops[i] = delivery(f, STR("good\r\n"), &good[i], 1);
	ops[5] = delivery(f, STR("bad\r\n"), &bad, 1);
	ops[1].with_former = ops[2].with_former = ops[4].with_former = ops[5].with_former = true;
	submit(f, ops, COUNT_OF(ops));
	for (size_t i = 0; i < COUNT_OF(ops); i++)
		assert_int_equal(ops[i].result.code, expected[i]);
	assert_int_equal(count_rows(f, ann), 2);
	reopen(f);
	assert_int_equal(count_rows(f, ann), 2);
	check_message(f, ann, good[3].uid, PREFIX, STR("good\r\n"));
}

static void test_expunge_of_what_is_not_there(void **state)
{
	static const uint32_t uids[] = { 2, 5, 9, 4000000000 };
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0);

	assert_err(expunge(f, ann, uids, 4), ERR_OK);
	assert_err(expunge(f, ann, uids, 0), ERR_OK);
	fill(f, ann, 3);
	for (int round = 0; round < 2; round++) {
		assert_err(expunge(f, ann, uids, 4), ERR_OK);
		assert_int_equal(count_rows(f, ann), 2);
		assert_int_equal(status_of(f, ann).messages, 2);
		assert_int_equal(used(f, ann), 2 * (PREFIX.len + 3));
		reopen(f);
	}
}

/* --- expunging many --- */

struct reader {
	struct store *store;
	uint64_t account_id;
	uint32_t kept; /* the first UID that stays */
	atomic_bool stop;
	atomic_size_t halves, before, after;
};

static void wait_until_seen(const atomic_size_t *times)
{
	for (int tries = 0; atomic_load(times) == 0 && tries < 30000; tries++)
		usleep(1000);
}

/* Expunged is a run from UID 1: of a page from the beginning, the first row and the number of rows tell. */
static void *read_along(void *user)
{
	struct mailbox_row *rows = calloc(LIMIT_READ_ROWS, sizeof *rows);
	struct reader *r = user;
	size_t n;

	while (rows && !atomic_load(&r->stop)) {
		err e = mailbox_read_rows(r->store, r->account_id, MAILBOX_INBOX, 0, rows, LIMIT_READ_ROWS,
		                          &n);
		if (e.code == ERR_OK && n == LIMIT_READ_ROWS && rows[0].uid == 1)
			r->before++;
		else if (e.code == ERR_OK && n == 100 && rows[0].uid == r->kept)
			r->after++;
		else
			r->halves++;
	}
	free(rows);
	return NULL;
}

static void expunge_many(struct fixture *f, const char *address, uint32_t count)
{
	static uint32_t uids[2 * LIMIT_BATCH_ROWS + 1];
	uint64_t account = make_account(f, address, 0);
	struct reader reader = { .store = f->store, .account_id = account, .kept = count + 1 };
	pthread_t thread;

	for (uint32_t i = 0; i < count; i++)
		uids[i] = i + 1;
	fill(f, account, count + 100);
	assert_int_equal(pthread_create(&thread, NULL, read_along, &reader), 0);
	wait_until_seen(&reader.before);
	err e = expunge(f, account, uids, count);
	/* At once, though the rows themselves may still be going. */
	size_t rows = count_rows(f, account);
	check_gone(f, account, count);
	wait_until_seen(&reader.after);
	atomic_store(&reader.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(e.code, ERR_OK);
	assert_int_equal(rows, 100);
	assert_int_equal(reader.halves, 0);
	assert_true(reader.before > 0);
	assert_true(reader.after > 0);
	reopen(f);
	assert_int_equal(count_rows(f, account), 100);
	assert_int_equal(status_of(f, account).uidnext, count + 101);
	check_message(f, account, count + 1, PREFIX, STR("x\r\n"));
}

static void test_expunge_many(void **state)
{
	struct fixture *f = *state;

	expunge_many(f, "ann@d.example", LIMIT_BATCH_ROWS);
	expunge_many(f, "bob@d.example", LIMIT_BATCH_ROWS + 1);
	expunge_many(f, "cat@d.example", 2 * LIMIT_BATCH_ROWS + 1);
}

static void test_account_remove(void **state)
{
	struct directory_change remove = { .kind = DIRECTORY_ACCOUNT_REMOVE, .name = STR("ann@d.example") };
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0), bob = make_account(f, "bob@d.example", 0), again;
	struct deliver_target both[] = { to_inbox(ann, PREFIX), to_inbox(bob, PREFIX) };
	struct commit_op shared = delivery(f, STR("shared\r\n"), both, 2);
	struct mailbox_status s;
	uint32_t uidvalidity;

	submit(f, &shared, 1);
	fill(f, ann, LIMIT_BATCH_ROWS + 10);
	uidvalidity = status_of(f, ann).uidvalidity;
	assert_err(change(f, remove, NULL), ERR_OK);
	again = make_account(f, "ann@d.example", 0);
	assert_true(again != ann);
	assert_true(status_of(f, again).uidvalidity > uidvalidity); /* in the same second, too */
	for (int round = 0; round < 2; round++) {
		assert_int_equal(count_rows(f, again), 0);
		assert_int_equal(used(f, again), 0);
		assert_int_equal(status_of(f, again).uidnext, 1);
		assert_err(mailbox_get_status(f->store, ann, MAILBOX_INBOX, &s), ERR_MISSING);
		assert_err(deliver(f, ann, STR("late\r\n"), NULL), ERR_MISSING);
		check_message(f, bob, both[1].uid, PREFIX, STR("shared\r\n"));
		assert_err(store_maintain(f->store), ERR_OK);
		reopen(f);
	}
	assert_err(deliver(f, again, STR("new\r\n"), &both[0].uid), ERR_OK);
	assert_int_equal(both[0].uid, 1);
}

/* --- contents --- */

/* In many mailboxes, taken out one by one: the content stays for the others whatever is collected meanwhile.
 */
static void share(struct fixture *f, const uint64_t *ids, size_t count, str content)
{
	struct deliver_target targets[5];

	assert_true(count <= COUNT_OF(targets));
	for (size_t i = 0; i < count; i++)
		targets[i] = to_inbox(ids[i], i % 2 ? STR("Odd: yes\r\n") : STR(""));
	struct commit_op op = delivery(f, content, targets, count);
	submit(f, &op, 1);
	assert_int_equal(op.result.code, ERR_OK);
	for (size_t gone = 1; gone <= count; gone++) {
		assert_err(expunge(f, ids[gone - 1], &targets[gone - 1].uid, 1), ERR_OK);
		usleep(3000); /* freed before now */
		assert_err(store_maintain(f->store), ERR_OK);
		if (gone % 2)
			reopen(f);
		check_gone(f, ids[gone - 1], targets[gone - 1].uid);
		for (size_t i = gone; i < count; i++)
			check_message(f, ids[i], targets[i].uid, targets[i].prefix, content);
	}
}

static void test_shared_contents(void **state)
{
	struct fixture *f = *state;
	uint64_t ids[5];

	make_accounts(f, ids, 5);
	share(f, ids, 5, octets(f, 1000));
	share(f, ids, 5, octets(f, 70000)); /* more than a segment */
	share(f, ids, 5, octets(f, LIMIT_RECORD_CONTENT + 1));
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 1,
		                        100,
		                        8000,
		                        8161,
		                        40000,
		                        LIMIT_RECORD_CONTENT - 1,
		                        LIMIT_RECORD_CONTENT,
		                        LIMIT_RECORD_CONTENT + 1,
		                        3000000 };
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0), total = 0;
	uint32_t uid;

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		str content = octets(f, sizes[i]);
		assert_err(deliver(f, ann, content, &uid), ERR_OK);
		assert_int_equal(uid, i + 1);
		check_message(f, ann, uid, PREFIX, content);
		reopen(f);
		check_message(f, ann, uid, PREFIX, content);
		total += sizes[i] + PREFIX.len;
		assert_int_equal(status_of(f, ann).octets, total);
		assert_int_equal(used(f, ann), total);
	}
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		check_message(f, ann, (uint32_t)i + 1, PREFIX, octets(f, sizes[i]));
}

/* --- many at once --- */

enum { THREADS = 4, EACH = 50 };

struct submitter {
	struct store *store;
	uint64_t account_id;
	struct deliver_target targets[EACH];
	struct commit_op ops[EACH];
	struct commit commits[EACH];
	atomic_size_t done;
};

static void count_done(struct commit *commit)
{
	struct submitter *s = commit->user;

	atomic_fetch_add(&s->done, 1);
}

static void *submit_all(void *user)
{
	struct submitter *s = user;

	for (size_t i = 0; i < EACH; i++)
		store_commit(s->store, &s->commits[i]);
	return NULL;
}

static void prepare(struct fixture *f, struct submitter *s, uint64_t account_id)
{
	for (size_t i = 0; i < EACH; i++) {
		s->targets[i] = to_inbox(account_id, PREFIX);
		s->ops[i] = delivery(f, octets(f, 1 + i), &s->targets[i], 1);
		s->commits[i] = (struct commit){
			.ops = &s->ops[i], .op_count = 1, .done = count_done, .user = s, .urgent = i % 2 == 0
		};
	}
	s->store = f->store;
}

static void test_many_submitters(void **state)
{
	static struct submitter submitters[THREADS];
	bool seen[THREADS * EACH + 1] = { false };
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0);
	pthread_t threads[THREADS];

	for (size_t t = 0; t < THREADS; t++)
		prepare(f, &submitters[t], ann);
	for (size_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, submit_all, &submitters[t]), 0);
	for (size_t t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	for (size_t t = 0; t < THREADS; t++)
		for (int patience = 0; atomic_load(&submitters[t].done) < EACH; patience++) {
			assert_true(patience < 60000);
			usleep(1000);
		}
	for (size_t t = 0; t < THREADS; t++)
		for (size_t i = 0; i < EACH; i++) {
			uint32_t uid = submitters[t].targets[i].uid;
			assert_int_equal(submitters[t].ops[i].result.code, ERR_OK);
			assert_in_range(uid, 1, THREADS * EACH);
			assert_false(seen[uid]);
			seen[uid] = true;
			check_message(f, ann, uid, PREFIX, octets(f, 1 + i));
			draft_free(submitters[t].ops[i].deliver.draft);
		}
	reopen(f);
	assert_int_equal(count_rows(f, ann), THREADS * EACH);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_uids_ascend_and_never_come_back),
		CASE(test_all_targets_or_none),
		CASE(test_quota),
		CASE(test_refused),
		CASE(test_each_operation_has_its_own_result),
		CASE(test_with_former),
		CASE(test_expunge_of_what_is_not_there),
		CASE(test_expunge_many),
		CASE(test_account_remove),
		CASE(test_shared_contents),
		CASE(test_sizes),
		CASE(test_many_submitters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
