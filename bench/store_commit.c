/* What the committer costs: deliveries submitted in-process, WIDTH at a time, into ACCOUNTS mailboxes; prints
 * messages a second and CPU of each thread a message. Usage: store-commit DIR [messages] [width] [accounts]
 * [size] */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/commit.h"
#include "store/draft.h"
#include "store/mailbox.h"
#include "store/store.h"

static struct store *store;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;

struct flight {
	struct commit commit;
	struct commit_op op;
	struct deliver_target target;
	struct flight *next;
};

static struct flight *spare;
static size_t busy;

static void done(struct commit *commit)
{
	struct flight *f = commit->user;

	if (f->op.result.code != ERR_OK) {
		fprintf(stderr, "failed: %s\n", f->op.result.what);
		exit(1);
	}
	draft_free(f->op.deliver.draft);
	pthread_mutex_lock(&lock);
	f->next = spare;
	spare = f;
	busy--;
	pthread_cond_signal(&freed);
	pthread_mutex_unlock(&lock);
}

static struct flight *take(void)
{
	pthread_mutex_lock(&lock);
	while (!spare)
		pthread_cond_wait(&freed, &lock);
	struct flight *f = spare;
	spare = f->next;
	busy++;
	pthread_mutex_unlock(&lock);
	return f;
}

static void make_accounts(size_t accounts)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY,
		                .directory = { .kind = DIRECTORY_DOMAIN_ADD, .name = STR("bench.example") } };
	struct commit commit = { .ops = &op, .op_count = 1 };

	store_commit_wait(store, &commit);
	for (size_t i = 0; i < accounts; i++) {
		char name[64];
		snprintf(name, sizeof name, "user%zu@bench.example", i);
		op.directory =
			(struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD, .name = str_of(name) };
		store_commit_wait(store, &commit);
	}
}

static void submit(uint64_t account, str content, str summary)
{
	struct flight *f = take();
	struct draft *draft;

	if (draft_new(store, &draft).code != ERR_OK || draft_add(draft, content).code != ERR_OK)
		exit(1);
	draft_finish(draft);
	f->target = (struct deliver_target){
		.account_id = account,
		.mailbox_id = MAILBOX_INBOX,
		.prefix = STR("Return-Path: <sender@example.com>\r\nDelivered-To: user@bench.example\r\n"),
	};
	f->op = (struct commit_op){ .kind = COMMIT_DELIVER,
		                    .deliver = { .draft = draft,
		                                 .id = STR("01ABCDEFGH"),
		                                 .reverse_path = STR("sender@example.com"),
		                                 .summary = summary,
		                                 .received_ms = clock_now(),
		                                 .targets = &f->target,
		                                 .target_count = 1 } };
	f->commit = (struct commit){ .ops = &f->op, .op_count = 1, .urgent = true, .done = done, .user = f };
	store_commit(store, &f->commit);
}

static void print_threads(size_t messages)
{
	DIR *d = opendir("/proc/self/task");
	long hz = sysconf(_SC_CLK_TCK);

	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		char path[300], comm[64];
		unsigned long user, system;
		snprintf(path, sizeof path, "/proc/self/task/%s/stat", e->d_name);
		FILE *f = fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%*d (%63[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", comm,
		           &user, &system) == 3)
			printf("  %-14s %6.1f us user %6.1f us system a message\n", comm,
			       (double)user / (double)hz * 1e6 / (double)messages,
			       (double)system / (double)hz * 1e6 / (double)messages);
		fclose(f);
	}
	closedir(d);
}

static char *make_octets(size_t size)
{
	char *octets = malloc(size);

	if (!octets)
		exit(1);
	return memset(octets, 'x', size);
}

int main(int argc, char **argv)
{
	size_t messages = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
	size_t width = argc > 3 ? strtoul(argv[3], NULL, 10) : 64;
	size_t accounts = argc > 4 ? strtoul(argv[4], NULL, 10) : 1000;
	size_t size = argc > 5 ? strtoul(argv[5], NULL, 10) : 4096;
	struct arena arena;
	arena_init(&arena, NULL, LIMIT_MB);
	struct store_options options = { .directory = str_of(argc > 1 ? argv[1] : "/tmp/store-commit"),
		                         .limits = limits_default() };
	err e = store_open(&arena, &options, &store);
	if (e.code != ERR_OK) {
		fprintf(stderr, "%s\n", e.what);
		return 1;
	}
	make_accounts(accounts);
	char *content = make_octets(size), *summary = make_octets(1000);
	for (size_t i = 0; i < width; i++) {
		struct flight *f = calloc(1, sizeof *f);
		f->next = spare;
		spare = f;
	}
	int64_t begin = clock_tick_ns();
	for (size_t i = 0; i < messages; i++)
		submit(1 + i * 7919 % accounts, (str){ content, size }, (str){ summary, 1000 });
	pthread_mutex_lock(&lock);
	while (busy)
		pthread_cond_wait(&freed, &lock);
	pthread_mutex_unlock(&lock);
	double seconds = (double)(clock_tick_ns() - begin) / 1e9;
	struct store_status s;
	store_get_status(store, &s);
	printf("%zu messages, %.0f/s, %.1f a batch, WAL %lu octets\n", messages, (double)messages / seconds,
	       (double)s.commits / (double)s.batches, s.wal_octets);
	print_threads(messages);
	store_close(store);
	free(content);
	free(summary);
	return 0;
}
