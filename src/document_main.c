/* Prints what is made from the program's tables when it is installed: document bash|zsh|fish|man1|man5 [DATE]
 */
#include <stdio.h>

#include "admin/config.h"
#include "cli/completion.h"
#include "cli/manual.h"
#include "command_table.h"

static void make(struct buf *out, str what, const char *date)
{
	if (str_eq(what, STR("bash")))
		completion_bash(out, command_table, command_table_count);
	else if (str_eq(what, STR("zsh")))
		completion_zsh(out, command_table, command_table_count);
	else if (str_eq(what, STR("fish")))
		completion_fish(out, command_table, command_table_count);
	else if (str_eq(what, STR("man1")))
		manual_page(out, command_table, command_table_count, date);
	else if (str_eq(what, STR("man5")))
		config_manual(out, date);
}

int main(int argc, char **argv)
{
	static char text[256 * LIMIT_KB];
	struct buf out;

	buf_init_fixed(&out, text, sizeof text);
	make(&out, str_of(argc > 1 ? argv[1] : ""), argc > 2 ? argv[2] : "");
	if (out.len == 0)
		return EXIT_USAGE;
	if (buf_err(&out).code != ERR_OK)
		return EXIT_BUG;
	return fwrite(text, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? EXIT_FINE : EXIT_IO;
}
