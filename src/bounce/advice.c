/* Rows are patterns: lists with "|" between, of which an empty one fits everything. A code is its first
 * digits, "0" where nobody answered; a status may have X for 4 or 5, "*" for any number, and a range at its
 * end; words are looked for in the reply's text as struct reply has it. */
#include "bounce/advice.h"

#include "base/buf.h"
#include "base/limits.h"

enum provider {
#define ADVICE_FROM(id, name, hosts, marks) FROM_##id,
#define ADVICE(id, key, codes, statuses, words, means, to_do)
#include "bounce/advice.def"
#undef ADVICE_FROM
#undef ADVICE
};

/* A host of the provider's is one of these names or below one; the marks are words that nobody else says. */
static const struct {
	str hosts, marks;
} providers[] = {
#define ADVICE_FROM(id, name, hosts, marks) [FROM_##id] = { STR_INIT(hosts), STR_INIT(marks) },
#define ADVICE(id, key, codes, statuses, words, means, to_do)
#include "bounce/advice.def"
#undef ADVICE_FROM
#undef ADVICE
};

static const struct row {
	enum provider provider;
	str codes, statuses, words;
	struct advice advice;
} rows[] = {
#define ADVICE_FROM(id, name, hosts, marks)
#define ADVICE(id, key, codes, statuses, words, means, to_do) \
	{ FROM_##id, \
	  STR_INIT(codes), \
	  STR_INIT(statuses), \
	  STR_INIT(words), \
	  { STR_INIT(key), STR_INIT(means), STR_INIT(to_do) } },
#include "bounce/advice.def"
#undef ADVICE_FROM
#undef ADVICE
};

/* A reply as the rows are compared with it. */
struct reply {
	str code, host;
	struct bounce_status status; /* of class 4 or 5; the rest 0 where nothing definite was said */
	str text; /* lower case, one space between words, without statuses, for they cut a sentence of several
	             lines in pieces, and without addresses, whose owner chose the words in them */
};

/* --- the reply --- */

static bool take_number(str *rest, char end, uint16_t *out)
{
	uint64_t number;

	if (!str_to_u64(str_cut(rest, end), 999, &number))
		return false;
	*out = (uint16_t)number;
	return true;
}

/* RFC 3463 §2; "(#5.1.1)" and "5.1.1:" are said too. Other dotted numbers, of versions and the like, begin
 * the same way: none has a subject over 7. */
static bool is_status(str word, struct bounce_status *out)
{
	uint16_t class, subject, detail;

	while (word.len && strchr("([#", word.ptr[0]))
		word = str_from(word, 1);
	while (word.len && strchr(")].,;:", word.ptr[word.len - 1]))
		word = str_slice(word, 0, word.len - 1);
	if (!take_number(&word, '.', &class) || !take_number(&word, '.', &subject) ||
	    !take_number(&word, ' ', &detail))
		return false;
	*out = (struct bounce_status){ (uint8_t) class, subject, detail };
	return (class == 4 || class == 5) && subject <= 7;
}

/* Appends the words of `text`. The status that begins it, with or without the code before it, or that has a
 * "#", is put in *said. */
static void add_words(struct buf *out, str text, struct bounce_status *said)
{
	for (size_t count = 0; text.len; count++) {
		size_t len = 0;
		struct bounce_status status;

		while (len < text.len && !strchr(" \t\r\n", text.ptr[len]))
			len++;
		str word = str_slice(text, 0, len);
		text = str_from(text, len < text.len ? len + 1 : len);
		if (is_status(word, &status)) {
			if (said->class == 0 && (count <= 1 || str_find_char(word, '#') < word.len))
				*said = status;
			continue;
		}
		if (word.len == 0 || str_find_char(word, '@') < word.len)
			continue;
		if (out->len)
			buf_add_char(out, ' ');
		for (size_t i = 0; i < word.len; i++)
			buf_add_char(out, ascii_lower(word.ptr[i]));
	}
}

/* The reply's own status counts where the given one says nothing, or was made up when time ran out: that a
 * mailbox was full all the time helps more. */
static struct bounce_status status_of(unsigned code, struct bounce_status given, struct bounce_status said)
{
	uint8_t class = (uint8_t)(code / 100);
	bool definite = given.subject || given.detail;

	if (definite && (code == 0 || given.class == class))
		return given;
	if (said.class)
		return said;
	return (struct bounce_status){ code ? class : given.class, 0, 0 };
}

/* --- a row --- */

static bool has_word(const struct reply *r, str word) { return str_find(r->text, word) < r->text.len; }

static bool has_code(const struct reply *r, str digits) { return str_starts(r->code, digits); }

static bool has_host(const struct reply *r, str name)
{
	size_t more = r->host.len - name.len;

	return str_ends_nocase(r->host, name) && (more == 0 || r->host.ptr[more - 1] == '.');
}

static bool is_number(uint16_t number, str pattern)
{
	str last = pattern, first = str_cut(&last, '-');
	uint64_t from = 0, to = 0;

	if (str_eq(pattern, STR("*")))
		return true;
	(void)str_to_u64(first, 999, &from);
	(void)str_to_u64(last.len ? last : first, 999, &to);
	return number >= from && number <= to;
}

static bool has_status(const struct reply *r, str pattern)
{
	str rest = pattern, class = str_cut(&rest, '.'), subject = str_cut(&rest, '.');

	return (str_eq(class, STR("X")) || is_number(r->status.class, class)) &&
	       is_number(r->status.subject, subject) && is_number(r->status.detail, rest);
}

static bool has_any(const struct reply *r, bool (*has)(const struct reply *r, str one), str list)
{
	while (list.len)
		if (has(r, str_cut(&list, '|')))
			return true;
	return false;
}

static bool fits(const struct reply *r, bool (*has)(const struct reply *r, str one), str list)
{
	return list.len == 0 || has_any(r, has, list);
}

static bool is_from(const struct reply *r, enum provider provider)
{
	str hosts = providers[provider].hosts, marks = providers[provider].marks;

	return hosts.len == 0 || has_any(r, has_host, hosts) || has_any(r, has_word, marks);
}

const struct advice *advice_find(unsigned code, struct bounce_status status, str text, str host)
{
	unsigned class = status.class ? status.class : code / 100;
	char octets[LIMIT_REPLY_TEXT + 1], digits[16];
	struct bounce_status said = { 0 };
	struct buf words, number;

	if (class != 4 && class != 5)
		return NULL;
	code = code >= 400 && code <= 599 ? code : 0;
	status.class = (uint8_t) class;
	buf_init_fixed(&words, octets, sizeof octets);
	add_words(&words, str_slice(text, 0, text.len < LIMIT_REPLY_TEXT ? text.len : LIMIT_REPLY_TEXT),
	          &said);
	buf_init_fixed(&number, digits, sizeof digits);
	buf_add_u64(&number, code);
	if (host.len && host.ptr[host.len - 1] == '.')
		host = str_slice(host, 0, host.len - 1);
	const struct reply reply = { .code = buf_str(&number),
		                     .host = host,
		                     .status = status_of(code, status, said),
		                     .text = buf_str(&words) };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (is_from(&reply, rows[i].provider) && fits(&reply, has_code, rows[i].codes) &&
		    fits(&reply, has_status, rows[i].statuses) && fits(&reply, has_word, rows[i].words))
			return &rows[i].advice;
	return NULL;
}

unsigned advice_code(str reply)
{
	uint64_t code = 0;

	return reply.len >= 3 && str_to_u64(str_slice(reply, 0, 3), 599, &code) ? (unsigned)code : 0;
}
