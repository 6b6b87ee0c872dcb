/* A line is cut into parts of itself that hold no line end; parameters are read to the end or refused where
 * they break, and a size that is taken was written there. */
#include <stdlib.h>

#include "smtp/command_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static bool is_within(str part, str whole)
{
	return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str line = { (const char *)octets, size };
	struct smtp_command_line parsed;
	struct smtp_mail_parameters parameters;
	scan s = { line, 0 };
	err e = smtp_command_line_parse(line, &parsed);

	if (e.code == ERR_OK) {
		must(is_within(parsed.verb, line) && is_within(parsed.argument, line));
		must(str_find_char(parsed.verb, ' ') == parsed.verb.len);
		must(str_find_char(parsed.argument, '\n') == parsed.argument.len);
	} else {
		must(e.at < size && (octets[e.at] == 0 || octets[e.at] == 0x0d || octets[e.at] == 0x0a));
	}
	e = smtp_mail_parameters_parse(&s, &parameters);
	must(s.at <= size);
	must(e.code == ERR_OK ? scan_at_end(&s) : e.what != NULL);
	must(e.code != ERR_OK || parameters.has_size || parameters.size == 0);
	s.at = 0;
	e = smtp_rcpt_parameters_parse(&s);
	must(s.at <= size && (e.code == ERR_OK) == (size == 0));
	return 0;
}
