/* cli/usage.h: the usage at the head of a command's help, read as the grammar that it is. Pure.
 *
 *   Usage: postrider account add ADDRESS [--name NAME] [--password-stdin]
 *          postrider account suspend ADDRESS | resume ADDRESS
 *
 * A form is one action with its options and arguments; a command without actions has forms with an empty one.
 * Completions and the manual page are made of it, and options_read and run_action assert that what they take
 * stands in it, so that neither people nor shells are told of something else than what the program does.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "base/str.h"

enum { USAGE_FORM_WORDS = 64 };

struct usage_reader {
	str rest; /* of the usage lines */
	str line; /* of the form at hand: what stands behind " | " */
};

/* One form; slices of the help text. */
struct usage_form {
	str action;                  /* "add"; empty: the command has none */
	str words[USAGE_FORM_WORDS]; /* options, values and arguments, still in their brackets */
	size_t count;
};

struct usage_option {
	str name;  /* "--quota", "-f" */
	str value; /* "SIZE"; empty: it takes none */
};

/* `help` begins with "Usage: ". */
void usage_begin(struct usage_reader *r, str help);
bool usage_next(struct usage_reader *r, struct usage_form *out);

/* The form's next option from word *at on, which moves past it. */
bool usage_option_next(const struct usage_form *form, size_t *at, struct usage_option *out);

/* Is there an argument that begins with `kind` ("FILE", "DIR") and is no option's value? */
bool usage_has_argument(const struct usage_form *form, str kind);

/* What the help says about an option, its first line; empty where nothing. */
str usage_says(str help, str option);

/* Is there a form with this action, or an option of that name in any form? */
bool usage_has_action(str help, str action);
bool usage_has_option(str help, str option);

/* The help behind the usage. */
str usage_text(str help);

#endif
