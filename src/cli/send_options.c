#include "cli/send_options.h"

#include <string.h>
#include <strings.h>

/* Options of sendmail that programs leave out or that would promise what is not there, and what to do. */
static const struct refusal {
	const char *option;
	const char *why;
} refusals[] = {
	{ "-bp", "there is no queue to show; postrider trace tells what happened to a message" },
	{ "-bi", "aliases take effect at once: postrider alias add" },
	{ "-bd", "the server is started by postrider serve" },
	{ "-bv", "addresses are looked up by postrider account show and alias list" },
	{ "-q", "there is no queue to run" },
};

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

static err refuse(struct command_line *line, char letter, const char *value)
{
	char option[3] = { '-', letter, '\0' };

	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const char *known = refusals[i].option;
		if (known[1] == letter && (known[2] == '\0' || known[2] == value[0]))
			return command_usage(line, "%s: %s", known, refusals[i].why);
	}
	return command_usage(line, "no option \"%s%s\"", option, value);
}

/* The options that carry a value. */
static err take_value(struct command_line *line, char letter, const char *value, struct send_options *out)
{
	/* How errors are told and when delivery begins: always on standard error and by the exit code, and at
	 * once. */
	static const char *const settled[] = { "em", "ee", "ep", "eq", "ew", "db",
		                               "di", "dd", "dq", "m",  "7",  NULL };

	switch (letter) {
	case 'f':
	case 'r':
		out->reverse_path = value;
		return OK;
	case 'F':
		out->full_name = value;
		return OK;
	case 'B': /* what the octets are is seen by looking at them */
		if (strcasecmp(value, "7BIT") == 0 || strcasecmp(value, "8BITMIME") == 0)
			return OK;
		return command_usage(line, "-B takes 7BIT or 8BITMIME");
	case 'b':
		out->dialogue = strcmp(value, "s") == 0;
		return out->dialogue || strcmp(value, "m") == 0 ? OK : refuse(line, letter, value);
	default: /* o */
		out->dot_is_text = out->dot_is_text || strcmp(value, "i") == 0;
		return strcmp(value, "i") == 0 || is_one_of(value, settled) ? OK
		                                                            : refuse(line, letter, value);
	}
}

static bool take_flag(char letter, struct send_options *out)
{
	switch (letter) {
	case 't':
		out->from_header = true;
		return true;
	case 'i':
		out->dot_is_text = true;
		return true;
	case 'v':
		out->verbose = true;
		return true;
	case 'm': /* the sender gets a copy where it is a recipient */
	case 'U': /* it is a first submission */
		return true;
	default:
		return false;
	}
}

/* The letters of one word; *at moves on where the value is the next word. */
static err take_word(struct command_line *line, size_t *at, struct send_options *out)
{
	for (const char *letter = line->words[*at] + 1; *letter; letter++) {
		if (take_flag(*letter, out))
			continue;
		if (!strchr("fFrBbo", *letter))
			return refuse(line, *letter, letter + 1);
		if (letter[1])
			return take_value(line, *letter, letter + 1, out);
		if (*at + 1 == line->count)
			return command_usage(line, "-%c needs a value", *letter);
		return take_value(line, *letter, line->words[++*at], out);
	}
	return OK;
}

err send_options_read(struct command_line *line, struct send_options *out)
{
	struct send_options options = { 0 };
	size_t at = 0;

	for (; at < line->count; at++) {
		const char *word = line->words[at];
		if (strcmp(word, "--") == 0) {
			at++;
			break;
		}
		if (word[0] != '-' || word[1] == '\0')
			break;
		TRY(take_word(line, &at, &options));
	}
	line->words += at;
	line->count -= at;
	if (options.dialogue && (options.from_header || line->count > 0))
		return command_usage(line, "with -bs recipients are named in the dialogue only");
	*out = options;
	return OK;
}
