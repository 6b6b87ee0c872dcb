#include "pop3/command.h"

enum argument_rule { NONE, NUMBER, OPTIONAL_NUMBER, NUMBER_AND_LINES, NAME, OPTIONAL_NAME, PASSWORD };

static const struct {
	str keyword;
	enum argument_rule argument;
} grammar[POP3_VERB_COUNT] = {
	/* clang-format off */
	[POP3_AUTH] = { STR_INIT("AUTH"), OPTIONAL_NAME },
	[POP3_CAPA] = { STR_INIT("CAPA"), NONE },
	[POP3_DELE] = { STR_INIT("DELE"), NUMBER },
	[POP3_LANG] = { STR_INIT("LANG"), OPTIONAL_NAME },
	[POP3_LIST] = { STR_INIT("LIST"), OPTIONAL_NUMBER },
	[POP3_NOOP] = { STR_INIT("NOOP"), NONE },
	[POP3_PASS] = { STR_INIT("PASS"), PASSWORD },
	[POP3_QUIT] = { STR_INIT("QUIT"), NONE },
	[POP3_RETR] = { STR_INIT("RETR"), NUMBER },
	[POP3_RSET] = { STR_INIT("RSET"), NONE },
	[POP3_STAT] = { STR_INIT("STAT"), NONE },
	[POP3_STLS] = { STR_INIT("STLS"), NONE },
	[POP3_TOP]  = { STR_INIT("TOP"),  NUMBER_AND_LINES },
	[POP3_UIDL] = { STR_INIT("UIDL"), OPTIONAL_NUMBER },
	[POP3_USER] = { STR_INIT("USER"), NAME },
	[POP3_UTF8] = { STR_INIT("UTF8"), NONE },
	/* clang-format on */
};

static err wrong(const char *what) { return (err){ ERR_SYNTAX, 0, what }; }

static bool find_verb(str keyword, enum pop3_verb *out)
{
	for (unsigned v = 0; v < POP3_VERB_COUNT; v++)
		if (str_eq_nocase(keyword, grammar[v].keyword)) {
			*out = (enum pop3_verb)v;
			return true;
		}
	return false;
}

static err parse_number(str text, uint32_t *out)
{
	uint64_t n;

	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return wrong("A number is wanted there: that of a message, as LIST says it");
	*out = str_to_u64(text, UINT32_MAX, &n) ? (uint32_t)n : UINT32_MAX;
	return OK;
}

/* NUL, CR and LF have no place in a name or password (RFC 4616 §2 for NUL) and would only be a mistake. */
static err parse_text(str text, str *out)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == 0 || text.ptr[i] == '\r' || text.ptr[i] == '\n')
			return wrong("There is a NUL, CR or LF in the line");
	if (text.len == 0)
		return wrong("There is nothing after the command");
	*out = text;
	return OK;
}

/* "2 10": a message and how many lines of its body. */
static err parse_top(str argument, struct pop3_command *c)
{
	str lines = argument, number = str_cut(&lines, ' ');

	lines = str_trim_wsp(lines);
	if (lines.len == 0)
		return wrong("TOP wants two numbers: that of a message and how many lines of its text");
	c->has_number = true;
	TRY(parse_number(number, &c->number));
	return parse_number(lines, &c->lines);
}

static err parse_argument(enum argument_rule rule, str argument, struct pop3_command *c)
{
	switch (rule) {
	case NONE:
		return argument.len > 0 ? wrong("This command has no argument") : OK;
	case NUMBER:
		if (argument.len == 0)
			return wrong("The number of a message is missing");
		/* fall through */
	case OPTIONAL_NUMBER:
		c->has_number = argument.len > 0;
		return c->has_number ? parse_number(argument, &c->number) : OK;
	case NUMBER_AND_LINES:
		return parse_top(argument, c);
	case OPTIONAL_NAME:
		if (argument.len == 0)
			return OK;
		/* fall through */
	case NAME:
	case PASSWORD:
		return parse_text(argument, &c->text);
	}
	return OK;
}

err pop3_command_parse(str line, struct pop3_command *out)
{
	size_t space = str_find_char(line, ' ');
	struct pop3_command c = { 0 };
	str argument;

	if (!find_verb(str_trim_wsp(str_slice(line, 0, space)), &c.verb))
		return (err){ ERR_MISSING, 0, "No such command; CAPA lists what there is" };
	/* Each argument follows one space; a password may begin and end with more. */
	argument = str_from(line, space < line.len ? space + 1 : line.len);
	if (grammar[c.verb].argument != PASSWORD)
		argument = str_trim_wsp(argument);
	TRY(parse_argument(grammar[c.verb].argument, argument, &c));
	*out = c;
	return OK;
}
