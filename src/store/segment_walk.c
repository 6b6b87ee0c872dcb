#include "store/segment_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"

enum { STEP = 8, LOOK = 64 * 1024 };

void segment_walk_end(struct segment_walk *w)
{
	free(w->octets);
	w->octets = NULL;
}

static err room_for(struct segment_walk *w, size_t size)
{
	if (size <= w->room)
		return OK;
	char *more = realloc(w->octets, size);
	if (!more)
		return ERR_NO_MEMORY;
	w->octets = more;
	w->room = size;
	return OK;
}

static err head_at(const struct segment_walk *w, uint64_t at, struct record_head *head)
{
	char octets[RECORD_HEAD_SIZE];

	if (at > w->size || w->size - at < RECORD_HEAD_SIZE)
		return (err){ ERR_CORRUPT, 0, "the segment ends" };
	TRY(file_read_at(w->fd, octets, sizeof octets, at));
	TRY(record_head_parse((str){ octets, sizeof octets }, head));
	return record_size(head) <= w->size - at ? OK
	                                         : (err){ ERR_CORRUPT, 0, "the segment ends in a record" };
}

static err record_at(struct segment_walk *w, uint64_t at, struct record_head *head, str *front)
{
	struct record_head h;

	TRY(head_at(w, at, &h));
	size_t size = (size_t)record_content_at(&h);
	TRY(room_for(w, size));
	TRY(file_read_at(w->fd, w->octets, size, at));
	if (!record_front_check(&h, (str){ w->octets, size }))
		return (err){ ERR_CORRUPT, 0, "the checksum of head, intent and summary does not hold" };
	*head = h;
	*front = (str){ w->octets, size };
	return OK;
}

err segment_walk_begin(struct segment_walk *w, file fd, uint64_t mark)
{
	struct record_head first;
	struct stat st;
	str front;

	if (fstat(fd, &st) < 0)
		return err_errno(NULL, errno, "looking at a segment");
	*w = (struct segment_walk){ .fd = fd, .size = (uint64_t)st.st_size, .mark = mark };
	err e = record_at(w, 0, &first, &front);
	if (e.code == ERR_OK && first.mark)
		w->mark = first.mark; /* nobody but us writes at the beginning */
	return e.code == ERR_NOSPACE ? e : OK;
}

err segments_find_mark(struct segments *segments, const uint64_t *numbers, size_t count, uint64_t *mark)
{
	*mark = 0;
	for (size_t i = 0; i < count && *mark == 0; i++) {
		struct segment_walk w;
		struct segment *segment;

		if (segment_acquire(segments, numbers[i], &segment).code != ERR_OK)
			continue;
		err e = segment_walk_begin(&w, segment_fd(segment), 0);
		*mark = e.code == ERR_OK ? w.mark : 0;
		segment_walk_end(&w);
		segment_release(segment);
		if (e.code == ERR_NOSPACE)
			return e;
	}
	return OK;
}

static bool is_ours(struct segment_walk *w, uint64_t at, struct record_head *head, str *front)
{
	return record_at(w, at, head, front).code == ERR_OK && (w->mark == 0 || head->mark == w->mark);
}

/* The first place from `from` on where the magic stands, or size; *zeros: nothing else stood before it. */
static err find_magic(struct segment_walk *w, uint64_t from, uint64_t *at, bool *zeros)
{
	TRY(room_for(w, LOOK));
	for (uint64_t block = from; block < w->size;) {
		size_t n = w->size - block < LOOK ? (size_t)(w->size - block) : LOOK;
		err e = file_read_at(w->fd, w->octets, n, block);
		if (e.code != ERR_OK)
			memset(w->octets, 1, n); /* not to be read: no record, no zeros */
		for (size_t i = 0; i < n; i += STEP) {
			if (n - i >= 4 && memcmp(w->octets + i, "PRec", 4) == 0) {
				*at = block + i;
				return OK;
			}
			if (memcmp(w->octets + i, "\0\0\0\0\0\0\0", n - i < STEP ? n - i : STEP) != 0)
				*zeros = false;
		}
		block += n;
	}
	*at = w->size;
	return OK;
}

/* From a place without a readable record to the next one. */
static err find_next(struct segment_walk *w, uint64_t *at, struct record_head *head, str *front, bool *found)
{
	struct record_head h;
	uint64_t from = *at, next;
	bool zeros = true;

	if (head_at(w, from, &h).code == ERR_OK) {
		next = from + record_size(&h);
		if (next == w->size || is_ours(w, next, head, front)) {
			w->gaps++;
			*found = next != w->size;
			*at = next;
			return OK;
		}
	}
	for (next = from;; next += STEP) {
		TRY(find_magic(w, next, &next, &zeros));
		*found = next < w->size && is_ours(w, next, head, front);
		if (*found || next >= w->size)
			break;
		zeros = false;
	}
	if (*found || !zeros)
		w->gaps++;
	*at = *found ? next : from;
	return OK;
}

err segment_walk_next(struct segment_walk *w, uint64_t *offset, struct record_head *head, str *front,
                      bool *found)
{
	uint64_t at = w->at;

	*found = false;
	if (at >= w->size)
		return OK;
	err e = record_at(w, at, head, front);
	if (e.code == ERR_NOSPACE)
		return e;
	*found = e.code == ERR_OK;
	if (!*found)
		TRY(find_next(w, &at, head, front, found));
	if (*found) {
		*offset = at;
		at += record_size(head);
	}
	w->at = at;
	return OK;
}
