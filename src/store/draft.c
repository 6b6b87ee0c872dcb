#include "store/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "store/draft_internal.h"
#include "store/store_internal.h"

/* The first block is small because most messages are. */
enum { FIRST_BLOCK = 8 * LIMIT_KB - 32, NEXT_BLOCK = 32 * LIMIT_KB - 32, PATH_SIZE = 512 };

struct draft_block {
	struct draft_block *next;
	size_t size, used;
	char octets[];
};

struct draft {
	struct store *store;
	struct draft_block *first, *last;
	uint64_t size;     /* of all octets added */
	uint64_t gathered; /* of them in memory */
	uint64_t held;     /* room of the blocks, counted in the store */
	uint32_t crc;
	bool at_once; /* over the shared cap when it began: goes to the file from the first octet */
	bool finished, taken;
	file spool;
	char path[PATH_SIZE]; /* empty: no file */
};

err draft_new(struct store *store, struct draft **out)
{
	struct draft *d = calloc(1, sizeof *d);

	if (!d)
		return ERR_NO_MEMORY;
	d->store = store;
	d->spool = FILE_NONE;
	d->at_once = atomic_load(&store->drafts_octets) >= store->options.limits.messages_memory_octets;
	*out = d;
	return OK;
}

static err grow(struct draft *d)
{
	size_t size = d->first ? NEXT_BLOCK : FIRST_BLOCK;
	struct draft_block *b = malloc(sizeof *b + size);

	if (!b)
		return ERR_NO_MEMORY;
	*b = (struct draft_block){ .size = size };
	d->held += size;
	atomic_fetch_add(&d->store->drafts_octets, size);
	if (d->last)
		d->last->next = b;
	else
		d->first = b;
	d->last = b;
	return OK;
}

err draft_add(struct draft *d, str octets)
{
	assert(!d->finished);
	d->crc = crc32c(d->crc, octets);
	while (octets.len) {
		if (!d->last || d->last->used == d->last->size)
			TRY(grow(d));
		size_t n = d->last->size - d->last->used;
		if (n > octets.len)
			n = octets.len;
		memcpy(d->last->octets + d->last->used, octets.ptr, n);
		d->last->used += n;
		d->size += n;
		d->gathered += n;
		octets = str_from(octets, n);
	}
	return OK;
}

/* A little before the limit, so that a message that just fits a record is not sent to a file by one more
 * chunk. */
bool draft_must_write(const struct draft *d)
{
	return d->gathered > LIMIT_RECORD_CONTENT || (d->gathered && d->at_once) ||
	       (draft_is_file(d) && d->gathered >= LIMIT_RECORD_CONTENT / 2);
}

static void forget_blocks(struct draft *d)
{
	while (d->first) {
		struct draft_block *b = d->first;
		d->first = b->next;
		free(b);
	}
	d->last = NULL;
	d->gathered = 0;
	atomic_fetch_sub(&d->store->drafts_octets, d->held);
	d->held = 0;
}

static err open_spool(struct draft *d)
{
	int n = snprintf(d->path, sizeof d->path, STR_FMT "/%" PRIu64, STR_ARG(d->store->spool),
	                 atomic_fetch_add(&d->store->draft_number, 1));

	if (n < 0 || (size_t)n >= sizeof d->path) {
		d->path[0] = '\0';
		return (err){ ERR_LIMIT, 0, "the data directory's path is too long" };
	}
	d->spool = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (d->spool < 0) {
		int why = errno;
		d->path[0] = '\0';
		return err_errno(NULL, why, "making a spool file");
	}
	return OK;
}

/* A spool that is gone or read-only is no fault of the message's: ERR_MISSING and ERR_DENIED would be told
 * so. */
static err of_the_disk(err e)
{
	if (e.code == ERR_OK || e.code == ERR_NOSPACE)
		return e;
	return (err){ ERR_IO, e.at, e.what };
}

static err write_gathered(struct draft *d)
{
	uint64_t offset = d->size - d->gathered;

	if (d->gathered == 0)
		return OK;
	if (d->spool == FILE_NONE)
		TRY(open_spool(d));
	for (struct draft_block *b = d->first; b; b = b->next) {
		struct iovec part = { b->octets, b->used };
		TRY(file_write_at(d->spool, &part, b->used ? 1 : 0, offset));
		offset += b->used;
	}
	forget_blocks(d);
	return OK;
}

err draft_write(struct draft *d) { return of_the_disk(write_gathered(d)); }

bool draft_finish(struct draft *d)
{
	d->finished = true;
	return draft_is_file(d) || draft_must_write(d);
}

err draft_sync(struct draft *d)
{
	TRY(draft_write(d));
	if (fdatasync(d->spool) == 0)
		return OK;
	return of_the_disk(err_errno(NULL, errno, "syncing a spool file"));
}

uint64_t draft_size(const struct draft *d) { return d->size; }

bool draft_next_run(const struct draft *d, const void **at, str *run)
{
	const struct draft_block *b = *at ? ((const struct draft_block *)*at)->next : d->first;

	if (!b)
		return false;
	*at = b;
	*run = (str){ b->octets, b->used };
	return true;
}

void draft_free(struct draft *d)
{
	if (!d)
		return;
	forget_blocks(d);
	if (d->path[0] && !d->taken)
		unlink(d->path);
	file_close(&d->spool);
	free(d);
}

bool draft_is_file(const struct draft *d) { return d->path[0] != '\0'; }

uint32_t draft_crc(const struct draft *d) { return d->crc; }

const char *draft_path(const struct draft *d) { return d->path; }

void draft_taken(struct draft *d) { d->taken = true; }
