#include "base/quarantine.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

enum { LINE_MAX_OCTETS = 256, FILE_MAX = LINE_MAX_OCTETS * (LIMIT_QUARANTINE + 1) };

static const char heading[] = "postrider quarantine 1: fingerprint crashes kind id network last_ms crc";

const char *flight_kind_name(enum flight_kind kind)
{
	static const char *const names[FLIGHT_KINDS] = { "none", "incoming", "stored", "command", "report" };

	return names[kind];
}

static bool hex(str s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		n = n << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*out = n;
	return true;
}

static bool kind_of(str name, enum flight_kind *out)
{
	for (unsigned i = 1; i < FLIGHT_KINDS; i++) {
		if (str_eq(name, str_of(flight_kind_name(i)))) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* False for a line that is not as it was written. */
static bool parse_line(str line, quarantine_entry *out)
{
	quarantine_entry e = { 0 };
	size_t last = str_rfind_char(line, ' ');
	uint64_t crc, crashes, last_ms;

	if (last == line.len || !hex(str_from(line, last + 1), &crc) ||
	    crc != crc32c(0, str_slice(line, 0, last)))
		return false;
	str rest = str_slice(line, 0, last);
	if (!hex(str_cut(&rest, ' '), &e.fingerprint) ||
	    !str_to_u64(str_cut(&rest, ' '), UINT32_MAX, &crashes) ||
	    !kind_of(str_cut(&rest, ' '), &e.kind) || !str_to_u64(str_cut(&rest, ' '), UINT64_MAX, &e.id) ||
	    ip_parse(str_cut(&rest, ' '), &e.network).code != ERR_OK ||
	    !str_to_u64(rest, INT64_MAX, &last_ms))
		return false;
	e.crashes = (uint32_t)crashes;
	e.last_ms = (int64_t)last_ms;
	*out = e;
	return true;
}

err quarantine_load(struct arena *arena, str path, struct quarantine *out)
{
	struct quarantine q = { .entry = arena_new(arena, quarantine_entry, LIMIT_QUARANTINE) };
	str text = { 0 };

	if (!q.entry)
		return ERR_NO_MEMORY;
	err e = file_read_all(arena, path, FILE_MAX, &text);
	if (e.code != ERR_OK && e.code != ERR_MISSING)
		return e;
	str first = str_cut(&text, '\n');
	q.damaged += first.len != 0 && !str_eq(first, str_of(heading));
	while (text.len && q.count < LIMIT_QUARANTINE) {
		if (parse_line(str_cut(&text, '\n'), &q.entry[q.count]))
			q.count++;
		else
			q.damaged++;
	}
	*out = q;
	return OK;
}

/* Where a new entry goes: behind the last, or over the one that can best be spared. */
static quarantine_entry *room_for_one(struct quarantine *q)
{
	quarantine_entry *spared = &q->entry[0];

	if (q->count < LIMIT_QUARANTINE)
		return &q->entry[q->count++];
	for (size_t i = 1; i < q->count; i++) {
		quarantine_entry *e = &q->entry[i];
		bool once = e->crashes < QUARANTINE_CRASHES,
		     spared_once = spared->crashes < QUARANTINE_CRASHES;
		if (once != spared_once ? once : e->last_ms < spared->last_ms)
			spared = e;
	}
	return spared;
}

void quarantine_count(struct quarantine *q, const quarantine_entry *seen)
{
	for (size_t i = 0; i < q->count; i++) {
		quarantine_entry *e = &q->entry[i];
		if (e->fingerprint != seen->fingerprint)
			continue;
		uint32_t crashes = e->crashes < UINT32_MAX ? e->crashes + 1 : e->crashes;
		*e = *seen;
		e->crashes = crashes;
		return;
	}
	quarantine_entry *e = room_for_one(q);
	*e = *seen;
	e->crashes = 1;
}

bool quarantine_remove(struct quarantine *q, uint64_t fingerprint)
{
	for (size_t i = 0; i < q->count; i++) {
		if (q->entry[i].fingerprint == fingerprint) {
			q->entry[i] = q->entry[--q->count];
			return true;
		}
	}
	return false;
}

static void add_line(struct buf *out, const quarantine_entry *e)
{
	char text[LINE_MAX_OCTETS];
	struct buf line;

	buf_init_fixed(&line, text, sizeof text);
	buf_add_format(&line, "%016llx %u %s ", (unsigned long long)e->fingerprint, e->crashes,
	               flight_kind_name(e->kind));
	buf_add_u64(&line, e->id);
	buf_add_char(&line, ' ');
	ip_format(&line, e->network);
	buf_add_char(&line, ' ');
	buf_add_i64(&line, e->last_ms);
	uint32_t crc = crc32c(0, buf_str(&line));
	buf_add_format(&line, " %08x\n", crc);
	buf_add(out, buf_str(&line));
}

err quarantine_save(struct arena *arena, str path, const struct quarantine *q)
{
	struct buf out;

	buf_init(&out, arena, FILE_MAX);
	buf_add(&out, str_of(heading));
	buf_add_char(&out, '\n');
	for (size_t i = 0; i < q->count; i++)
		add_line(&out, &q->entry[i]);
	TRY(buf_err(&out));
	return file_replace(arena, path, buf_str(&out), 0600);
}
