/* A line is a command or says why not; text lies within the line; what it parsed to, written out again,
 * parses to the same. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "pop3/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static const char *const keywords[POP3_VERB_COUNT] = {
	[POP3_AUTH] = "AUTH", [POP3_CAPA] = "CAPA", [POP3_DELE] = "DELE", [POP3_LANG] = "LANG",
	[POP3_LIST] = "LIST", [POP3_NOOP] = "NOOP", [POP3_PASS] = "PASS", [POP3_QUIT] = "QUIT",
	[POP3_RETR] = "RETR", [POP3_RSET] = "RSET", [POP3_STAT] = "STAT", [POP3_STLS] = "STLS",
	[POP3_TOP] = "TOP",   [POP3_UIDL] = "UIDL", [POP3_USER] = "USER", [POP3_UTF8] = "UTF8",
};

static void write_out(struct buf *out, const struct pop3_command *c)
{
	buf_add(out, str_of(keywords[c->verb]));
	if (c->has_number || c->text.len)
		buf_add_char(out, ' ');
	if (c->has_number)
		buf_add_u64(out, c->number);
	if (c->verb == POP3_TOP) {
		buf_add_char(out, ' ');
		buf_add_u64(out, c->lines);
	}
	buf_add(out, c->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str line = { (const char *)octets, size };
	struct pop3_command c = { .verb = POP3_VERB_COUNT }, again = c;
	struct arena arena;
	struct buf out;
	err e = pop3_command_parse(line, &c);

	if (e.code != ERR_OK) {
		must((e.code == ERR_MISSING || e.code == ERR_SYNTAX) && e.what && c.verb == POP3_VERB_COUNT);
		return 0;
	}
	must(c.verb < POP3_VERB_COUNT);
	must(c.text.len == 0 || (c.text.ptr >= line.ptr && c.text.ptr + c.text.len <= line.ptr + line.len));
	arena_init(&arena, NULL, 16u * LIMIT_MB);
	buf_init(&out, &arena, size + 32);
	write_out(&out, &c);
	must(buf_err(&out).code == ERR_OK && pop3_command_parse(buf_str(&out), &again).code == ERR_OK);
	must(again.verb == c.verb && again.has_number == c.has_number && again.number == c.number &&
	     again.lines == c.lines && str_eq(again.text, c.text));
	arena_reset(&arena);
	return 0;
}
