/* bench/group_commit.c: what the disk allows a server that syncs before it answers: batches of B records,
 * written and synced, again and again, by the shortest program that does so. Three patterns:
 *
 *   one      one preallocated file: pwrite B records, fdatasync
 *   two      as a mail store with an index: the records into one file, 1/8 of that into a second, each
 *            synced, one after the other
 *   beside   the same, the first file's sync on a thread of its own while the second is written and before
 *            the second is synced
 *
 * Prints one JSON object. The files stay in DIRECTORY's own file system and are removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

enum {
	RECORD = 4096,
	INDEX_SHARE =
		8, /* a row, its index entries and whole pages of them: about an eighth of 4 KB a message */
	FILE_SIZE = 64 * 1024 * 1024,
	BATCH_MAX = 256,
};

static const unsigned batches[] = { 1, 8, 32, 64, 256 };

enum pattern { ONE, TWO, BESIDE, PATTERNS };

static const char *const pattern_names[PATTERNS] = { "one", "two", "beside" };

/* A file written round and round, its blocks there from the start. */
struct file {
	int fd;
	off_t at;
};

struct disk {
	struct file records, index;
	char *octets;
	pthread_t syncer;
	sem_t wanted, done;
	bool ending; /* read by the syncer only after `wanted` */
};

static struct file open_file(const char *directory, const char *name, const char *octets)
{
	char path[4096];
	int len = snprintf(path, sizeof path, "%s/%s.%d", directory, name, (int)getpid());

	if (len < 0 || (size_t)len >= sizeof path)
		tool_die("%s: too long", directory);
	struct file f = { .fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600) };
	if (f.fd < 0)
		tool_die("%s: %s", path, strerror(errno));
	unlink(path);
	/* Written, not only allocated: a first write into an unwritten extent costs a journal commit. */
	for (off_t at = 0; at < FILE_SIZE; at += BATCH_MAX * RECORD)
		if (pwrite(f.fd, octets, (size_t)BATCH_MAX * RECORD, at) != BATCH_MAX * RECORD)
			tool_die("%s: %s", path, strerror(errno));
	if (fsync(f.fd) != 0)
		tool_die("%s: fsync: %s", path, strerror(errno));
	return f;
}

static void append(struct file *f, const char *octets, size_t len)
{
	if (f->at + (off_t)len > FILE_SIZE)
		f->at = 0;
	if (pwrite(f->fd, octets, len, f->at) != (ssize_t)len)
		tool_die("write: %s", strerror(errno));
	f->at += (off_t)len;
}

static void sync_file(const struct file *f)
{
	if (fdatasync(f->fd) != 0)
		tool_die("fdatasync: %s", strerror(errno));
}

static void *sync_beside(void *argument)
{
	struct disk *d = argument;

	for (;;) {
		sem_wait(&d->wanted);
		if (d->ending)
			return NULL;
		sync_file(&d->records);
		sem_post(&d->done);
	}
}

static void write_batch(struct disk *d, enum pattern pattern, unsigned batch)
{
	append(&d->records, d->octets, (size_t)batch * RECORD);
	if (pattern == BESIDE)
		sem_post(&d->wanted);
	else
		sync_file(&d->records);
	if (pattern == ONE)
		return;
	append(&d->index, d->octets, (size_t)batch * RECORD / INDEX_SHARE);
	if (pattern == BESIDE)
		sem_wait(&d->done);
	sync_file(&d->index);
}

static void measure(struct disk *d, enum pattern pattern, unsigned batch, double seconds)
{
	int64_t start_ns = tool_now_ns(), end_ns = start_ns + (int64_t)(seconds * 1e9), now_ns;
	uint64_t done = 0;

	do {
		write_batch(d, pattern, batch);
		done++;
		now_ns = tool_now_ns();
	} while (now_ns < end_ns);
	double took_s = (double)(now_ns - start_ns) / 1e9;
	printf("{\"pattern\":\"%s\",\"batch\":%u,\"batches_per_s\":%.1f,\"messages_per_s\":%.1f}",
	       pattern_names[pattern], batch, (double)done / took_s, (double)(done * batch) / took_s);
}

static void run(struct disk *d, double seconds)
{
	const size_t n = sizeof batches / sizeof batches[0];

	printf("{\"record\":%d,\"limits\":[", RECORD);
	for (unsigned p = 0; p < PATTERNS; p++)
		for (size_t i = 0; i < n; i++) {
			fputs(p + i > 0 ? "," : "", stdout);
			measure(d, (enum pattern)p, batches[i], seconds);
		}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "milliseconds", required_argument, NULL, 'm' },
		                                      { 0 } };
	struct disk d = { .octets = tool_alloc(BATCH_MAX, RECORD) };
	double seconds = 1;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option != 'm') {
			fputs("usage: group-commit DIRECTORY [--milliseconds EACH]\n", stderr);
			return 64;
		}
		seconds = (double)tool_number("--milliseconds", optarg, 1, 600000) / 1000;
	}
	if (optind != argc - 1) {
		fputs("usage: group-commit DIRECTORY [--milliseconds EACH]\n", stderr);
		return 64;
	}
	for (size_t i = 0; i < (size_t)BATCH_MAX * RECORD; i++)
		d.octets[i] =
			(char)(i * 2654435761U >> 13); /* nothing a clever disk could squeeze to zeroes */
	d.records = open_file(argv[optind], "records", d.octets);
	d.index = open_file(argv[optind], "index", d.octets);
	sem_init(&d.wanted, 0, 0);
	sem_init(&d.done, 0, 0);
	if (pthread_create(&d.syncer, NULL, sync_beside, &d) != 0)
		tool_die("no thread");
	run(&d, seconds);
	d.ending = true;
	sem_post(&d.wanted);
	pthread_join(d.syncer, NULL);
	close(d.records.fd);
	close(d.index.fd);
	free(d.octets);
	return 0;
}
