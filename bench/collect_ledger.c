#include "collect_ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum { EXAMPLES = 8, FIRST_ROOM = 1 << 16 };

enum verdict { MISSING, DUPLICATE, DAMAGED, MISPLACED, UNEXPECTED, VERDICTS };

static const char *const verdict_names[VERDICTS] = { "missing", "duplicates", "damaged", "misplaced",
	                                             "unexpected" };

struct finding {
	uint64_t count;
	uint64_t example[EXAMPLES]; /* the first numbers, for whoever looks into it */
};

/* What is known of one number. */
struct entry {
	bool acknowledged, unknown;
	unsigned char seen; /* 255: that often or more */
};

struct ledger {
	struct message_spec spec;
	struct message_pool *pool;
	struct entry *entry;
	size_t room;
	uint64_t expected, unknown, found, unknown_found, foreign;
	struct finding finding[VERDICTS];
};

static struct entry *entry_of(struct ledger *l, uint64_t seq)
{
	if (seq > UINT32_MAX)
		tool_die("number %llu is out of this world", (unsigned long long)seq);
	while (seq >= l->room) {
		struct entry *more = tool_alloc(2 * l->room, sizeof *more);
		memcpy(more, l->entry, l->room * sizeof *more);
		free(l->entry);
		l->entry = more;
		l->room *= 2;
	}
	return &l->entry[seq];
}

static void note(struct finding *f, uint64_t seq)
{
	if (f->count < EXAMPLES)
		f->example[f->count] = seq;
	f->count++;
}

struct ledger *ledger_open(const char *acks_path)
{
	struct ledger *l = tool_alloc(1, sizeof *l);
	FILE *acks = fopen(acks_path, "r");
	char line[64];

	if (acks == NULL)
		tool_die("%s: %s", acks_path, strerror(errno));
	if (message_spec_read(acks, &l->spec) != 0)
		tool_die("%s: does not begin as smtp-load begins it", acks_path);
	l->room = FIRST_ROOM;
	l->entry = tool_alloc(l->room, sizeof *l->entry);
	while (fgets(line, sizeof line, acks) != NULL) {
		bool unknown = line[0] == '?';
		struct entry *e = entry_of(l, strtoull(line + unknown, NULL, 10));
		if (unknown)
			e->unknown = true;
		else
			e->acknowledged = true;
		l->unknown += unknown;
		l->expected += !unknown;
	}
	fclose(acks);
	l->pool = message_pool_new(&l->spec);
	return l;
}

void ledger_free(struct ledger *l)
{
	message_pool_free(l->pool);
	free(l->entry);
	free(l);
}

const struct message_spec *ledger_spec(const struct ledger *l) { return &l->spec; }

/* Where our own first field begins; NULL if it is nowhere in the header block. */
static const char *find_own(const char *octets, size_t len)
{
	static const char field[] = "X-Load-Seq: ";
	const char *end = octets + len;

	for (const char *line = octets; line < end;) {
		if ((size_t)(end - line) >= sizeof field && memcmp(line, field, sizeof field - 1) == 0)
			return line;
		const char *next = memchr(line, '\n', (size_t)(end - line));
		if (next == NULL || next - line < 2)
			return NULL;
		line = next + 1;
	}
	return NULL;
}

static bool is_of_run(const struct ledger *l, const char *own, size_t len)
{
	char field[MESSAGE_RUN_MAX + 32];
	int want = snprintf(field, sizeof field, "\nX-Load-Run: %s\r\n", l->spec.run);
	const char *line_end = memchr(own, '\n', len);

	return line_end != NULL && len - (size_t)(line_end - own) >= (size_t)want &&
	       memcmp(line_end, field, (size_t)want) == 0;
}

static bool is_identical(const struct ledger *l, uint64_t seq, const char *own, size_t len)
{
	struct message m;

	message_make(l->pool, seq, &m);
	return len == m.head_len + m.rest_len && memcmp(own, m.head, m.head_len) == 0 &&
	       memcmp(own + m.head_len, m.rest, m.rest_len) == 0;
}

void ledger_judge(struct ledger *l, unsigned user, const char *octets, size_t len)
{
	const char *own = find_own(octets, len);
	size_t own_len = own != NULL ? len - (size_t)(own - octets) : 0;

	if (own == NULL || !is_of_run(l, own, own_len)) {
		l->foreign++;
		return;
	}
	uint64_t seq = strtoull(own + strlen("X-Load-Seq: "), NULL, 10);
	struct entry *e = entry_of(l, seq);
	l->found++;
	if (e->seen < 255)
		e->seen++;
	l->unknown_found += e->unknown && e->seen == 1;
	if (!e->acknowledged && !e->unknown)
		note(&l->finding[UNEXPECTED], seq);
	if (e->seen > 1)
		note(&l->finding[DUPLICATE], seq);
	if (!is_identical(l, seq, own, own_len))
		note(&l->finding[DAMAGED], seq);
	if (message_user(&l->spec, seq) != user)
		note(&l->finding[MISPLACED], seq);
}

bool ledger_report(const struct ledger *l, FILE *out)
{
	struct finding finding[VERDICTS];
	bool good = true;

	memcpy(finding, l->finding, sizeof finding);
	for (size_t seq = 0; seq < l->room; seq++)
		if (l->entry[seq].acknowledged && l->entry[seq].seen == 0)
			note(&finding[MISSING], seq);
	fprintf(out,
	        "\"expected\":%llu,\"found\":%llu,\"unknown\":%llu,\"unknown_found\":%llu,\"foreign\":%llu",
	        (unsigned long long)l->expected, (unsigned long long)l->found, (unsigned long long)l->unknown,
	        (unsigned long long)l->unknown_found, (unsigned long long)l->foreign);
	for (unsigned v = 0; v < VERDICTS; v++) {
		fprintf(out, ",\"%s\":%llu", verdict_names[v], (unsigned long long)finding[v].count);
		good &= finding[v].count == 0;
	}
	fputs(",\"examples\":{", out);
	bool first = true;
	for (unsigned v = 0; v < VERDICTS; v++) {
		if (finding[v].count == 0)
			continue;
		fprintf(out, "%s\"%s\":[", first ? "" : ",", verdict_names[v]);
		for (unsigned i = 0; i < EXAMPLES && i < finding[v].count; i++)
			fprintf(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)finding[v].example[i]);
		fputc(']', out);
		first = false;
	}
	fputc('}', out);
	return good;
}
