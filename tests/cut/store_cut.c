/* The program of tests/test_power_cut.py: works on a store by its public interface alone.
 *
 * store_cut write DIR < COMMANDS   does what it is told and says on a socket (to itself: for the recorder)
 *                                  what it tries and what it was promised
 * store_cut dump DIR               opens what a power cut left, takes one more message, lists everything
 *
 * Commands, a line each; the deliveries between two barriers are committed together or in any order:
 *   D SEQ SIZE ACCOUNT...    deliver the SIZE octets that follow to these accounts (0, 1, 2), or put them
 *                            into the queue for a remote recipient (3)
 *   X ACCOUNT SEQ...         expunge, once they are delivered; of 3: they were sent
 *   M                        checkpoint and compact
 *   R                        close and open again
 *   W                        wait for all that is under way
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/commit.h"
#include "store/directory.h"
#include "store/draft.h"
#include "store/mailbox.h"
#include "store/store.h"

enum { ACCOUNTS = 3, QUEUE = ACCOUNTS, PLACES, SEQS = 100000, LINE = 4096, LISTED = 256 };

static const char *const account_names[ACCOUNTS] = { "ann@cut.example", "bob@cut.example",
	                                             "cat@cut.example" };

struct driver {
	str directory;
	struct arena arena;
	struct store *store;
	int lock;
	int say, hear; /* a socket pair: what is sent is recorded, what is heard is thrown away */
	uint64_t account_ids[ACCOUNTS];
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned under_way;
	uint32_t uids[SEQS][ACCOUNTS];
	uint64_t queue_ids[SEQS];
	bool done[SEQS];
};

/* One command under way: everything its commit points to. */
struct task {
	struct commit commit; /* first: done() gets it */
	struct commit_op op;
	struct driver *driver;
	struct draft *draft;
	struct deliver_target targets[ACCOUNTS];
	unsigned accounts[ACCOUNTS];
	struct queue_target recipient;
	unsigned seq;
	uint32_t uids[LISTED];
	struct attempt attempts[LISTED];
	char id[32];
	char text[LINE]; /* what is said when it is promised */
};

static void fail(const char *what, err e)
{
	fprintf(stderr, "store_cut: %s: %s (%u, %u)\n", what, e.what == NULL ? "" : e.what, (unsigned)e.code,
	        e.at);
	exit(1);
}

static void must(const char *what, err e)
{
	if (e.code != ERR_OK)
		fail(what, e);
}

static void say(struct driver *d, const char *text)
{
	char heard[LINE];

	if (send(d->say, text, strlen(text), 0) != (ssize_t)strlen(text))
		fail("say", (err){ ERR_IO, (uint32_t)errno, "send" });
	while (recv(d->hear, heard, sizeof heard, MSG_DONTWAIT) > 0) {
	}
}

static void open_store(struct driver *d)
{
	struct store_options options = {
		.directory = d->directory,
		.limits = limits_default(),
		.without_maintenance = true,
	};

	/* Small segments, collected at once: compaction is in every recording. */
	options.limits.deleted_hours = 0;
	options.limits.segment_octets = 64 * LIMIT_KB;
	must("lock", store_lock(&d->arena, d->directory, 5000, &d->lock));
	must("open", store_open(&d->arena, &options, &d->store));
}

static void close_store(struct driver *d)
{
	store_close(d->store);
	close(d->lock);
	d->store = NULL;
}

static err change_directory(struct driver *d, struct directory_change change)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY, .directory = change };
	struct commit commit = { .arena = &d->arena, .ops = &op, .op_count = 1 };

	store_commit_wait(d->store, &commit);
	return op.result;
}

static void find_accounts(struct driver *d)
{
	const struct directory *directory = directory_acquire(d->store);

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		const struct account *account;
		d->account_ids[i] = 0;
		if (directory_find_account(directory, str_of(account_names[i]), &account) == DIRECTORY_FOUND)
			d->account_ids[i] = account->account_id;
	}
	directory_release(directory);
}

static void make_accounts(struct driver *d)
{
	char text[LINE];

	must("domain", change_directory(d, (struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD,
	                                                              .name = STR("cut.example") }));
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		must("account",
		     change_directory(d, (struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD,
		                                                    .name = str_of(account_names[i]) }));
		snprintf(text, sizeof text, "account %s\n", account_names[i]);
		say(d, text);
	}
	find_accounts(d);
}

/* Waits until nothing is under way, or until `seq` is delivered where that is not 0. */
static void wait_for(struct driver *d, unsigned seq)
{
	pthread_mutex_lock(&d->mutex);
	while (seq == 0 ? d->under_way > 0 : !d->done[seq])
		pthread_cond_wait(&d->changed, &d->mutex);
	pthread_mutex_unlock(&d->mutex);
}

static void finished(struct commit *commit)
{
	struct task *t = (struct task *)commit;
	struct driver *d = t->driver;

	must(t->text, t->op.result);
	say(d, t->text);
	pthread_mutex_lock(&d->mutex);
	if (t->op.kind == COMMIT_DELIVER) {
		for (size_t i = 0; i < t->op.deliver.target_count; i++)
			d->uids[t->seq][t->accounts[i]] = t->targets[i].uid;
		d->queue_ids[t->seq] = t->recipient.queue_id;
		d->done[t->seq] = true;
	}
	d->under_way--;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->mutex);
	draft_free(t->draft);
	free(t);
}

static struct task *task_new(struct driver *d, enum commit_kind kind)
{
	struct task *t = calloc(1, sizeof *t);

	if (t == NULL)
		fail("task", ERR_NO_MEMORY);
	t->driver = d;
	t->op.kind = kind;
	t->commit = (struct commit){
		.done = finished, .ops = &t->op, .op_count = 1, .urgent = kind == COMMIT_DELIVER
	};
	return t;
}

static void submit(struct task *t)
{
	pthread_mutex_lock(&t->driver->mutex);
	t->driver->under_way++;
	pthread_mutex_unlock(&t->driver->mutex);
	store_commit(t->driver->store, &t->commit);
}

static struct draft *read_draft(struct driver *d, size_t size)
{
	struct draft *draft;
	char octets[8192];

	must("draft", draft_new(d->store, &draft));
	while (size > 0) {
		size_t n = fread(octets, 1, size < sizeof octets ? size : sizeof octets, stdin);
		if (n == 0)
			fail("commands", (err){ ERR_IO, 0, "end in a message" });
		must("draft", draft_add(draft, (str){ octets, n }));
		if (draft_must_write(draft))
			must("draft", draft_write(draft));
		size -= n;
	}
	if (draft_finish(draft))
		must("draft", draft_sync(draft));
	return draft;
}

/* The numbers of a command's line, as many as there is room for. */
static size_t numbers(const char *line, unsigned long *out, size_t room)
{
	size_t n = 0;
	char *end;

	for (const char *p = line; n < room; p = end) {
		out[n] = strtoul(p, &end, 10);
		if (end == p)
			break;
		n++;
	}
	return n;
}

/* "VERB 7 1,2\n": a number and the list after it, as the test reads it. */
static void describe(char *text, const char *verb, const unsigned long *n, size_t list_from, size_t count)
{
	int at = snprintf(text, LINE, "%s %lu", verb, n[0]);

	for (size_t i = list_from; i < count; i++)
		at += snprintf(text + at, (size_t)(LINE - at), "%c%lu", i == list_from ? ' ' : ',', n[i]);
	snprintf(text + at, (size_t)(LINE - at), "\n");
}

static void add_place(struct task *t, unsigned place)
{
	struct deliver *o = &t->op.deliver;

	if (place == QUEUE) {
		t->recipient = (struct queue_target){ .forward_path = STR("out@far.example"),
			                              .domain = STR("far.example") };
		o->queue = &t->recipient;
		o->queue_count = 1;
		return;
	}
	t->accounts[o->target_count] = place;
	t->targets[o->target_count++] =
		(struct deliver_target){ .account_id = t->driver->account_ids[place],
		                         .mailbox_id = MAILBOX_INBOX,
		                         .prefix = STR("Delivered-To: somebody\r\n") };
}

static void command_deliver(struct driver *d, const char *line)
{
	unsigned long n[2 + PLACES];
	size_t count = numbers(line, n, 2 + PLACES);
	struct task *t = task_new(d, COMMIT_DELIVER);

	t->seq = (unsigned)n[0];
	t->draft = read_draft(d, n[1]);
	snprintf(t->id, sizeof t->id, "cut%u", t->seq);
	t->op.deliver = (struct deliver){ .draft = t->draft,
		                          .id = str_of(t->id),
		                          .reverse_path = STR("load@far.example"),
		                          .summary = STR("summary"),
		                          .received_ms = 1700000000000,
		                          .targets = t->targets };
	for (size_t i = 2; i < count; i++)
		add_place(t, (unsigned)n[i]);
	describe(t->text, "try", n, 2, count);
	say(d, t->text);
	describe(t->text, "ok", n, 2, count);
	submit(t);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void plan_expunge(struct task *t, const unsigned long *n, size_t count)
{
	for (size_t i = 1; i < count; i++)
		t->uids[i - 1] = t->driver->uids[n[i]][n[0]];
	qsort(t->uids, count - 1, sizeof t->uids[0], by_number);
	t->op.expunge = (struct expunge){ .account_id = t->driver->account_ids[n[0]],
		                          .mailbox_id = MAILBOX_INBOX,
		                          .uids = t->uids,
		                          .uid_count = count - 1 };
}

static void plan_sent(struct task *t, const unsigned long *n, size_t count)
{
	for (size_t i = 1; i < count; i++)
		t->attempts[i - 1] =
			(struct attempt){ .queue_id = t->driver->queue_ids[n[i]], .kind = ATTEMPT_DONE };
	t->op.attempts = (struct attempts){ .items = t->attempts, .count = count - 1 };
}

static void command_expunge(struct driver *d, const char *line)
{
	unsigned long n[1 + LISTED];
	size_t count = numbers(line, n, 1 + LISTED);
	struct task *t = task_new(d, n[0] == QUEUE ? COMMIT_ATTEMPT : COMMIT_EXPUNGE);

	for (size_t i = 1; i < count; i++)
		wait_for(d, (unsigned)n[i]);
	if (n[0] == QUEUE)
		plan_sent(t, n, count);
	else
		plan_expunge(t, n, count);
	describe(t->text, "expunge", n, 1, count);
	say(d, t->text);
	describe(t->text, "gone", n, 1, count);
	submit(t);
}

static void command(struct driver *d, const char *line)
{
	switch (line[0]) {
	case 'D':
		command_deliver(d, line + 1);
		break;
	case 'X':
		command_expunge(d, line + 1);
		break;
	case 'M':
		must("maintain", store_maintain(d->store));
		break;
	case 'R':
		wait_for(d, 0);
		close_store(d);
		open_store(d);
		break;
	case 'W':
		wait_for(d, 0);
		break;
	default:
		fail(line, (err){ ERR_SYNTAX, 0, "no such command" });
	}
}

static void write_all(struct driver *d)
{
	char line[LINE];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		fail("socketpair", (err){ ERR_IO, (uint32_t)errno, "socketpair" });
	d->say = pair[0];
	d->hear = pair[1];
	open_store(d);
	make_accounts(d);
	while (fgets(line, sizeof line, stdin) != NULL)
		command(d, line);
	wait_for(d, 0);
	close_store(d);
}

static void dump_content(int fd, uint64_t offset, uint64_t size)
{
	char octets[65536];

	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < sizeof octets ? (size_t)(size - at) : sizeof octets;
		ssize_t got = pread(fd, octets, n, (off_t)(offset + at));
		if (got <= 0)
			fail("content", (err){ ERR_IO, (uint32_t)errno, "is short" });
		fwrite(octets, 1, (size_t)got, stdout);
		at += (uint64_t)got;
	}
}

static void dump_message(struct driver *d, const struct account *account, uint32_t uid)
{
	struct message m;
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_MB);
	must("message", message_open(d->store, &arena, account->account_id, MAILBOX_INBOX, uid, &m));
	printf("message " STR_FMT " %u %zu\n", STR_ARG(account->address), uid, m.prefix.len + (size_t)m.size);
	fwrite(m.prefix.ptr, 1, m.prefix.len, stdout);
	dump_content(m.fd, m.offset, m.size);
	message_close(&m);
	arena_reset(&arena);
}

static void dump_queued(struct driver *d, uint64_t queue_id)
{
	struct queue_message m;
	struct queue_recipient r;
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_MB);
	must("recipient", queue_open(d->store, &arena, &queue_id, 1, &m, &r));
	if (r.gone || !str_eq(r.forward_path, STR("out@far.example")))
		fail("recipient", (err){ ERR_CORRUPT, 0, "is not who it was" });
	printf("message queue %llu %zu\n", (unsigned long long)queue_id, (size_t)m.size);
	dump_content(m.fd, m.offset, m.size);
	queue_close(&m);
	arena_reset(&arena);
}

static void dump_queue(struct driver *d)
{
	struct queue_row rows[LISTED];
	struct arena arena;
	uint64_t after = 0;
	size_t count;

	do {
		arena_init(&arena, NULL, LIMIT_MB);
		must("queue", queue_read_all(d->store, &arena, after, rows, LISTED, &count));
		for (size_t i = 0; i < count; i++)
			dump_queued(d, after = rows[i].queue_id);
		arena_reset(&arena);
	} while (count > 0);
}

static void dump_account(struct driver *d, const struct account *account)
{
	struct mailbox_row rows[LISTED];
	uint32_t after = 0;
	size_t count;

	printf("account " STR_FMT "\n", STR_ARG(account->address));
	do {
		must("rows", mailbox_read_rows(d->store, account->account_id, MAILBOX_INBOX, after, rows,
		                               LISTED, &count));
		for (size_t i = 0; i < count; i++)
			dump_message(d, account, after = rows[i].uid);
	} while (count > 0);
}

/* A store that can be read but takes nothing more has not recovered. */
static void deliver_one_more(struct driver *d, uint64_t account_id)
{
	struct deliver_target target = { .account_id = account_id, .mailbox_id = MAILBOX_INBOX };
	struct commit_op op = { .kind = COMMIT_DELIVER };
	struct commit commit = { .arena = &d->arena, .ops = &op, .op_count = 1 };
	struct draft *draft;

	must("draft", draft_new(d->store, &draft));
	must("draft", draft_add(draft, STR("X-Crash-Seq: 0\r\n\r\none more\r\n")));
	(void)draft_finish(draft);
	op.deliver = (struct deliver){ .draft = draft,
		                       .id = STR("more"),
		                       .summary = STR("summary"),
		                       .received_ms = 1700000000000,
		                       .targets = &target,
		                       .target_count = 1 };
	store_commit_wait(d->store, &commit);
	must("one more", op.result);
	draft_free(draft);
}

static void dump(struct driver *d)
{
	struct store_status status;
	size_t count;

	open_store(d);
	const struct directory *directory = directory_acquire(d->store);
	const struct account *const *accounts = directory_accounts(directory, &count);
	for (size_t i = 0; i < count; i++) {
		deliver_one_more(d, accounts[i]->account_id);
		dump_account(d, accounts[i]);
	}
	directory_release(directory);
	dump_queue(d);
	store_get_status(d->store, &status);
	printf("damaged %llu\n", (unsigned long long)status.damaged);
	close_store(d);
}

int main(int argc, char **argv)
{
	static struct driver driver = { .mutex = PTHREAD_MUTEX_INITIALIZER,
		                        .changed = PTHREAD_COND_INITIALIZER };

	if (argc != 3) {
		fputs("usage: store_cut write|dump DIR\n", stderr);
		return 64;
	}
	driver.directory = str_of(argv[2]);
	arena_init(&driver.arena, NULL, 64 * LIMIT_MB);
	if (strcmp(argv[1], "write") == 0)
		write_all(&driver);
	else
		dump(&driver);
	arena_reset(&driver.arena);
	return fflush(stdout) == 0 ? 0 : 1;
}
