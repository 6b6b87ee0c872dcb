/* Rows of content against records and files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/limits.h"
#include "store/batch.h"
#include "store/verify_internal.h"

enum { BLOCK = 256 * 1024, PATH_SIZE = 4096, TRIES = 3 };

struct content_row {
	uint64_t content_id, segment, offset, content_at, size, flags, refs;
};

/* Damage: kind and sentence; kind NULL where there is none. */
struct finding {
	const char *kind, *what;
};

static err found(struct finding *f, const char *kind, const char *what)
{
	*f = (struct finding){ kind, what };
	return OK;
}

static bool room_for(struct verify *v, size_t size)
{
	if (size <= v->octets_room)
		return true;
	char *more = realloc(v->octets, size);
	if (!more)
		return false;
	v->octets = more;
	v->octets_room = size;
	return true;
}

/* A file that can't be read is damage; what says nothing about the file is a failure. */
static bool is_damage(err e) { return e.code == ERR_CORRUPT || e.code == ERR_IO; }

static err check_sum(struct verify *v, file fd, uint64_t at, const struct record_head *h, const char *kind,
                     struct finding *f)
{
	uint32_t crc = 0;

	if (!room_for(v, BLOCK))
		return ERR_NO_MEMORY;
	for (uint64_t done = 0; done < h->content_size;) {
		size_t n = h->content_size - done < BLOCK ? (size_t)(h->content_size - done) : BLOCK;
		err e = file_read_at(fd, v->octets, n, at + done);
		if (is_damage(e))
			return found(f, kind, e.what);
		TRY(e);
		crc = crc32c(crc, (str){ v->octets, n });
		done += n;
	}
	return crc == h->content_crc ? OK : found(f, kind, "the content's checksum does not hold");
}

static err check_file(struct verify *v, const struct record_head *h, struct finding *f)
{
	char path[PATH_SIZE];
	struct stat st;

	content_file_path(v->files, h->content_id, path, sizeof path);
	AUTO(file) fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return found(f, "file", "the file is not there");
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(v->arena, errno, "opening %s", path);
	if ((uint64_t)st.st_size != h->content_size)
		return found(f, "file", "the file has another size than its record says");
	return check_sum(v, fd, 0, h, "file", f);
}

static err check_record(struct verify *v, const struct segment *segment, const struct content_row *r,
                        struct record_head *h, struct finding *f)
{
	char octets[RECORD_HEAD_SIZE];
	file fd = segment_fd(segment);

	err e = file_read_at(fd, octets, sizeof octets, r->offset);
	if (e.code == ERR_OK)
		e = record_head_parse((str){ octets, sizeof octets }, h);
	if (is_damage(e))
		return found(f, "record", e.what);
	TRY(e);
	if (h->kind != RECORD_MESSAGE || h->content_id != r->content_id || h->content_size != r->size ||
	    record_content_at(h) != r->content_at || h->flags != r->flags)
		return found(f, "record", "the record is not the one that its row names");
	size_t front = (size_t)record_content_at(h);
	if (!room_for(v, front))
		return ERR_NO_MEMORY;
	e = file_read_at(fd, v->octets, front, r->offset);
	if (is_damage(e))
		return found(f, "record", e.what);
	TRY(e);
	if (!record_front_check(h, (str){ v->octets, front }))
		return found(f, "record", "the checksum of head, intent and summary does not hold");
	if (h->flags & RECORD_IN_FILE)
		return check_file(v, h, f);
	return check_sum(v, fd, r->offset + r->content_at, h, "content", f);
}

static err check_place(struct verify *v, const struct content_row *r, struct record_head *h,
                       struct finding *f)
{
	struct segment *segment;

	*f = (struct finding){ 0 };
	err e = segment_acquire(v->segments, r->segment, &segment);
	if (e.code == ERR_MISSING)
		return found(f, "segment", "the segment is not there");
	TRY(e);
	e = check_record(v, segment, r, h, f);
	segment_release(segment);
	return e;
}

/* The row as it is now. */
static err read_again(struct verify *v, struct content_row *r, bool *there)
{
	enum query q = Q_CONTENT_GET;
	err e = db_start(&v->db, q, DB_INT(r->content_id));

	if (e.code == ERR_OK)
		e = db_row(&v->db, q, there);
	if (e.code == ERR_OK && *there) {
		r->segment = db_u64(&v->db, q, 0);
		r->offset = db_u64(&v->db, q, 1);
	}
	db_end(&v->db, q);
	return e;
}

static err check_content(struct verify *v, struct content_row *r, struct record_head *h)
{
	struct finding f = { 0 };
	bool there = true;

	for (int i = 0; i < TRIES; i++) {
		uint64_t segment = r->segment, offset = r->offset;
		TRY(check_place(v, r, h, &f));
		if (!f.kind)
			return OK;
		TRY(read_again(v, r, &there));
		if (!there)
			return OK;
		if (r->segment == segment && r->offset == offset)
			break;
	}
	*h = (struct record_head){ .intent_size = UINT32_MAX }; /* no second problem about its rows */
	if (v->bad_count < LIMIT_VERIFY_PROBLEMS)
		v->bad[v->bad_count++] = (struct bad_place){ r->segment, r->offset };
	if (f.kind[0] == 'f')
		verify_add(v, f.kind, false, f.what, "files/%" PRIu64 "/%" PRIu64, r->content_id / 4096,
		           r->content_id);
	else
		verify_add(v, f.kind, false, f.what,
		           "segment %" PRIu64 ", offset %" PRIu64 ", content %" PRIu64, r->segment, r->offset,
		           r->content_id);
	return OK;
}

static err remember(struct verify *v, const struct content_row *r, const struct record_head *h)
{
	if (v->known_count == v->known_room) {
		size_t room = v->known_room ? v->known_room * 2 : 4096;
		struct known_content *more = realloc(v->known, room * sizeof *more);
		if (!more)
			return ERR_NO_MEMORY;
		v->known = more;
		v->known_room = room;
	}
	v->known[v->known_count++] = (struct known_content){ .content_id = r->content_id,
		                                             .size = r->size,
		                                             .intent_size = h->intent_size,
		                                             .refs = (uint32_t)r->refs };
	return OK;
}

static err read_page(struct verify *v, uint64_t after, struct content_row *rows, size_t *count)
{
	enum query q = Q_CONTENT_PAGE;
	bool more = false;
	size_t n = 0;
	err e = db_start(&v->db, q, DB_INT(after), DB_INT(LIMIT_READ_ROWS));

	while (e.code == ERR_OK && (e = db_row(&v->db, q, &more)).code == ERR_OK && more)
		rows[n++] = (struct content_row){ db_u64(&v->db, q, 0), db_u64(&v->db, q, 1),
			                          db_u64(&v->db, q, 2), db_u64(&v->db, q, 3),
			                          db_u64(&v->db, q, 4), db_u64(&v->db, q, 5),
			                          db_u64(&v->db, q, 6) };
	db_end(&v->db, q);
	*count = n;
	return e;
}

err verify_contents(struct verify *v)
{
	struct content_row *rows = arena_new(v->arena, struct content_row, LIMIT_READ_ROWS);
	struct record_head h;
	uint64_t after = 0;
	size_t count;

	if (!rows)
		return ERR_NO_MEMORY;
	do {
		TRY(read_page(v, after, rows, &count));
		for (size_t i = 0; i < count; i++) {
			after = rows[i].content_id;
			TRY(check_content(v, &rows[i], &h));
			TRY(remember(v, &rows[i], &h));
			v->report->contents++;
		}
	} while (count);
	return OK;
}

static int by_id(const void *a, const void *b)
{
	const struct known_content *x = a, *y = b;

	return (x->content_id > y->content_id) - (x->content_id < y->content_id);
}

struct known_content *verify_known(const struct verify *v, uint64_t content_id)
{
	struct known_content key = { .content_id = content_id };

	return v->known_count ? bsearch(&key, v->known, v->known_count, sizeof key, by_id) : NULL;
}

bool verify_is_bad(const struct verify *v, uint64_t segment, uint64_t offset)
{
	for (size_t i = 0; i < v->bad_count; i++)
		if (v->bad[i].segment == segment && v->bad[i].offset == offset)
			return true;
	return false;
}
