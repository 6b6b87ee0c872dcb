#include "cli/manual.h"

#include "base/roff.h"
#include "base/version.h"
#include "cli/usage.h"

static const struct {
	enum exit_code code;
	const char *says;
} exits[] = {
	{ EXIT_FINE, "It is done." },
	{ EXIT_USAGE, "The command was called in a wrong way." },
	{ EXIT_BAD_DATA, "Damage was found, or an address or a message is malformed." },
	{ EXIT_NO_INPUT, "A file that was named can't be read." },
	{ EXIT_NO_SUCH, "There is no such account, domain, alias or app." },
	{ EXIT_UNAVAILABLE, "No server runs, or it refuses; for doctor, something is an error." },
	{ EXIT_BUG, "A bug in postrider." },
	{ EXIT_EXISTS, "There is one already." },
	{ EXIT_IO, "Reading or writing failed." },
	{ EXIT_TRY_AGAIN, "Try again later." },
	{ EXIT_NOT_PERMITTED, "Not permitted." },
	{ EXIT_CONFIG, "The configuration is missing or wrong." },
};

/* Command lines, as they stand. */
static void add_example(struct buf *out, str text)
{
	buf_add(out, STR(".nf\n"));
	roff_add(out, text);
	buf_add(out, STR("\n.fi\n"));
}

static void add_usage(struct buf *out, str help)
{
	str usage = str_from(str_slice(help, 0, help.len - usage_text(help).len), sizeof "Usage: " - 1);

	buf_add(out, STR(".nf\n"));
	for (str line = str_cut(&usage, '\n'); line.len > 0; line = str_cut(&usage, '\n')) {
		str words = str_trim_wsp(line);
		if (!str_starts(words, STR("postrider ")))
			buf_add(out, STR("    "));
		roff_add(out, words);
		buf_add_char(out, '\n');
	}
	buf_add(out, STR(".fi\n"));
}

/* Lines of an entry, "  --name NAME  what it is", or what goes on with one. */
static bool is_indented(str line) { return str_starts(line, STR("  ")); }

static size_t indent_of(str line) { return line.len - str_trim_wsp(line).len; }

/* One entry with its continuation lines; an entry without a description is an example. */
static void add_entry(struct buf *out, str line, str *text)
{
	str entry = str_trim_wsp(line);
	size_t gap = str_find(entry, STR("  "));

	if (gap == entry.len) {
		add_example(out, entry);
		return;
	}
	buf_add(out, STR(".TP\n"));
	roff_add_bold(out, str_slice(entry, 0, gap));
	buf_add_char(out, '\n');
	roff_add(out, str_trim_wsp(str_from(entry, gap)));
	buf_add_char(out, '\n');
	for (;;) {
		str rest = *text, next = str_cut(&rest, '\n');
		if (!is_indented(next) || indent_of(next) <= 2)
			return;
		roff_add(out, str_trim_wsp(next));
		buf_add_char(out, '\n');
		*text = rest;
	}
}

static void add_text(struct buf *out, str text)
{
	bool begins = true;

	while (text.len > 0) {
		str line = str_cut(&text, '\n');
		if (line.len == 0) {
			begins = true;
		} else if (is_indented(line)) {
			add_entry(out, line, &text);
			begins = true;
		} else {
			buf_add(out, begins ? STR(".PP\n") : STR(""));
			roff_add(out, line);
			buf_add_char(out, '\n');
			begins = false;
		}
	}
}

static void add_command(struct buf *out, const struct command *command)
{
	buf_add(out, STR(".SS "));
	roff_add(out, str_of(command->name));
	buf_add_char(out, '\n');
	roff_add(out, str_of(command->summary));
	buf_add(out,
	        command->summary[strlen(command->summary) - 1] == '?' ? STR("\n.PP\n") : STR(".\n.PP\n"));
	add_usage(out, str_of(command->help));
	add_text(out, usage_text(str_of(command->help)));
}

static const char frame_before[] =
	".SH NAME\npostrider \\- the mail server of a business\n"
	".SH SYNOPSIS\n\\fBpostrider\\fR \\fICOMMAND\\fR [\\fB\\-c\\fR \\fIFILE\\fR] [\\fB\\-\\-json\\fR] "
	"...\n"
	".SH DESCRIPTION\n"
	"postrider is one program that receives mail, keeps it durably and gives it to people's mail "
	"programs. Its\n"
	"server is \\fBpostrider serve\\fR; every other command manages it, whether it runs or not.\n"
	".PP\n"
	"These may stand anywhere after the program's name:\n"
	".TP\n\\fB\\-c\\fR \\fIFILE\\fR\n"
	"The configuration, postrider.toml(5). Otherwise \\fB$POSTRIDER_CONFIG\\fR, "
	"\\fI./postrider.toml\\fR,\n"
	"\\fI/etc/postrider/postrider.toml\\fR.\n"
	".TP\n\\fB\\-\\-json\\fR\n"
	"Answers and errors for programs: lists print one object a line, everything else one object; errors "
	"are\n"
	"objects on standard error.\n"
	".TP\n\\fB\\-\\-help\\fR\nExplain the command.\n"
	".TP\n\\fB\\-\\-version\\fR\nSay which postrider this is.\n"
	".SH COMMANDS\n";

static const char frame_after[] =
	".SH ENVIRONMENT\n.TP\n\\fBPOSTRIDER_CONFIG\\fR\nThe configuration where no \\fB\\-c\\fR is given.\n"
	".SH FILES\n"
	".TP\n\\fI/etc/postrider/postrider.toml\\fR\nThe configuration.\n"
	".TP\n\\fI/var/lib/postrider\\fR\n"
	"Everything that is kept, where data_dir says so: messages, accounts, the log of events.\n"
	".SH SEE ALSO\npostrider.toml(5)\n";

void manual_page(struct buf *out, const struct command *const *commands, size_t count, const char *date)
{
	buf_add_format(out, ".TH POSTRIDER 1 \"%s\" \"postrider %s\"\n", date, POSTRIDER_VERSION);
	buf_add(out, str_of(frame_before));
	for (size_t i = 0; i < count; i++)
		add_command(out, commands[i]);
	buf_add(out, STR(".SH EXIT STATUS\n"));
	for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
		buf_add_format(out, ".TP\n\\fB%d\\fR\n", (int)exits[i].code);
		roff_add(out, str_of(exits[i].says));
		buf_add_char(out, '\n');
	}
	buf_add(out, str_of(frame_after));
}
